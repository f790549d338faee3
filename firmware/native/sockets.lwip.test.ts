import { execFile } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { buildProgram, cannotBuild } from "../../emulator/lwip/build.ts";
import { CASES, NATIVE, SOURCES, STORM, TASKS, TITLES, worlds } from "./testing.ts";

const run = promisify(execFile);

describe("sockets of our own on the chip's TCP stack, segment by segment", () => {
  let cases: string;

  beforeAll(async () => {
    if (cannotBuild() === undefined) cases = await buildProgram(CASES);
  });

  test.each(TITLES.map((title, index) => ({ title, index })))("$title", async ({ index }) => {
    await run(cases, [String(index)]);
  });

  test("each case has its title here", async () => {
    await expect(run(cases, [String(TITLES.length)])).rejects.toMatchObject({ code: 2 });
  });
});

describe("lwIP's task and the application's, with ThreadSanitizer", () => {
  const CLIENTS = 100;
  const why = cannotBuild("threads");

  test.skipIf(why !== undefined && !process.env.CI)(
    "no record is touched without the lock, no wake-up is lost, and every byte arrives",
    async () => {
      const program = await buildProgram(TASKS);
      for (const seed of ["1", "2"]) {
        const { stdout } = await run(program, [seed, String(CLIENTS)]);
        const { whole, reset } = JSON.parse(stdout);
        expect(whole + reset).toBe(CLIENTS);
        expect(whole).toBeGreaterThan(CLIENTS / 2);
      }
    },
  );

  test.skipIf(why !== undefined && !process.env.CI)(
    "without the lock it reports a race",
    async () => {
      const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-tasks-"));
      try {
        for (const name of readdirSync(NATIVE)) {
          if (/\.[ch]$/.test(name)) copyFileSync(NATIVE + name, path.join(folder, name));
        }
        const port = readFileSync(`${NATIVE}port.h`, "utf8").replaceAll(
          /^\t(UN)?LOCK_TCPIP_CORE\(\);$/gm,
          "",
        );
        writeFileSync(path.join(folder, "port.h"), port);
        const program = await buildProgram({
          ...TASKS,
          name: "tasks-unlocked",
          sources: [
            ...SOURCES.map(file => path.join(folder, path.basename(file))),
            `${NATIVE}test/tasks.c`,
          ],
          headers: [path.join(folder, "port.h")],
          flags: [`-I${folder}`],
        });
        await expect(run(program, ["1", String(CLIENTS)])).rejects.toThrow(
          "ThreadSanitizer: data race",
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});

const STORMS = 200;

test(`no order of segments, calls and failed allocations touches freed memory or leaves any (${STORMS} storms)`, async () => {
  await run(await buildProgram(STORM), ["1", String(STORMS)]);
});

/** The line that worlds.c prints for one world. */
interface World {
  readonly seed: number;
  /** A middlebox on the wire resets connections. */
  readonly wireResets: boolean;
  /** RSTs that the wire has lost. */
  readonly resetsLost: number;
  /** Clients that got all of their bytes back, and an end behind them. */
  readonly whole: number;
  /** Clients that were reset, or reset themselves. */
  readonly reset: number;
  /** Clients that got nothing for five minutes. */
  readonly gaveUp: number;
  /** Clients that got an end and not all bytes; that got other bytes; that wait. */
  readonly cut: number;
  readonly wrong: number;
  readonly waiting: number;
  /** Sessions of the board that nothing has ended. */
  readonly open: number;
  readonly blocksLeft: number;
  readonly controlBlocksLeft: number;
  /** The hash of all packets. */
  readonly hash: string;
}

const WORLDS = 300;
const CLIENTS = 12;

describe(`${WORLDS} worlds of loss, delay, reordering and resets`, () => {
  let played: World[];
  let again: World[];

  async function play(sanitizers: "memory" | "none"): Promise<World[]> {
    const program = await buildProgram(worlds(sanitizers));
    const { stdout } = await run(program, ["1", String(WORLDS)]);
    return stdout
      .trimEnd()
      .split("\n")
      .map(line => JSON.parse(line));
  }

  beforeAll(async () => {
    if (cannotBuild() !== undefined) return;
    played = await play("memory");
    again = await play("none");
  });

  const sum = (count: (world: World) => number) =>
    played.reduce((total, world) => total + count(world), 0);

  test("every byte arrives, or both sides get the fault, and none waits for ever", () => {
    expect(played).toHaveLength(WORLDS);
    for (const world of played) {
      const { seed, whole, reset, gaveUp, cut, wrong, waiting, open } = world;
      expect({ seed, cut, wrong, waiting, open }).toEqual({
        seed,
        cut: 0,
        wrong: 0,
        waiting: 0,
        open: 0,
      });
      expect(whole + reset + gaveUp).toBe(CLIENTS);
    }
  });

  test("a client gets neither bytes nor a fault only where its reset was lost, or a middlebox has reset the board alone", () => {
    expect(
      played.filter(({ wireResets, gaveUp, resetsLost }) => !wireResets && gaveUp > resetsLost),
    ).toEqual([]);
  });

  test("most clients are served, and some are reset", () => {
    expect(sum(world => world.whole)).toBeGreaterThan((WORLDS * CLIENTS) / 2);
    expect(sum(world => world.reset)).toBeGreaterThan(WORLDS);
  });

  test("no record, buffer or control block is left", () => {
    expect(played.filter(world => world.blocksLeft + world.controlBlocksLeft > 0)).toEqual([]);
  });

  test("the same seed is the same world, with sanitizers and without", () => {
    expect(again).toEqual(played);
  });
});
