import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { buildId } from "../../firmware/tools/build-id.ts";
import { DEFAULT_BOARD } from "../../firmware/tools/moddable.ts";
import type { Credentials } from "./credentials.ts";
import { EMULATED_PATH, EmulatedBinding } from "./emulated-port.ts";
import { ImageFirmware, mustFlash, SourceFirmware } from "./flash.ts";
import { SerialLink } from "./serial-link.ts";
import { LoaderBoard } from "./testing.ts";

const folders: string[] = [];
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

function image(text: string): ImageFirmware {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-test-"));
  folders.push(folder);
  writeFileSync(join(folder, "merged.bin"), `\0\xe9${text}\0`);
  return new ImageFirmware(join(folder, "merged.bin"));
}

const noCredentials = async () => undefined;

describe("whether a board is flashed", () => {
  const sources = new SourceFirmware([], noCredentials);
  const here = buildId([]);
  const merged = image("build\x001f09c2ab\0");
  test.each([
    ["never", sources, undefined, false, "--flash never"],
    ["always", sources, here, true, "--flash always"],
    ["changed", sources, undefined, true, "the board does not say which build it has"],
    ["changed", sources, here, false, `the board has build ${here} already`],
    ["changed", sources, "00000000", true, `the board has build 00000000, not build ${here}`],
    ["changed", merged, "1f09c2ab", false, "the board has merged.bin already"],
    ["changed", merged, "1f09c2ac", true, "the board has build 1f09c2ac, not merged.bin"],
  ] as const)("%s: %#", (policy, firmware, reported, flash, why) => {
    expect(mustFlash(policy, firmware, reported)).toEqual({ flash, why });
  });
});

describe("by the SDK", () => {
  /** Flashes; returns what the SDK's tools were given. The port must be free for them. */
  async function deployed(
    credentials: Credentials | undefined,
    { fails = false, board = DEFAULT_BOARD } = {},
  ) {
    const link = new SerialLink({
      binding: new EmulatedBinding(new LoaderBoard()),
      path: EMULATED_PATH,
      onBytes() {},
      onLost() {},
    });
    await link.connect();
    const given: unknown[] = [];
    const deploy = async (port: string, settings: readonly string[], board?: string) => {
      given.push(link.open, port, board, ...settings);
      if (fails) throw new Error("mcconfig ended with 2");
    };
    const firmware = new SourceFirmware(["port=81"], async () => credentials, board, deploy);
    const bench = { link, path: "/dev/ttyUSB0", progress() {} };
    const error = await firmware.flash(bench).catch((thrown: Error) => thrown.message);
    const open = link.open;
    await link.close();
    return { given, error, open, firmware };
  }

  test("its tools get the port and the credentials, and the rig has the port afterwards", async () => {
    const { given, open, firmware } = await deployed({ ssid: "home", password: "a=b c" });
    const settings = ["port=81", "ssid=home", "password=a=b c"];
    expect(given).toEqual([false, "/dev/ttyUSB0", "esp32", ...settings]);
    expect([open, firmware.isBuild(buildId(["port=81"]))]).toEqual([true, true]);
  });

  test("without credentials the tools get none, and the board keeps its own", async () => {
    expect((await deployed(undefined)).given).toEqual([
      ...[false, "/dev/ttyUSB0", "esp32", "port=81"],
    ]);
  });

  test("a board with Ethernet gets its own firmware, whose build differs", async () => {
    const { given, firmware } = await deployed(undefined, { board: "wt32-eth01" });
    expect(given).toEqual([false, "/dev/ttyUSB0", "wt32-eth01", "port=81"]);
    const builds = [buildId(["port=81"], "wt32-eth01"), buildId(["port=81"], "esp32")];
    expect(builds.map(build => firmware.isBuild(build))).toEqual([true, false]);
    expect(firmware.name).toBe(`build ${builds[0]} for wt32-eth01`);
  });

  test("several boards are flashed one after the other, and the credentials are asked for once", async () => {
    const link = { close: async () => {}, connect: async () => {} } as SerialLink;
    const did: string[] = [];
    const ask = async () => {
      did.push("asked");
      return { ssid: "home", password: "" };
    };
    const deploy = async (port: string) => {
      did.push(`${port} begins`);
      await new Promise(resolve => setTimeout(resolve, 10));
      did.push(`${port} ends`);
      if (port === "a") throw new Error("mcconfig ended with 2");
    };
    const firmware = new SourceFirmware([], ask, undefined, deploy);
    const boards = ["a", "b"].map(path => firmware.flash({ link, path, progress() {} }));
    const ended = await Promise.allSettled(boards);
    expect(ended.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(did).toEqual(["asked", "a begins", "a ends", "b begins", "b ends"]);
  });

  test("a failure of the tools is reported, and the rig has the port afterwards", async () => {
    const { error, open } = await deployed(undefined, { fails: true });
    expect([error, open]).toEqual(["mcconfig ended with 2", true]);
  });
});
