import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { execa } from "execa";
import { helpOf, readCommandLine, UsageError } from "../../firmware/tools/command-line.ts";
import { requireSdk, settingNames } from "../../firmware/tools/moddable.ts";
import { personAsk } from "../../firmware/tools/secrets.ts";
import { loadScenarios } from "../kit/scenario.ts";
import {
  type Attachment,
  type AttachmentOptions,
  attachByAddress,
  attachEmulated,
  attachSerial,
} from "./attachment.ts";
import { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import { bringUp } from "./bring-up.ts";
import { CredentialsError, wifiCredentials } from "./credentials.ts";
import { dialBack } from "./dial-back.ts";
import { runDiff } from "./diff.ts";
import {
  computersPorts,
  describeFound,
  discover,
  type Found,
  noBoard,
  portNamed,
} from "./discovery.ts";
import { doctorParts, openBoard } from "./doctor/parts.ts";
import { runDoctor } from "./doctor.ts";
import { EmulatedBoard } from "./emulated-board.ts";
import { EMULATED_PATH } from "./emulated-port.ts";
import { ImageFirmware, SourceFirmware } from "./flash.ts";
import { INJECTABLE_FAULTS } from "./inject.ts";
import { KnownBoards, listBoards } from "./known-boards.ts";
import { LoaderError } from "./loader.ts";
import { Locked } from "./lock.ts";
import { browse, listNamed } from "./named-boards.ts";
import {
  type CommandOptions,
  chosen,
  DOCTOR,
  PLAY,
  readDoctorOptions,
  readOptions,
} from "./options.ts";
import { Progress, type Terminal } from "./progress.ts";
import { writeReports } from "./report/write.ts";
import { Rig, type RigOptions } from "./rig.ts";
import { EXIT } from "./run.ts";
import { SerialDevice } from "./serial-device.ts";

/** No board was found; the message says which ports were found. */
class NoBoard extends Error {}

/** The streams that a command writes to. */
export interface Output {
  readonly stdout: Terminal;
  readonly stderr: NodeJS.WritableStream;
}

/**
 * Runs `npm run hil` with these arguments; returns the exit code. An error that keeps it from playing is
 * printed in one sentence. Several may run in one process.
 */
export function hil(args: readonly string[], output: Output): Promise<number> {
  return command(args, output).catch(error => reported(error, "hil", output));
}

/** Prints an error: in a sentence if it is one that users can mend, with its stack if it is a bug of the rig. */
function reported(error: unknown, whose: string, { stderr }: Output): number {
  const code = codeOf(error);
  const { message, stack } = error as Error;
  const texts =
    code === undefined
      ? [`a bug of the rig: ${stack}`]
      : error instanceof UsageError
        ? error.complaints
        : [message];
  stderr.write(texts.map(text => `${whose}: ${text}\n`).join(""));
  return code ?? EXIT.rig; // Node's own code, 1, would blame the firmware
}

function codeOf(error: unknown): number | undefined {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof CredentialsError) return EXIT.usage;
  if (error instanceof NoBoard) return EXIT.noBoard;
  if (error instanceof BoardError || error instanceof LoaderError) return EXIT.rig;
  return error instanceof Locked ? EXIT.rig : undefined;
}

async function command(args: readonly string[], output: Output): Promise<number> {
  const { stdout } = output;
  const [word, ...rest] = args;
  if (word === "help") return answer(helpOf(PLAY), stdout);
  if (word === "diff") return runDiff(rest, stdout);
  if (word === "doctor") {
    const line = readCommandLine(DOCTOR, rest);
    return typeof line === "string"
      ? answer(line, stdout)
      : diagnose(readDoctorOptions(line), stdout);
  }
  const line = readCommandLine(PLAY, args);
  return typeof line === "string" ? answer(line, stdout) : playOn(readOptions(line), output);
}

/** Prints the help or the version. */
function answer(text: string, stdout: NodeJS.WritableStream): number {
  stdout.write(text);
  return EXIT.passed;
}

async function playOn(options: CommandOptions, output: Output): Promise<number> {
  const { stdout } = output;
  const scenarios = await loadScenarios();
  const found = options.emulated || options.address ? [] : await discover(computersPorts());
  if (options.list) {
    const boards = listBoards(found, new KnownBoards());
    const titles = scenarios.map(({ theme, title }) => `${theme}: ${title}`);
    const named = listNamed(await browse());
    stdout.write(
      `Boards\n\n${boards}\n\nBoards in the network\n\n${named}\n\nScenarios\n\n${titles.join("\n")}\n`,
    );
    return EXIT.passed;
  }
  const playing = chosen(scenarios, options.wanted);
  const desks = setUps(options, found, stdout);
  prepare(options.report);
  const commit = await commitOf();
  const stop = new AbortController();
  const onInterrupt = () => stop.abort("stopped by Ctrl-C");
  process.once("SIGINT", onInterrupt);
  const codes = await Promise.all(
    desks.map(async ({ label, setUp, bringUp }) => {
      const alone = desks.length === 1;
      const name = label.replace(/[^\w.-]+/g, "_");
      const folder = alone ? options.report : join(options.report, name);
      const rigOptions: RigOptions = {
        ...options,
        scenarios: playing,
        folder,
        commit,
        bringUp,
        signal: stop.signal,
      };
      const progress = new Progress(alone ? stdout : prefixed(label, stdout), options);
      const { soakMs, repeat } = options;
      progress.plan(playing.length * (soakMs === undefined ? repeat : 1), label, soakMs);
      const rig = new Rig(setUp, rigOptions, {
        begin: title => progress.begin(title),
        line: text => progress.line(text),
        result: result => progress.result(result),
        soak: (elapsedMs, totalMs, text) => progress.soak(elapsedMs, totalMs, text),
        keep: run => writeReports(folder, run),
      });
      try {
        const run = await rig.run();
        progress.end(run, folder);
        return run.exitCode;
      } catch (error) {
        return reported(error, alone ? "hil" : `hil: ${label}`, output); // the other boards are still played on
      }
    }),
  );
  process.off("SIGINT", onInterrupt);
  return worst(codes);
}

