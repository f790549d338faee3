import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readConfig } from "../config/config.ts";
import {
  ADMIN_CONNECTIONS_MAX,
  budget,
  CLOSING_CONNECTIONS,
  LISTENERS_MAX,
  LISTENING_SOCKETS_MAX,
  PROBES_MAX,
  REFUSALS_MAX,
} from "./connection-budget.ts";

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

const { connectionsMax } = JSON.parse(read("manifest.json")).config as { connectionsMax: number };

const BACKENDS = [{ address: "192.168.1.10", port: 8080 }];

function budgetOf(document: object) {
  const outcome = readConfig({ backends: BACKENDS, ...document });
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return budget(connectionsMax, outcome.config);
}

/** All control blocks that may be in use at once. */
function blocks({ sessionsMax, queueMax }: ReturnType<typeof budget>): number {
  const others = REFUSALS_MAX + ADMIN_CONNECTIONS_MAX + PROBES_MAX + CLOSING_CONNECTIONS;
  return 2 * sessionsMax + queueMax + others + LISTENING_SOCKETS_MAX;
}

test("the table in the README is how the connections are shared out", () => {
  const { sessionsMax, queueMax } = budgetOf({});
  const rows: [string, number, string][] = [
    [`${sessionsMax} sessions, each with a client and a backend`, 2 * sessionsMax, "what is left"],
    ["clients in the queue", queueMax, "`queueMax`"],
    ["clients that are being refused", REFUSALS_MAX, "`REFUSALS_MAX`"],
    ["clients of the admin port", ADMIN_CONNECTIONS_MAX, "`ADMIN_CONNECTIONS_MAX`"],
    ["health probe", PROBES_MAX, "`PROBES_MAX`"],
    ["connection that is closing", CLOSING_CONNECTIONS, "`CLOSING_CONNECTIONS`"],
    [
      `listening sockets: ${LISTENERS_MAX} listeners and the admin port`,
      LISTENING_SOCKETS_MAX,
      "`LISTENING_SOCKETS_MAX`",
    ],
    ["**all**", connectionsMax, "`LWIP_MAX_ACTIVE_TCP`"],
  ];
  const readme = read("README.md");
  const section = readme.slice(readme.indexOf("## Connections"), readme.indexOf("## Memory plan"));
  const cells = section
    .split("\n")
    .filter(line => line.startsWith("|"))
    .map(line =>
      line
        .split("|")
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
  expect(cells.slice(2)).toEqual(rows.map(([what, count, home]) => [what, `${count}`, home]));
  expect(blocks(budgetOf({}))).toBe(connectionsMax);
});

test.each([0, 1, 2, 3, 4, 5, 8])(
  "a queue of %i takes its connections from the sessions, and no more are shared out than there are",
  queueMax => {
    const shared = budgetOf({ queueMax });
    expect(shared.queueMax).toBe(queueMax);
    expect(blocks(shared)).toBeLessThanOrEqual(connectionsMax);
    expect(blocks(shared)).toBeGreaterThanOrEqual(connectionsMax - 1);
  },
);

test("listeners take none from the sessions, so that the next configuration may have as many as it likes", () => {
  const listeners = [80, 8080, 8443].map(port => ({ port }));
  expect(listeners).toHaveLength(LISTENERS_MAX);
  expect(budgetOf({ listeners })).toEqual(budgetOf({}));
});

test("fewer sessions may be wanted, more cannot be had, and there is one however small the board", () => {
  expect(budgetOf({ sessionsMax: 3 }).sessionsMax).toBe(3);
  expect(budgetOf({ sessionsMax: 100 })).toEqual(budgetOf({}));
  expect(budget(1, { queueMax: 4, sessionsMax: undefined }).sessionsMax).toBe(1);
});
