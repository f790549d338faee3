import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { fileURLToPath } from "node:url";
import { readCommandLine } from "../../firmware/tools/command-line.ts";
import {
  type FirmwarePlatform,
  mcconfig,
  readPlatform,
  readSettings,
  runTool,
  simulatorCommand,
  simulatorProgram,
  UsageError,
} from "../../firmware/tools/moddable.ts";
import { esp32 } from "../src/boards/esp32.ts";
import { CASES } from "./cases.ts";
import { DIFFERENCES } from "./host/differences.ts";
import { NoBoard, TestHost } from "./host/host.ts";
import { Simulator } from "./host/simulator.ts";
import { alarming, judge, table, type Verdict } from "./host/verdict.ts";
import type { Case } from "./target.ts";

const HELP = `npm run conformance -- lin|esp32 [options] [ssid=… password=…]

Builds the conformance cases with your Moddable SDK, plays them on its Linux simulator or on a board,
and prints the table of README.md. Ends with 1 where a board differs and nobody knows why.

  --host IP:PORT       this computer as the board sees it; 127.0.0.1:4190 on lin
  --port PATH          esp32: the serial port to flash over, such as /dev/ttyUSB0
  --simulator COMMAND  lin: runs the built program, whose path is added; else the SDK's mcsim
  --only TEXT          only the cases that have this in their name
  --built              plays what was built, and flashed, before
  --help               this text
`;

const DEFAULT_HOST = "127.0.0.1:4190";
const FOLDER = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");

/** What the program's own settings make of the chip. */
const NUMBERS = esp32({
  sdkconfig: readFileSync(`${FOLDER}/sdkconfig/sdkconfig.defaults`, "utf8"),
  manifest: readFileSync(`${FOLDER}/manifest.json`, "utf8"),
});

await runTool("conformance", async () => {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") process.stdout.write(HELP);
  else await main(options);
});

async function main(options: Options): Promise<void> {
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

/** A simulator for each case: what one leaves behind, the next does not find. */
async function onSimulator(host: TestHost, options: Options): Promise<Verdict[]> {
  const command = [...(options.simulator ?? simulatorCommand()), simulatorProgram(FOLDER)];
  const simulator = new Simulator(command, why => host.absent(why));
  const verdicts: Verdict[] = [];
  for (const { each, place } of options.cases) {
    simulator.start();
    try {
      const outcome = await host.play(each.name, place, NUMBERS);
      verdicts.push(told(place, judge(each, outcome, DIFFERENCES[each.name])));
    } finally {
      await simulator.stop();
    }
  }
  return verdicts;
}

/** The board starts anew by itself after each case. */
async function onBoard(host: TestHost, options: Options): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const { each, place } of options.cases) {
    const outcome = await host.play(each.name, place, NUMBERS);
    verdicts.push(told(place, judge(each, outcome, undefined)));
  }
  await host.end(CASES.length);
  return verdicts;
}

function told(place: number, verdict: Verdict): Verdict {
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

function readOptions(words: string[]): Options | "help" {
  const { values, positionals } = parsed(words);
  if (values.help) return "help";
  const platform = readPlatform(positionals[0]);
  const built = values.built === true;
  if (platform === "esp32" && !values.host)
    throw new UsageError("--host is missing: this computer's IP:PORT as the board sees it");
  if (platform === "esp32" && !values.port && !built)
    throw new UsageError("--port is missing: the board's serial port, such as /dev/ttyUSB0");
  const cases = CASES.map((each, i) => ({ each, place: i + 1 })).filter(({ each }) =>
    each.name.includes(values.only ?? ""),
  );
  if (cases.length === 0) throw new UsageError(`--only "${values.only}": no case has this`);
  return {
    platform,
    host: readHost(values.host ?? DEFAULT_HOST),
    settings: readSettings(positionals.slice(1), ["ssid", "password"]),
    simulator: values.simulator?.split(" "),
    serialPort: values.port,
    built,
    cases,
  };
}

function parsed(args: string[]) {
  return readCommandLine({
    args,
    allowPositionals: true,
    options: {
      host: { type: "string" },
      port: { type: "string" },
      simulator: { type: "string" },
      only: { type: "string" },
      built: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
}

function readHost(text: string): Options["host"] {
  const [address, digits] = text.split(":");
  const port = Number(digits);
  if (!isIPv4(address) || !/^\d{1,5}$/.test(digits ?? "") || port < 1 || port > 65535)
    throw new UsageError(`--host "${text}": wanted IP:PORT, such as 192.168.1.10:4190`);
  return { address, port };
}
