import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { fileURLToPath } from "node:url";
import { portNumber, runCommand, UsageError } from "../../firmware/tools/command-line.ts";
import {
  type FirmwarePlatform,
  mcconfig,
  readPlatform,
  readSettings,
  simulatorCommand,
  simulatorProgram,
} from "../../firmware/tools/moddable.ts";
import { esp32 } from "../src/boards/esp32.ts";
import type { SocketKind } from "../src/boards/kind.ts";
import { CASES } from "./cases.ts";
import { caseRows, columnsTable, linWords } from "./columns.ts";
import { complaintOf } from "./complaint.ts";
import { OWN_DIFFERENCES } from "./differences.ts";
import { DIFFERENCES } from "./host/differences.ts";
import { NoBoard, TestHost } from "./host/host.ts";
import { Simulator } from "./host/simulator.ts";
import { alarming, type CaseVerdict, judge, table } from "./host/verdict.ts";
import { MemoryTarget } from "./memory.ts";
import type { Case } from "./target.ts";

const DEFAULT_HOST = "127.0.0.1:4190";
const FOLDER = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");

/** The chip's limits under the program's own settings. */
const NUMBERS = esp32({
  sdkconfig: readFileSync(`${FOLDER}/sdkconfig/sdkconfig.defaults`, "utf8"),
  manifest: readFileSync(`${FOLDER}/manifest.json`, "utf8"),
});

await runCommand(
  {
    name: "conformance",
    usage: ["[--only TEXT]", "lin|esp32 [options] [ssid=… password=…]"],
    about: `
Plays the conformance cases on the emulated board, with the SDK's sockets and with the firmware's own, and
prints how each goes on all targets. With lin or esp32 it builds them with your Moddable SDK and plays them on its Linux simulator or on a board.
Ends with 1 where a board differs for an unknown reason.`,
    options: {
      host: {
        value: "IP:PORT",
        read: readHost,
        help: `this computer as the board sees it; ${DEFAULT_HOST} on lin`,
      },
      port: {
        value: "PATH",
        help: "esp32: the serial port to flash over, such as /dev/ttyUSB0",
      },
      simulator: {
        value: "COMMAND",
        read: text => text.split(" "),
        help: "lin: runs the built program, whose path is added; else the SDK's mcsim",
      },
      only: {
        value: "TEXT",
        read: readCases,
        help: "only cases whose name contains TEXT",
      },
      built: { help: "plays what was built and flashed before" },
    },
    word: text => text,
  },
  ({ values, words }) => {
    const cases = values.only ?? readCases("");
    if (words.length === 0) return onEmulator(cases);
    const platform = readPlatform(words[0]);
    if (platform === "esp32" && values.host === undefined) {
      throw new UsageError("--host is missing: this computer's IP:PORT as the board sees it");
    }
    if (platform === "esp32" && values.port === undefined && !values.built) {
      throw new UsageError("--port is missing: the board's serial port, such as /dev/ttyUSB0");
    }
    return play({
      platform,
      host: values.host ?? readHost(DEFAULT_HOST),
      settings: readSettings(words.slice(1), ["ssid", "password"]),
      simulator: values.simulator,
      serialPort: values.port,
      built: values.built,
      cases,
    });
  },
);

async function play(options: Options): Promise<void> {
  if (!options.built) await build(options);
  const { address, port } = options.host;
  const host = await TestHost.open(address, port).catch((error: Error) => {
    throw new UsageError(`--host ${address}:${port}: ${error.message}`);
  });
  try {
    const verdicts =
      options.platform === "lin" ? await onSimulator(host, options) : await onBoard(host, options);
    process.stdout.write(`\n${table(options.platform, verdicts)}`);
    if (verdicts.some(alarming)) process.exitCode = 1;
  } catch (error) {
    if (error instanceof NoBoard) throw new UsageError(error.message);
    throw error;
  } finally {
    host.close();
  }
}

async function build({ platform, host, settings, serialPort }: Options): Promise<void> {
  await mcconfig({
    folder: FOLDER,
    platform,
    settings: [`host=${host.address}:${host.port}`, ...settings],
    ...(serialPort === undefined
      ? { targets: ["build"] }
      : { targets: ["build", "deploy"], environment: { UPLOAD_PORT: serialPort } }),
  });
}

/** The emulated board in memory, with each kind of sockets; the words of the other targets are those that their tests hold. */
async function onEmulator(cases: Options["cases"]): Promise<void> {
  const rows = caseRows(linWords(readFileSync(`${FOLDER}/README.md`, "utf8")));
  for (const { each, place } of cases) {
    for (const sockets of ["sdk", "own"] as const) {
      if (each.sockets === "own" && sockets === "sdk") continue;
      const seen = await emulated(each, sockets);
      const expected = sockets === "own" ? OWN_DIFFERENCES[each.name]?.seen : undefined;
      if (seen === expected) continue;
      process.exitCode = 1;
      process.stderr.write(
        `${place} UNEXPLAINED with ${sockets}: ${each.name} (${seen ?? "holds"})\n`,
      );
    }
  }
  process.stdout.write(columnsTable(cases.map(({ place }) => rows[place - 1])));
}

/** Plays a case; what it complained about. */
async function emulated({ run }: Case, sockets: SocketKind): Promise<string | undefined> {
  const target = new MemoryTarget(sockets);
  try {
    await target.start();
    return await complaintOf(() => run(target));
  } finally {
    await target.stop();
  }
}

/** A simulator for each case: what one leaves behind, the next does not find. */
async function onSimulator(host: TestHost, options: Options): Promise<CaseVerdict[]> {
  const command = [...(options.simulator ?? simulatorCommand()), simulatorProgram(FOLDER)];
  const simulator = new Simulator(command, why => host.absent(why));
  const verdicts: CaseVerdict[] = [];
  for (const { each, place } of options.cases) {
    simulator.start();
    try {
      const outcome = await host.play(each.name, place, NUMBERS);
      verdicts.push(printed(place, judge(each, outcome, DIFFERENCES[each.name])));
    } finally {
      await simulator.stop();
    }
  }
  return verdicts;
}

/** The board restarts by itself after each case. */
async function onBoard(host: TestHost, options: Options): Promise<CaseVerdict[]> {
  const verdicts: CaseVerdict[] = [];
  for (const { each, place } of options.cases) {
    const outcome = await host.play(each.name, place, NUMBERS);
    verdicts.push(printed(place, judge(each, outcome, undefined)));
  }
  await host.end(CASES.length);
  return verdicts;
}

function printed(place: number, verdict: CaseVerdict): CaseVerdict {
  const { word, name, reason } = verdict;
  process.stderr.write(`${place} ${word}: ${name}${reason && ` (${reason})`}\n`);
  return verdict;
}

interface Options {
  platform: FirmwarePlatform;
  host: { address: string; port: number };
  settings: string[];
  simulator: string[] | undefined;
  serialPort: string | undefined;
  built: boolean;
  /** With their places among all. */
  cases: { each: Case; place: number }[];
}

/** The cases with this in their name. */
function readCases(text: string): Options["cases"] {
  const all = CASES.map((each, i) => ({ each, place: i + 1 }));
  const cases = all.filter(({ each }) => each.name.includes(text));
  if (cases.length === 0) throw new UsageError("no case has this in its name");
  return cases;
}

function readHost(text: string): Options["host"] {
  const [address, digits = ""] = text.split(/:(.*)/s);
  if (!isIPv4(address)) throw new UsageError("wanted IP:PORT, such as 192.168.1.10:4190");
  return { address, port: portNumber(digits) };
}
