import { join } from "node:path";
import { execa } from "execa";
import { ADMIN_PORT } from "../../emulator/workbench/admin-client.ts";
import { loadScenarios } from "../src/scenario.ts";
import { addressDesk, type Desk, emulatedDesk, type Surroundings, serialDesk } from "./desk.ts";
import { computersPorts, describeFound, discover, type Found, noBoard } from "./discovery.ts";
import { EmulatedBoard } from "./emulated-board.ts";
import { Locked } from "./lock.ts";
import { MISCHIEF } from "./mischief.ts";
import { type CommandOptions, chosen, readOptions, UsageError } from "./options.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { EXIT, type Run } from "./run.ts";

const HELP = `npm run hil -- [options]

Plays the stories of hil/scenarios on a board, over its serial port and real TCP: an ESP32 that is
plugged in, or an emulated one. One verdict, and reports.

  --list                 boards that are there, and the stories
  --port PATH            this serial port (repeatable: several boards at once)
  --board emulated       a board without hardware, by the same code
  --address IP[:PORT]    a board without a serial line, through its admin port (default ${ADMIN_PORT})
  --token TOKEN          what its admin port wants for changes; or HOT_POTATO_TOKEN
  --scenario WORDS       only stories with these words in theme or title (repeatable)
  --repeat N             each story so often
  --soak 8h              again and again for so long
  --patience 60s         how long a story may take
  --report DIR           where the log and the reports go (default hil-report)
  --inject NAME          something goes wrong with the emulated board; see below
  --verbose              the board's lines as they come
  --help                 this text

Examples

  npm run hil                                          the board that is plugged in
  npm run hil -- --board emulated --scenario keyword   one theme, no hardware
  npm run hil -- --port /dev/ttyUSB0 --soak 8h         through the night
  npm run hil -- --board emulated --inject panic       what a failure looks like

What can go wrong (--inject)

${Object.entries(MISCHIEF)
  .map(([name, { help }]) => `  ${name.padEnd(13)} ${help}`)
  .join("\n")}

It ends with 0: passed, 1: the firmware failed, 2: this command was misunderstood, 3: no board,
4: a fault of the rig (power, cable, Wi-Fi), 5: the board was lost.
`;

/** There is no board; all that can be said about it. */
class NoBoard extends Error {}

try {
  // A story that was cut short may still have something open.
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  if (error instanceof UsageError) process.exit(say(error.message, EXIT.usage));
  if (error instanceof NoBoard) process.exit(say(error.message, EXIT.noBoard));
  if (error instanceof Locked) process.exit(say(error.message, EXIT.rig));
  throw error;
}

function say(message: string, exitCode: number): number {
  process.stderr.write(`hil: ${message}\n`);
  return exitCode;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(HELP);
    return EXIT.passed;
  }
  const options = readOptions(args, ADMIN_PORT);
  const scenarios = await loadScenarios();
  const found = options.emulated || options.address ? [] : await discover(computersPorts());
  if (options.list) {
    for (const board of found) process.stdout.write(`${describeFound(board)}\n`);
    for (const { theme, title } of scenarios) process.stdout.write(`${theme}: ${title}\n`);
    return EXIT.passed;
  }
  const setUps = desks(options, found);
  const commit = await commitOf();
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort("stopped by Ctrl-C"));
  const runs = await Promise.all(
    setUps.map(({ name, setUp }) => {
      const rigOptions: RigOptions = {
        ...options,
        scenarios: chosen(scenarios, options.wanted),
        folder: setUps.length === 1 ? options.report : join(options.report, name),
        commit,
        signal: stop.signal,
      };
      return new Rig(setUp, rigOptions, audience()).run();
    }),
  );
  return worst(runs);
}

interface SetUp {
  /** Of its folder, where there are several. */
  readonly name: string;
  readonly setUp: (surroundings: Surroundings) => Desk;
}

function desks(
  { emulated, address, token, ports, inject }: CommandOptions,
  found: Found[],
): SetUp[] {
  if (emulated) {
    const { board = () => new EmulatedBoard() } = inject === undefined ? {} : MISCHIEF[inject];
    return [{ name: "emulated", setUp: surroundings => emulatedDesk(board(), surroundings) }];
  }
  if (address !== undefined) {
    return [{ name: address.host, setUp: line => addressDesk({ ...address, token }, line) }];
  }
  const boards = found.filter(({ adapter }) => adapter !== undefined);
  if (ports.length === 0 && boards.length === 0) throw new NoBoard(noBoard(found));
  if (ports.length === 0 && boards.length > 1) {
    const lines = boards.map(board => `  ${describeFound(board)}`);
    throw new UsageError(
      `there are several boards; name one or more with --port:\n${lines.join("\n")}`,
    );
  }
  const wanted =
    ports.length === 0
      ? boards
      : ports.map(path => found.find(board => board.path === path) ?? unlisted(path));
  const binding = computersPorts();
  return wanted.map(board => ({
    name: board.path.replace(/[^\w.-]+/g, "_"),
    setUp: line => serialDesk(binding, board, line),
  }));
}

/** A port that nobody lists, such as a pseudo-terminal. */
function unlisted(path: string): Found {
  return { path, adapter: undefined, usb: undefined, serialNumber: undefined };
}

/** Which state of the sources it is, where git knows. */
async function commitOf(): Promise<string | undefined> {
  const { stdout, failed } = await execa("git", ["rev-parse", "--short", "HEAD"], {
    reject: false,
    cwd: import.meta.dirname,
  });
  return failed ? undefined : stdout;
}

/** What the firmware did counts before what the rig did. */
function worst(runs: readonly Run[]): number {
  const order: number[] = [EXIT.firmware, EXIT.boardLost, EXIT.rig];
  return order.find(code => runs.some(({ exitCode }) => exitCode === code)) ?? EXIT.passed;
}

function audience() {
  return {
    begin() {},
    line(_: string) {},
    result(r: any) {
      console.log(
        r.verdict,
        r.title,
        Math.round(r.ms),
        r.verdict === "passed" ? "" : r.why?.split("\n").slice(0, 12).join("\n"),
      );
    },
    soak() {},
    keep(run: Run) {
      console.log(run.measurements, run.exitCode);
    },
  };
}
