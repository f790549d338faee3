import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { builtCommand } from "../../hil/kit/built-command.ts";
import { FIRMWARE, SDK_CHECKED, toolsOf } from "./moddable.ts";

const COMMAND = await builtCommand("firmware/tools/build.ts");

// The SDK's mcconfig is a program of this test, which prints how it was called.
describe.skipIf(process.platform === "win32")("npm run firmware:build", () => {
  const folder = mkdtempSync(join(tmpdir(), "sdk-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  interface Call {
    readonly args: string[];
    readonly manifest: { readonly include: string[]; readonly config: object };
    readonly mode: string;
    readonly folderMode: string;
  }

  /** Builds with an mcconfig that prints its call and then runs the JavaScript `then`. */
  function build(name: string, then = "", words = ["lin", "ssid=home", "port=81"]) {
    const sdk = join(folder, name);
    const told = join(sdk, "call.json");
    mkdirSync(toolsOf(sdk), { recursive: true });
    mkdirSync(join(sdk, "tools"));
    writeFileSync(join(sdk, "tools", "VERSION"), `${SDK_CHECKED}\n`);
    const mcconfig = join(toolsOf(sdk), "mcconfig");
    writeFileSync(
      mcconfig,
      `#!/usr/bin/env node
      const { readFileSync, renameSync, statSync, writeFileSync } = require("node:fs");
      const { dirname } = require("node:path");
      const args = process.argv.slice(2);
      const file = args.at(-1);
      const modeOf = path => (statSync(path).mode & 0o777).toString(8);
      const call = { args, manifest: JSON.parse(readFileSync(file, "utf8")), mode: modeOf(file), folderMode: modeOf(dirname(dirname(file))) };
      writeFileSync(${JSON.stringify(`${told}.new`)}, JSON.stringify(call));
      renameSync(${JSON.stringify(`${told}.new`)}, ${JSON.stringify(told)});
      ${then}`,
    );
    chmodSync(mcconfig, 0o755);
    const child = execa(process.execPath, [COMMAND, ...words], {
      reject: false,
      stdin: "ignore",
      env: {
        ...{
          MODDABLE: sdk,
          IDF_PATH: sdk,
          HOT_POTATO_PASSWORD: 'pass "1"=ü',
          HOT_POTATO_TOKEN: "token-12",
        },
      },
    });
    const call = (): Call => JSON.parse(readFileSync(told, "utf8"));
    return { child, called: () => existsSync(told), call };
  }

  test("settings reach mcconfig in a manifest that only its owner may read, and in no argument", async () => {
    const { child, call } = build("good");
    const { exitCode, stdout } = await child;
    expect(exitCode).toBe(0);
    const { args, manifest, mode, folderMode } = call();
    const file = args.at(-1)!;
    expect(args.slice(0, -2)).toEqual(["-m", "-p", "lin", "-t", "build", "-o"]);
    expect(manifest.include).toEqual([join(FIRMWARE, "manifest.json")]);
    expect(manifest.config).toEqual({
      ...{ ssid: "home", port: "81", password: 'pass "1"=ü', token: "token-12" },
      build: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
    expect({ mode, folderMode }).toEqual({ mode: "600", folderMode: "700" });
    // The SDK names the program by this folder; the simulator gets the same name.
    expect(basename(dirname(file))).toBe("firmware");
    expect(stdout).toContain("/firmware/mc.so");
    expect(existsSync(dirname(dirname(file)))).toBe(false);
  });

  test("a board with Ethernet has a manifest of its own behind the common one, and gets no Wi-Fi credentials", async () => {
    const { child, call } = build("ethernet", "", ["wt32-eth01", "port=81"]);
    expect((await child).exitCode).toBe(0);
    const { args, manifest } = call();
    expect(args.slice(0, -2)).toEqual(["-m", "-p", "esp32", "-t", "build", "-o"]);
    expect(manifest.include).toEqual([
      join(FIRMWARE, "manifest.json"),
      join(FIRMWARE, "manifest-ethernet.json"),
    ]);
    const id = expect.stringMatching(/^[0-9a-f]{8}$/);
    expect(manifest.config).toEqual({ port: "81", token: "token-12", build: id });
    expect(basename(dirname(args.at(-1)!))).toBe("firmware-wt32-eth01");
  });

  test("a Wi-Fi's name for a board with Ethernet is refused", async () => {
    const { child, called } = build("cable", "", ["wt32-eth01", "ssid=home"]);
    const { exitCode, stderr } = await child;
    expect({ exitCode, called: called() }).toEqual({ exitCode: 2, called: false });
    expect(stderr).toContain('"ssid=home": wanted backends=…, port=…, token=…');
  });

  test("the manifest is gone when mcconfig fails", async () => {
    const { child, call } = build("bad", "process.exit(3);");
    const { exitCode, stderr } = await child;
    expect(exitCode).toBe(2);
    expect(stderr).toContain("mcconfig ended with 3");
    expect(existsSync(dirname(dirname(call().args.at(-1)!)))).toBe(false);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "the manifest is gone when %s ends the build",
    async signal => {
      const { child, called, call } = build(signal, "setInterval(() => {}, 1000);");
      onTestFinished(() => void child.kill());
      await expect.poll(called).toBe(true);
      const temporary = dirname(dirname(call().args.at(-1)!));
      expect(existsSync(temporary)).toBe(true);
      child.kill(signal);
      expect(await child).toMatchObject({ signal });
      expect(existsSync(temporary)).toBe(false);
    },
  );
});
