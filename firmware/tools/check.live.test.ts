import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, test } from "vitest";
import { builtCommand } from "../../hil/kit/built-command.ts";
import { SDK_CHECKED, toolsOf } from "./moddable.ts";

const COMMAND = await builtCommand("firmware/tools/check.ts");

async function check(args: string[], env: Record<string, string> = {}) {
  const command = [COMMAND, ...args];
  const { exitCode, stdout, stderr } = await execa(process.execPath, command, {
    reject: false,
    env: { IDF_PATH: "", ...env },
  });
  return { exitCode, stdout, stderr };
}

test("without the SDK it says how to install one", async () => {
  const { exitCode, stderr } = await check(["esp32"], { MODDABLE: "" });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /^firmware:check: MODDABLE is not set: .* install it with `npx xs-dev setup --release 8.2.3`/,
  );
});

test.each([
  { args: [], says: 'target "": wanted esp32, wt32-eth01 or lin' },
  { args: ["mac"], says: 'target "mac": wanted esp32, wt32-eth01 or lin' },
  { args: ["lin", "port=80"], says: '"port=80": wanted a target and nothing else' },
])("$args is refused with a sentence", async ({ args, says }) => {
  const { exitCode, stderr } = await check(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: `firmware:check: ${says}` });
});

test("--help says what it does", async () => {
  const { exitCode, stdout } = await check(["--help"]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("npm run firmware:check -- esp32|wt32-eth01|lin");
});

// The mcconfig of this SDK is a program of this test, which writes what the real one writes for two modules.
describe.skipIf(process.platform === "win32")("with an SDK", () => {
  const folder = mkdtempSync(join(tmpdir(), "sdk-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** An SDK whose mcconfig finds these modules in each program. */
  function sdk(name: string, modules: Record<string, string>, version = SDK_CHECKED): string {
    const sdk = join(folder, name);
    const tools = toolsOf(sdk);
    mkdirSync(tools, { recursive: true });
    mkdirSync(join(sdk, "tools"));
    writeFileSync(join(sdk, "tools", "VERSION"), `${version}\n`);
    for (const [module, text] of Object.entries(modules))
      writeFileSync(join(sdk, `${module}.ts`), text);
    const mcconfig = join(tools, "mcconfig");
    writeFileSync(
      mcconfig,
      `#!/usr/bin/env node
      const { mkdirSync, writeFileSync } = require("node:fs");
      const output = process.argv[process.argv.indexOf("-o") + 1];
      const folder = output + "/tmp/esp32/release/program/modules";
      mkdirSync(folder + "/chip", { recursive: true });
      const names = ${JSON.stringify(Object.keys(modules))};
      const paths = Object.fromEntries(names.map(name => [name, [${JSON.stringify(sdk)} + "/" + name]]));
      const compilerOptions = { module: "preserve", target: "es2025", lib: ["es2025"], types: [], skipLibCheck: true, paths };
      writeFileSync(folder + "/tsconfig-base.json", JSON.stringify({ compilerOptions }));
      for (const name of names) writeFileSync(folder + "/chip/" + name + "-tsconfig.json", JSON.stringify({
        extends: folder + "/tsconfig-base.json",
        compilerOptions: { rootDir: "/", outDir: output + "/tsc/" + name },
        files: [${JSON.stringify(sdk)} + "/" + name + ".ts"],
      }));`,
    );
    chmodSync(mcconfig, 0o755);
    return sdk;
  }

  test("every module that mcconfig finds is checked, with no ESP-IDF", async () => {
    const modules = { a: 'import { b } from "b"; const a: number = b;', b: "export const b = 1;" };
    const { exitCode, stdout, stderr } = await check(["esp32"], { MODDABLE: sdk("good", modules) });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toBe(
      `firmware: 2 modules pass (esp32, SDK ${SDK_CHECKED})\n` +
        `conformance: 2 modules pass (esp32, SDK ${SDK_CHECKED})`,
    );
  });

  test("a type error is shown with exit code 1; another version of the SDK is noted", async () => {
    const modules = { a: "export const a = 1;", b: 'const b: number = "text";' };
    const newer = sdk("newer", modules, "9.0.0");
    const { exitCode, stdout, stderr } = await check(["lin"], { MODDABLE: newer });
    expect(exitCode).toBe(1);
    expect(stdout).toContain("b.ts(1,7): error TS2322");
    expect(stdout).toContain("firmware: type errors, see above");
    expect(stderr).toMatch(/^note: the SDK in MODDABLE is 9\.0\.0; .* checked with 8\.2\.3\./);
  });

  test("an SDK whose mcconfig writes no compiler settings is an error, not a pass", async () => {
    const { exitCode, stderr } = await check(["lin"], { MODDABLE: sdk("empty", {}) });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("mcconfig has written no *-tsconfig.json");
  });
});