/** Checks the report folder before a long run. */
function prepare(folder: string): void {
  try {
    const there = statSync(folder, { throwIfNoEntry: false });
    // Node never stops trying to make a folder where a FIFO is.
    if (there !== undefined && !there.isDirectory()) throw new Error("it is no folder");
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--report "${folder}": ${(error as Error).message}`);
  }
}

/** Output for one of several boards on the terminal: each line begins with the board's label. */
function prefixed(label: string, stdout: NodeJS.WritableStream) {
  return new Writable({
    decodeStrings: false,
    write(text: string, _encoding, written) {
      stdout.write(`${label}: ${text}`);
      written();
    },
  });
}

interface SetUp {
  /** Name of the board in messages. */
  readonly label: string;
  readonly setUp: (surroundings: AttachmentOptions) => Attachment;
  readonly bringUp?: RigOptions["bringUp"];
}

function setUps(
  options: CommandOptions,
  found: readonly Found[],
  stdout: NodeJS.WritableStream,
): SetUp[] {
  const { emulated, address, token, inject } = options;
  if (emulated) {
    const { board = () => new EmulatedBoard() } =
      inject === undefined ? {} : INJECTABLE_FAULTS[inject];
    return [{ label: "the emulated board", setUp: line => attachEmulated(board(), line) }];
  }
  if (address !== undefined) {
    return [{ label: address.host, setUp: line => attachByAddress({ ...address, token }, line) }];
  }
  const known = new KnownBoards();
  const firmware = firmwareOf(options);
  return chosenPorts(options, found).map(board => ({
    label: board.path,
    setUp: line => attachSerial(computersPorts(), board, line),
    bringUp: rigBoard =>
      bringUp(rigBoard, {
        policy: options.flash,
        firmware,
        found: board,
        known,
        say: text => stdout.write(`${text}\n`),
      }),
  }));
}

function firmwareOf({ image, board }: CommandOptions) {
  if (image === undefined) {
    const ask = personAsk();
    const credentials = async () => {
      requireFlashing(); // checked before the password is asked for
      return settingNames(board).includes("ssid") ? wifiCredentials(process.env, ask) : undefined;
    };
    return new SourceFirmware([], credentials, board);
  }
  try {
    return new ImageFirmware(image);
  } catch (error) {
    throw new UsageError(`--image "${image}": ${(error as Error).message}`);
  }
}

function requireFlashing(): void {
  try {
    requireSdk("esp32");
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const others = "or play on what the board has, --flash never, or flash a prebuilt --image";
    throw new UsageError(`${error.message}; ${others}`);
  }
}

/** The boards to play on: those that were named, or the only one that is connected. */
function chosenPorts({ ports }: CommandOptions, found: readonly Found[]): readonly Found[] {
  if (ports.length > 0) {
    return ports.map(path => portNamed(path, found) ?? notThere(path, found));
  }
  const boards = found.filter(({ adapter }) => adapter !== undefined);
  if (boards.length === 0) throw new NoBoard(noBoard(found));
  if (boards.length === 1) return boards;
  const lines = boards.map(board => `  ${describeFound(board)}`).join("\n");
  throw new UsageError(`there are several boards; name one or more with --port:\n${lines}`);
}

async function diagnose(
  { ports, emulated }: Pick<CommandOptions, "ports" | "emulated">,
  stdout: NodeJS.WritableStream,
): Promise<number> {
  const board = emulated ? new EmulatedBoard() : undefined;
  const binding = board?.binding ?? computersPorts();
  let open: { rigBoard: RigBoard; path: string } | undefined;
  const parts = doctorParts({
    ports: () => discover(binding),
    wanted: emulated ? EMULATED_PATH : ports[0],
    open: path => {
      const rigBoard = new RigBoard({ binding, path, onIncident() {} }); // its incidents do not matter here
      open = { rigBoard, path };
      return openBoard(rigBoard);
    },
    dialsBack: () => {
      const device = new SerialDevice({
        board: open!.rigBoard,
        played: { kind: "serial", identity: open!.path },
        addressOf: board && (port => board.addressOf(port)),
      });
      return dialBack(device);
    },
  });
  return runDoctor(parts, line => stdout.write(`${line}\n`));
}

function notThere(path: string, found: readonly Found[]): never {
  const there = found.map(board => describeFound(board)).join("; ") || "none at all";
  throw new NoBoard(`--port "${path}": there is no such serial port; there are: ${there}`);
}

/** Commit of the sources, if git knows it. */
async function commitOf(): Promise<string | undefined> {
  const { stdout, failed } = await execa("git", ["rev-parse", "--short", "HEAD"], {
    reject: false,
    cwd: import.meta.dirname,
  });
  return failed ? undefined : stdout;
}

/** The worst exit code: faults of the firmware count more than those of the rig. */
function worst(codes: readonly number[]): number {
  const order = [EXIT.firmware, EXIT.boardLost, EXIT.rig, EXIT.usage];
  return order.find(code => codes.includes(code)) ?? EXIT.passed;
}
