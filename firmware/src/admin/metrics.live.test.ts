import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { get } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";
import { SleepingLab } from "../machines/testing.ts";

const { failed } = await execa("promtool", ["--version"], { reject: false });
const absence = failed
  ? " (skipped: promtool of Debian's package prometheus is not installed)"
  : "";

const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** The complaints of Prometheus' own parser and linter. */
async function complaints(text: string): Promise<string> {
  const { stdout, stderr } = await execa("promtool", ["check", "metrics"], {
    input: text,
    reject: false,
  });
  return stdout + stderr;
}

describe.skipIf(absence)(`Prometheus${absence}`, () => {
  test("accepts the metrics of machines that sleep, and its linter has no complaint", async () => {
    const lab = new SleepingLab();
    for (const name of ["nas", "pc"]) lab.add(name);
    await lab.begin();
    lab.get();
    await lab.clock.run({ ms: 20_000 });
    const { body } = await get(lab, "/metrics");
    expect(body).toMatch(/^hot_potato_machine_last_boot_seconds\{machine="nas"\} [1-9]/m);
    expect(await complaints(body)).toBe("");
  });

  test("accepts the metrics of a board that has served, and its linter has no complaint", async () => {
    const lab = new EmulatedLab();
    for (const name of "ab") lab.backend(name, named(name).serve);
    await lab.serve();
    for (let i = 0; i < 3; i++) await lab.ask(GET_ONCE);
    const { body } = await get(lab, "/metrics");
    expect(await complaints(body)).toBe("");
    expect(await complaints(`${body}hot_potato_bare 1\n`)).toMatch(/bare no help text/);
    expect(await complaints(body.replace('"2xx"} 3', '"2xx"} three'))).toMatch(/three/);
  });
});
