import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

describe("the command that exports a configuration", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hot-potato-export-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    execa("npx", ["tsx", "firmware/tools/export.ts", ...args], { reject: false });

  function file(document: unknown): string {
    const path = join(folder, "gateway.json");
    writeFileSync(path, JSON.stringify(document));
    return path;
  }

  const backends = [{ address: "192.0.2.1", port: 80 }];

  test("prints the file, and ends with 0 where nothing is left out", async () => {
    const whole = await run("haproxy");
    expect([whole.exitCode, whole.stderr]).toEqual([0, ""]);
    expect(whole.stdout).toContain("frontend port-80");
  });

  test("ends with 3 where something is left out, and says what", async () => {
    const part = await run("nginx", "--config", file({ backends, explain: 5 }));
    expect(part.exitCode).toBe(3);
    expect(part.stderr).toContain(
      "left out: explain: nginx does not log why it has picked a server",
    );
  });

  test("ends with 2 where the configuration or the command line is wrong", async () => {
    const bad = await run("haproxy", "--config", file({ backends: [{ address: "192.0.2.1" }] }));
    expect([bad.exitCode, bad.stdout]).toEqual([2, ""]);
    expect(bad.stderr).toContain("backends[0].port: missing");
    const none = await run("haproxy", "--config", join(folder, "none.json"));
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining("no such file")]);
    expect((await run("apache")).stderr).toContain("wanted haproxy or nginx");
    expect((await run("haproxy", "--raw")).stderr).toContain("--raw: only nginx needs it");
  });
});
