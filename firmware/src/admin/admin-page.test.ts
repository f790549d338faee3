import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { MachineReason } from "../backend/machine.ts";

const PAGE = readFileSync("firmware/ADMIN.md", "utf8");
const sourceOf = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");

/** The requests that `ROUTES` of api.ts serves: `GET /api/config`, … */
function served(): string[] {
  const source = sourceOf("api.ts").replaceAll("[HEALTH]", '"/healthz"');
  const [table] = source.split("const ROUTES")[1].split("\n});\n");
  const paths = table.split(/^ {2}"(\/[^"]*)":/m).slice(1);
  const routes: string[] = [];
  for (let at = 0; at < paths.length; at += 2) {
    for (const [, method] of paths[at + 1].matchAll(/\b(GET|PUT):/g)) {
      routes.push(`${method} ${paths[at].replace("*", "NAME")}`);
    }
  }
  return routes.sort();
}

test("ADMIN.md has a row for each path and method of the API, and no other", () => {
  const rows = [...PAGE.matchAll(/^\| `(\/[^`?]*)[^`]*` +\| (GET|PUT) +\|(.*)$/gm)];
  const named = rows.flatMap(([, path, method, text]) => [
    `${method} ${path}`,
    ...[...text.matchAll(/`(\/api\/[^`]+)` is one/g)].map(([, one]) => `${method} ${one}`),
  ]);
  expect([...new Set(named)].sort()).toEqual(served());
});

test("each metric that ADMIN.md names exists", () => {
  const names = [...PAGE.matchAll(/hot_potato_(\w+)/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(5);
  const source = sourceOf("metrics.ts");
  expect(names.filter(name => name !== "" && !source.includes(`"${name}"`))).toEqual([]);
});

test("the page and ADMIN.md have words for each reason why a machine is in its state", () => {
  const reasons: Record<Exclude<MachineReason, "removed">, true> = {
    ...{ start: true, request: true, operator: true, schedule: true, load: true, check: true },
    ...{ idle: true, "sleep-failed": true, unreachable: true, "not-ready": true },
  };
  const [, table] = /const WHYS = \{([^}]*)\}/.exec(sourceOf("page-script.ts"))!;
  for (const reason of Object.keys(reasons)) {
    expect(table).toMatch(new RegExp(`(^|[ \\n])"?${reason}"?: "`));
    expect(PAGE).toContain(`\`${reason}\``);
  }
});
