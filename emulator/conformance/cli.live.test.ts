import { execa } from "execa";
import { expect, test } from "vitest";
import { builtCommand } from "../../hil/kit/built-command.ts";
import { reservePort } from "../src/reserved-port.ts";

const COMMAND = await builtCommand("emulator/conformance/cli.ts");

async function conformance(args: string[], env: Record<string, string> = {}) {
  const command = [COMMAND, ...args];
  const { exitCode, stderr } = await execa(process.execPath, command, { reject: false, env });
  return { exitCode, stderr };
}

test("without the SDK the error says how to get one", async () => {
  const { exitCode, stderr } = await conformance(["lin"], { MODDABLE: "" });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /^conformance: MODDABLE is not set: .* install it with `npx xs-dev setup --release 8.2.3`/,
  );
});

test.each([
  { args: ["mac"], says: 'platform "mac": wanted esp32 or lin' },
  { args: ["lin", "--host", "home:1"], says: '--host "home:1": wanted IP:PORT' },
  { args: ["lin", "--only", "xyzzy"], says: '--only "xyzzy": no case has this' },
  { args: ["lin", "backends=1"], says: '"backends=1": wanted ssid=…, password=…' },
  { args: ["esp32", "--port", "/dev/null"], says: "--host is missing: this computer's IP:PORT" },
  { args: ["esp32", "--host", "127.0.0.1:4190"], says: "--port is missing: the board's serial" },
])("$args is refused with a sentence", async ({ args, says }) => {
  const { exitCode, stderr } = await conformance(args);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`conformance: ${says}`);
});

test("a simulator that cannot be started ends the command at once", async () => {
  const { port, release } = await reservePort();
  const { exitCode, stderr } = await conformance([
    ...["lin", "--built", "--host", `127.0.0.1:${port}`],
    ...["--simulator", "/no/such/simulator"],
  ]);
  release();
  expect(exitCode).toBe(2);
  expect(stderr).toContain("spawn /no/such/simulator ENOENT");
});
