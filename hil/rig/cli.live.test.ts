import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { execa, type Options } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_PORT } from "../../emulator/proxy/workbench/admin-client.ts";
import { cannotOpenPty } from "../../emulator/src/pty.ts";
import { reservePort } from "../../emulator/src/reserved-port.ts";
import { builtCommand } from "../kit/built-command.ts";
import { onThisComputer } from "../kit/patience.ts";
import { loadScenarios } from "../kit/scenario.ts";
import { hil as runHil } from "./commands.ts";
import { computersPorts, discover } from "./discovery.ts";
import { EXPECTED_OUTCOMES, SHORT_SCENARIOS } from "./inject.expected.ts";
import { INJECTABLE_FAULTS } from "./inject.ts";
import { BUDGETS } from "./limits.ts";
import { parsed } from "./report/testing.ts";
import { EXIT, type Run } from "./run.ts";

// The command as users run it: as a process if the test is about signals, pipes or processes that end, else
// inside this process, because starting one costs more processor time than most runs. All of it waits more than
// it works, so tests run side by side.

/** Commands at once, besides the one that plays all scenarios: a computer may have two cores. */
const AT_ONCE = 8;

/** Longest test: all scenarios, with two thousand requests at 115200 baud, take half a minute. */
const LONGEST_MS = onThisComputer(200_000);

const EMULATE = await builtCommand("emulator/proxy/cli.ts");

const TOKEN = "a-token-for-this-test";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hot-potato-"));
});
afterAll(() => rm(folder, { recursive: true }));

let running = 0;
const waiting: (() => void)[] = [];
async function inTurn<T>(task: () => Promise<T>): Promise<T> {
  while (running >= AT_ONCE) await new Promise<void>(resolve => waiting.push(resolve));
  running++;
  try {
    return await task();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

function program(args: readonly string[], options: Options = {}) {
  return execa(process.execPath, args, { reject: false, timeout: LONGEST_MS, ...options });
}

/** The command as a process. */
const started = (...args: string[]) => program(["--import", "tsx", "hil/rig/cli.ts", ...args]); // scenarios are imported by name

class Collected extends Writable {
  text = "";
  override _write(piece: Buffer, _encoding: string, written: () => void): void {
    this.text += piece;
    written();
  }
}

/** The command in this process. */
async function hil(...args: string[]) {
  const output = { stdout: new Collected(), stderr: new Collected() };
  const exitCode = await runHil(args, output);
  return { exitCode, stdout: output.stdout.text, stderr: output.stderr.text };
}

/** How long the rig waits for one of these scenarios, and for a board that never gets an address. */
const [STORY_MS, NO_WIFI_MS] = [onThisComputer(8_000), onThisComputer(3_000)];

const patience = (ms: number) => ["--patience", `${Math.ceil(ms / 1000)}s`];

/** Options of a run that ends soon; its report is in `folder/name`. */
const short = (name: string) => [...patience(STORY_MS), "--report", join(folder, name)];

const rig = (name: string, ...args: string[]) => hil(...short(name), ...args);

const scenarios = (...titles: string[]) => titles.flatMap(title => ["--scenario", title]);

const runOf = (name: string): Run => JSON.parse(report(name, "run.json"));
const report = (name: string, file: string) => readFileSync(join(folder, name, file), "utf8");
const verdictsOf = (run: Run) => run.results.map(({ verdict }) => verdict);
const kindsOf = (run: Run) => [
  ...new Set(run.results.flatMap(({ incidents }) => incidents.map(({ kind }) => kind))),
];

/** True if this test may listen on the port. */
function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise(resolve => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A board of `npm run emulate` that serves until `use` has ended. */
async function emulating<T>(args: string[], use: (pty: string | undefined) => Promise<T>) {
  const demo = ["--json", "--backend", "127.0.0.1:9", "--token", TOKEN];
  const child = program([EMULATE, ...demo, ...args]);
  try {
    let pty: string | undefined;
    await new Promise<void>((resolve, reject) => {
      createInterface(child.stdout!).on("line", line => {
        const { on, what, path } = JSON.parse(line);
        if (on === "pty") pty = path;
        if (what === "ready") resolve();
      });
      void child.then(({ stderr }) => reject(new Error(String(stderr))));
    });
    return await use(pty);
  } finally {
    child.kill("SIGKILL");
    await child;
  }
}

/** Waits until a command has printed a match. */
function printed(child: ReturnType<typeof started>, wanted: RegExp): Promise<void> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stdout!.on("data", piece => {
      text += piece;
      if (wanted.test(text)) resolve();
    });
    void child.then(({ stderr }) => reject(new Error(`${text}\n${stderr}`)));
  });
}

const plugged = (await discover(computersPorts())).some(({ adapter }) => adapter !== undefined);

/** Scenarios use the board's own ports; the first of them may need root. */
const ptyPlayable =
  cannotOpenPty() === undefined && (await isFree(80)) && (await isFree(ADMIN_PORT));

