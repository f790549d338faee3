import { execa } from "execa";
import { expect, test } from "vitest";
import { builtCommand } from "../kit/built-command.ts";
import { campaign } from "./worker-pool.ts";

const COMMAND = await builtCommand("hil/campaign/cli.ts");

async function sim(...args: string[]) {
  const child = await execa(process.execPath, [COMMAND, ...args], {
    reject: false,
  });
  return { code: child.exitCode, out: child.stdout, err: child.stderr };
}

test("a campaign has the same results with one process and with two", async () => {
  const keep = async (jobs: number) => {
    const results = await campaign({ seed: 1, runs: 4, jobs });
    return results.map(({ seed, broken, goalsReached }) => ({ seed, broken, goalsReached }));
  };
  expect(await keep(2)).toEqual(await keep(1));
});

test("npm run sim prints how many runs failed, and the speed of simulation", async () => {
  const { code, out } = await sim("--runs", "2", "--jobs", "2");
  expect(code).toBe(0);
  expect(out).toMatch(/^2 runs, each played twice, in [\d.]+ s; 0 failed$/m);
  expect(out).toMatch(/: \d+ in the active phase, \d+ in all$/m);
});

test("--replay prints the same each time: plan, log, packets and result", async () => {
  const [one, two] = await Promise.all([
    sim("--seed", "3", "--replay"),
    sim("--seed", "3", "--replay"),
  ]);
  expect(one.out).toBe(two.out);
  for (const line of [/^backend name="a"/m, /proxy: ready/, / SYN 0 sent$/m, /^goalsReached: /m]) {
    expect(one.out).toMatch(line);
  }
  expect(one.out).toMatch(/\nseed 3, .*: every invariant holds$/);
});

test("--seed random prints its seeds, and each of them can be replayed", async () => {
  const { code, out } = await sim("--runs", "2", "--jobs", "1", "--seed", "random");
  expect(code).toBe(0);
  const [, first, last] = /^seeds (\d+) to (\d+)$/m.exec(out)!.map(Number);
  expect(last - first).toBe(1);
  const again = await sim("--seed", String(last), "--replay");
  expect(again.out).toMatch(new RegExp(`\nseed ${last}, .*: every invariant holds$`));
});

test("a closed stdout does not change the exit code", async () => {
  const child = execa(process.execPath, [COMMAND, "--seed", "3", "--replay"], {
    reject: false,
    buffer: { stdout: false },
  });
  child.stdout.destroy();
  expect(await child).toMatchObject({ exitCode: 0, stderr: "" });
});

test.each([
  [["--runs", "0"], 'sim: --runs "0": wanted a whole number from 1 to 2147483647'],
  [["--seed", "x"], 'sim: --seed "x": wanted a whole number from 1 to 2147483647'],
  [["--job", "2"], "sim: --job: unknown option; did you mean --jobs?"],
])("%j is refused in one sentence", async (args, sentence) => {
  const { code, out, err } = await sim(...args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(sentence);
  expect(err.split("\n")).toHaveLength(1);
});
