import { expect, test } from "vitest";
import type { RigBoard } from "./board.ts";
import { BoardError, NoProgram } from "./board-error.ts";
import { bringUp } from "./bring-up.ts";
import type { Flashable, FlashPolicy } from "./flash.ts";

const FOUND = {
  path: "/dev/ttyUSB0",
  adapter: "CP2102",
  usb: "10c4:ea60",
  serialNumber: undefined,
};
const CHIP = { chip: "ESP32", mac: "24:0a:c4:00:00:01" };

/** The actions on a board that reports `build` at boot, or fails to boot. */
async function done(policy: FlashPolicy, build: string | BoardError | undefined) {
  const deeds: string[] = [];
  const board = {
    build: typeof build === "string" ? build : undefined,
    link: {} as RigBoard["link"],
    async to(state: string) {
      deeds.push(`to ${state}`);
      if (build instanceof BoardError) throw build;
    },
    async reset() {
      deeds.push("reset");
    },
  };
  const firmware: Flashable = {
    name: "build aaaa",
    isBuild: reported => reported === "aaaa",
    async flash({ path, progress }) {
      for (const share of [0.05, 0.5, 0.55, 1]) progress(share);
      deeds.push(`flash ${path}`);
      return CHIP;
    },
  };
  const known = {
    remember: (_: unknown, { mac }: typeof CHIP) => void deeds.push(`remember ${mac}`),
  };
  const output: string[] = [];
  const options = {
    policy,
    firmware,
    found: FOUND,
    known,
    say: (text: string) => output.push(text),
  };
  await bringUp(board, options);
  return { deeds, output };
}

const FLASHED = ["flash /dev/ttyUSB0", "remember 24:0a:c4:00:00:01", "reset"];

test("a board that has the build already is left alone", async () => {
  const { deeds, output } = await done("changed", "aaaa");
  expect(deeds).toEqual(["to booted"]);
  expect(output).toEqual(["not flashing /dev/ttyUSB0: the board has build aaaa already"]);
});

test("a board with another build or another program is flashed, stored and reset", async () => {
  expect((await done("changed", "bbbb")).deeds).toEqual(["to booted", ...FLASHED]);
  expect((await done("changed", new BoardError("firmware", "no boot"))).deeds).toEqual([
    "to booted",
    ...FLASHED,
  ]);
  expect((await done("changed", new NoProgram("invalid header"))).deeds).toEqual([
    "to booted",
    ...FLASHED,
  ]);
  expect((await done("changed", "bbbb")).output).toEqual([
    "flashing /dev/ttyUSB0: the board has build bbbb, not build aaaa",
    "flashing: 50 %",
    "flashing: 100 %",
  ]);
});

test("a silent board is the rig's fault and is not flashed", async () => {
  await expect(done("changed", new BoardError("rig", "not a sound"))).rejects.toThrow(
    "not a sound",
  );
});

test("never does not flash, and always does not read the build", async () => {
  expect((await done("never", "bbbb")).deeds).toEqual([]);
  expect((await done("always", "aaaa")).deeds).toEqual(FLASHED);
});