describe.concurrent("npm run hil", () => {
  test("plays all scenarios on the emulated board by its serial line, measures every figure, and reports", async () => {
    const scenarios = await loadScenarios();
    const { exitCode, stdout } = await started(
      "--board",
      "emulated",
      "--report",
      join(folder, "all"),
    );
    expect(stdout).toMatch(/every measurement is within its limits/);
    expect(exitCode).toBe(EXIT.passed);

    const run = runOf("all");
    expect(run.results.map(({ title }) => title)).toEqual(scenarios.map(({ title }) => title));
    const bad = run.results.filter(({ verdict }) => verdict !== "passed" && verdict !== "skipped");
    expect(bad).toEqual([]);
    for (const { verdict, why, incidents } of run.results) {
      if (verdict === "skipped")
        expect(why).toMatch(/ has no (dhcp|dns|machines|simulated network)/);
      expect(incidents).toEqual([]);
    }
    expect(run.measurements.map(({ name }) => name).sort()).toEqual(
      Object.keys(BUDGETS.emulated).sort(),
    );
    expect(run.measurements.filter(({ value }) => value === null)).toEqual([]);
    const elements = parsed(report("all", "junit.xml"));
    const cases = elements.filter(({ name }) => name === "testcase");
    expect(cases.length).toBeGreaterThanOrEqual(scenarios.length);
    expect(elements.filter(({ name }) => name === "failure" || name === "error")).toEqual([]);
    expect(report("all", "report.html")).toContain(scenarios[0].title);
    expect(report("all", "serial.log")).toMatch(/rst:0x1 [\s\S]*proxy: ready/);
  });

  test.each(Object.keys(INJECTABLE_FAULTS))(
    "--inject %s gets the verdict that it should",
    async name => {
      const { exitCode, verdicts, kinds, output } = EXPECTED_OUTCOMES[name];
      const args = ["--board", "emulated", "--inject", name];
      if (name === "no-wifi") args.push(...patience(NO_WIFI_MS));
      const ended = await inTurn(() => rig(name, ...args, ...scenarios(...SHORT_SCENARIOS)));
      const run = runOf(name);
      expect(ended.stdout).toMatch(output);
      if ("each" in verdicts)
        expect(verdicts.each).toEqual(expect.arrayContaining(verdictsOf(run)));
      else expect(verdictsOf(run)).toEqual(verdicts);
      expect(kindsOf(run)).toEqual(expect.arrayContaining([...kinds]));
      expect([ended.exitCode, run.exitCode]).toEqual([exitCode, exitCode]);
      const blamed = parsed(report(name, "junit.xml")).filter(({ name }) => name === "failure");
      expect(blamed.length > 0).toBe(exitCode === EXIT.firmware);
    },
  );

  test("--list names boards and scenarios, the emulated board among them; --help shows examples", async () => {
    const list = await inTurn(() => hil("--list"));
    expect(list.stdout).toMatch(/^emulated +no hardware, always there/m);
    expect(list.stdout).toMatch(/^sharing: ten clients, two backends, exactly five each$/m);
    const help = await inTurn(async () => execa("npm", ["run", "-s", "hil", "--", "--help"]));
    expect(help.stdout).toMatch(/^Examples$[\s\S]*--soak 8h/m);
    expect([list.exitCode, help.exitCode]).toEqual([EXIT.passed, EXIT.passed]);
  });

  test.each([
    [["--bord", "emulated"], "--bord: unknown option; did you mean --board?"],
    [
      ["--board", "emulated", "--scenario", "nonesuch"],
      '--scenario "nonesuch": in no title; themes',
    ],
    [["--board", "emulated", "--report", "/dev/null/x"], '--report "/dev/null/x": ENOTDIR'],
  ])("%j is a wrong command line: exit code 2, and what is allowed", async (args, sentence) => {
    const { exitCode, stderr } = await inTurn(() => hil(...args));
    expect([exitCode, stderr]).toEqual([EXIT.usage, expect.stringContaining(`hil: ${sentence}`)]);
  });

  test("a FIFO in the place of the report folder is refused at once", async () => {
    const fifo = join(folder, "fifo");
    await execa("mkfifo", [fifo]);
    const { exitCode, stderr } = await inTurn(() => hil("--board", "emulated", "--report", fifo));
    expect([exitCode, stderr]).toEqual([EXIT.usage, `hil: --report "${fifo}": it is no folder\n`]);
  });

  test("a missing port is no board, one that does not open is a fault of the rig", async () => {
    const gone = await inTurn(() => rig("gone", "--port", join(folder, "ttyUSB7")));
    expect(gone.stderr).toMatch(/ttyUSB7": there is no such serial port; there are: /);
    const file = join(folder, "no-terminal");
    await writeFile(file, "");
    const closed = await inTurn(() => rig("closed", "--port", file, "--flash", "never"));
    expect(closed.stderr).toMatch(/does not open: [\s\S]*hil -- doctor --port .*no-terminal/);
    expect([gone.exitCode, closed.exitCode]).toEqual([EXIT.noBoard, EXIT.rig]);
  });

  // With a board plugged in, the command would play on it.
  test.skipIf(plugged)(
    "without a board it output what it looked for and what would help",
    async () => {
      const { exitCode, stderr } = await inTurn(() => hil());
      expect(exitCode).toBe(EXIT.noBoard);
      expect(stderr).toMatch(/10c4:ea60 +CP2102[\s\S]*dialout[\s\S]*driver[\s\S]*--board emulated/);
    },
  );

  test("a board belongs to one run until that has ended, in whatever way", async () => {
    const reserved = [await reservePort(), await reservePort()];
    const [port, admin] = reserved.map(({ port }) => port);
    const config = join(folder, "gateway.json");
    const backends = [{ address: "127.0.0.1", port: 9 }];
    await writeFile(config, JSON.stringify({ listeners: [{ port: port }], backends }));
    const there = ["--address", `127.0.0.1:${admin}`, "--token", TOKEN];
    const playing = [...there, ...scenarios(SHORT_SCENARIOS[0])];
    await inTurn(() =>
      emulating(
        ["--config", config, "--publish", `${port}:${port}`, "--admin", String(admin)],
        async () => {
          const first = started(...short("first"), ...playing, "--soak", "10m");
          await printed(first, /✓ ten clients/);
          const second = await rig("second", ...playing);
          expect(second.exitCode).toBe(EXIT.rig);
          expect(second.stderr).toContain(`127.0.0.1:${admin} is in use by process ${first.pid} (`);
          first.kill("SIGKILL");
          await first;
          const third = await rig("third", ...playing);
          expect([third.exitCode, verdictsOf(runOf("third"))]).toEqual([EXIT.passed, ["passed"]]);
        },
      ),
    );
    for (const { release } of reserved) release();
  });

  test.skipIf(!ptyPlayable)(
    "a pseudo-terminal is a board like another: its console resets it",
    async () => {
      await inTurn(() =>
        emulating(["--pty", "--publish", "80:80", "--admin", String(ADMIN_PORT)], async pty => {
          const here = ["--flash", "never", "--port", pty!];
          const words = scenarios(
            SHORT_SCENARIOS[0],
            "a board that is reset under load serves again soon",
          );
          const { exitCode, stdout } = await rig("pty", ...here, ...words);
          expect(stdout).toMatch(/All 2 scenarios passed/);
          expect([exitCode, kindsOf(runOf("pty"))]).toEqual([EXIT.passed, []]);

          // If one of two boards cannot be played on, the other one is.
          const both = await rig(
            "both",
            ...here,
            "--port",
            "/dev/null",
            ...scenarios(SHORT_SCENARIOS[0]),
          );
          expect([both.exitCode, both.stderr]).toEqual([
            EXIT.rig,
            expect.stringMatching(/^hil: \/dev\/null: \/dev\/null does not open: /m),
          ]);
          const name = join("both", pty!.replaceAll("/", "_"));
          expect(verdictsOf(runOf(name))).toEqual(["passed"]);
        }),
      );
    },
  );

  test("--repeat N plays each N times, --soak all of them again and again for a time", async () => {
    const words = ["--board", "emulated", ...scenarios(SHORT_SCENARIOS[0], SHORT_SCENARIOS[3])];
    const twice = await inTurn(() => rig("twice", ...words, "--repeat", "2"));
    expect([twice.exitCode, verdictsOf(runOf("twice"))]).toEqual([0, Array(4).fill("passed")]);

    const soakSeconds = Math.ceil(onThisComputer(4_000) / 1000); // for several rounds
    const { exitCode } = await inTurn(() => rig("soak", ...words, "--soak", `${soakSeconds}s`));
    const soak = runOf("soak");
    expect([exitCode, soak.results.length > 4]).toEqual([0, true]);
    expect(soak.results.every(({ atMs }) => atMs < soakSeconds * 1000)).toBe(true);
    expect(soak.ms).toBeGreaterThanOrEqual(soakSeconds * 1000);
  });

  test("a reader that closes the output after the first line ends no run, and the report is written", async () => {
    await inTurn(async () => {
      const child = started(
        ...short("unread"),
        "--board",
        "emulated",
        ...scenarios(SHORT_SCENARIOS[0]),
      );
      child.stdout!.once("data", () => child.stdout!.destroy());
      expect((await child).exitCode).toBe(EXIT.passed);
      expect(verdictsOf(runOf("unread"))).toEqual(["passed"]);
    });
  });

  test("Ctrl-C ends a run with a report of what was reached", async () => {
    await inTurn(async () => {
      const words = scenarios(SHORT_SCENARIOS[0], SHORT_SCENARIOS[3]);
      const child = started(
        ...short("stopped"),
        "--board",
        "emulated",
        ...words,
        "--repeat",
        "100",
      );
      await printed(child, /✓ a backend that drains/);
      child.kill("SIGINT");
      const { exitCode, stdout } = await child;
      expect([exitCode, stdout]).toEqual([EXIT.rig, expect.stringContaining("It was ended early")]);
      const { results } = runOf("stopped");
      expect(results.slice(0, 2).map(({ verdict }) => verdict)).toEqual(["passed", "passed"]);
      expect(results).toHaveLength(200);
      expect(results.at(-1)).toMatchObject({ verdict: "not-reached", why: "stopped by Ctrl-C" });
    });
  });
});
