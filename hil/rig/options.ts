import { readBoardAddress, readToken } from "../../emulator/proxy/board-address.ts";
import { ADMIN_PORT } from "../../emulator/proxy/workbench/admin-client.ts";
import { columns } from "../../firmware/tools/columns.ts";
import {
  type Command,
  type CommandLine,
  oneOf,
  onlyOneOf,
  UsageError,
  wholeNumber,
} from "../../firmware/tools/command-line.ts";
import {
  DEFAULT_BOARD,
  FIRMWARE_BOARDS,
  type FirmwareBoard,
} from "../../firmware/tools/moddable.ts";
import type { Scenario } from "../kit/scenario.ts";
import { EMULATED_PATH } from "./emulated-port.ts";
import { FLASH_POLICIES, type FlashPolicy } from "./flash.ts";
import { INJECTABLE_FAULTS } from "./inject.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Upper limit of a scenario; its own timeouts are far shorter. Wi-Fi and a log of 11 KB/s take their time. */
const PATIENCE = "60s";

/** Most rounds of a scenario in one run. */
const REPEAT_MAX = 999_999;

export interface CommandOptions {
  readonly list: boolean;
  /** When to flash a board on a serial line. */
  readonly flash: FlashPolicy;
  /** A prebuilt flash image, instead of the sources and an SDK. */
  readonly image: string | undefined;
  /** Serial ports; empty: the ones that are found. */
  readonly ports: readonly string[];
  readonly emulated: boolean;
  /** The board on the serial line: which firmware is built for it. */
  readonly board: FirmwareBoard;
  /** A board without a serial line. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  readonly token: string | undefined;
  /** Parts of titles or themes; empty: all scenarios. */
  readonly wanted: readonly string[];
  readonly repeat: number;
  /** Length of a soak: scenarios are repeated for this time. */
  readonly soakMs: number | undefined;
  readonly patienceMs: number;
  readonly report: string;
  readonly verbose: boolean;
  readonly inject: string | undefined;
}

/** Values of `--board`: the emulated board, or the kind of those on serial lines. */
const BOARDS = [EMULATED_PATH, ...FIRMWARE_BOARDS] as const;

const PORT = {
  value: "PATH",
  repeatable: true,
  help: "this serial port; several ones for several boards at once",
} as const;

/** `npm run hil`: plays the scenarios. */
export const PLAY = {
  name: "hil",
  usage: ["[options]", "doctor [--port PATH | --board emulated]", "diff A B"],
  about: `
Plays the scenarios of hil/scenarios on a board, over its serial port and real TCP: an ESP32 that is
plugged in, or an emulated one. One verdict, and reports. doctor checks everything between
board and computer; diff compares two recorded runs.`,
  options: {
    list: {
      help: "lists the boards, those that multicast DNS finds in the network too, and the scenarios",
    },
    port: PORT,
    board: {
      value: BOARDS.join("|"),
      read: oneOf(BOARDS),
      default: DEFAULT_BOARD,
      help: "emulated: a board without hardware, by the same code; else which firmware the boards on serial lines are flashed with: wt32-eth01 has Ethernet",
    },
    address: {
      value: "IP[:PORT]",
      read: readBoardAddress,
      help: `a board without a serial line, through its admin port (default ${ADMIN_PORT})`,
    },
    token: {
      value: "TOKEN",
      read: readToken,
      secret: true,
      help: "the token that its admin port requires for changes; or HOT_POTATO_TOKEN",
    },
    flash: {
      value: "POLICY",
      read: oneOf(FLASH_POLICIES),
      default: "changed",
      help: "changed: if the board's build differs from the sources; always; never",
    },
    image: {
      value: "FILE",
      help: "flash this image (esptool merge-bin) with esptool-js; else your Moddable SDK builds and writes the firmware. Wi-Fi: HOT_POTATO_SSID, HOT_POTATO_PASSWORD, or you are asked",
    },
    scenario: {
      value: "WORDS",
      repeatable: true,
      help: "only scenarios with these words in theme or title",
    },
    repeat: {
      value: "N",
      read: wholeNumber(1, REPEAT_MAX),
      default: "1",
      help: "plays each scenario N times",
    },
    soak: {
      value: "8h",
      read: readDuration,
      help: "plays all of them again and again for this long",
    },
    patience: {
      value: "60s",
      read: readDuration,
      default: PATIENCE,
      help: "longest time for a scenario",
    },
    report: {
      value: "DIR",
      default: "hil-report",
      help: "folder for the log and the reports",
    },
    inject: {
      value: "NAME",
      read: oneOf(Object.keys(INJECTABLE_FAULTS)),
      help: "injects a fault into the emulated board; see below",
    },
    verbose: { help: "prints the board's lines as they come" },
  },
  more: `
Examples

  npm run hil                                          the board that is plugged in
  npm run hil -- --board emulated --scenario keyword   one theme, no hardware
  npm run hil -- --port /dev/ttyUSB0 --soak 8h         through the night
  npm run hil -- --board emulated --inject panic       what a failure looks like

Faults (--inject)

${columns(Object.entries(INJECTABLE_FAULTS).map(([name, { help }]) => [name, help]))}

It ends with 0: passed, 1: the firmware failed, 2: a wrong command, or nothing can be played on
this board, 3: no board, 4: a fault of the rig (power, cable, Wi-Fi),
5: the board was lost.`,
} as const satisfies Command;

/** `npm run hil -- doctor`. */
export const DOCTOR = {
  name: "hil",
  usage: ["doctor [--port PATH | --board emulated]"],
  about: "Checks everything between board and computer, step by step.",
  options: {
    port: { ...PORT, help: "the board's serial port" },
    board: {
      value: EMULATED_PATH,
      read: readEmulated,
      help: "a board without hardware, by the same code",
    },
  },
} as const satisfies Command;

/** The options of `doctor`. */
export function readDoctorOptions({
  values: { port, board },
  given,
}: CommandLine<typeof DOCTOR.options, never>): Pick<CommandOptions, "ports" | "emulated"> {
  onlyOneOf(given, "port", "board");
  if (port.length > 1) throw new UsageError("--port: doctor checks one board at a time");
  return { ports: port, emulated: board !== undefined };
}

/** Reads the options; throws a `UsageError` if they do not go together. */
export function readOptions({
  values,
  given,
}: CommandLine<typeof PLAY.options, never>): CommandOptions {
  const { list, flash, image, port, address, scenario, repeat, soak, patience } = values;
  const { report, verbose, inject } = values;
  const emulated = values.board === EMULATED_PATH;
  const board = values.board === EMULATED_PATH ? DEFAULT_BOARD : values.board;
  if (emulated) onlyOneOf(given, "port", "board");
  onlyOneOf(given, "port", "address");
  onlyOneOf(given, "board", "address");
  onlyOneOf(given, "board", "image");
  onlyOneOf(given, "repeat", "soak");
  for (const name of ["flash", "image"] as const) {
    if (!given.has(name) || (!emulated && address === undefined)) continue;
    throw new UsageError(`--${name} is for boards on a serial line that can be flashed`);
  }
  if (inject !== undefined && !emulated) {
    throw new UsageError(`--inject is for --board ${EMULATED_PATH} alone`);
  }
  if (values.token !== undefined && address === undefined) {
    throw new UsageError(
      "--token is for --address; over its serial line the rig gives a board one for its run",
    );
  }
  const token = values.token ?? tokenOfEnvironment();
  if (address !== undefined && token === undefined) {
    throw new UsageError(
      "--address needs the board's --token (or HOT_POTATO_TOKEN): scenarios configure the board",
    );
  }
  return {
    ...{ list, flash, image, ports: port, emulated, board, address, token },
    ...{ wanted: scenario, repeat },
    ...{ soakMs: soak, patienceMs: patience, report, verbose, inject },
  };
}

function tokenOfEnvironment(): string | undefined {
  const text = process.env.HOT_POTATO_TOKEN;
  if (text === undefined) return undefined;
  try {
    return readToken(text);
  } catch (error) {
    throw new UsageError(`HOT_POTATO_TOKEN: ${(error as Error).message}`);
  }
}

function readEmulated(text: string): string {
  if (text === EMULATED_PATH) return text;
  throw new UsageError(`wanted ${EMULATED_PATH}; a real board is named by --port or --address`);
}

function readDuration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * UNITS[unit];
  throw new UsageError("wanted a duration such as 30s, 10m or 8h");
}

/** The scenarios that `--scenario` selects. */
export function chosen(scenarios: readonly Scenario[], wanted: readonly string[]): Scenario[] {
  const isMeant = (word: string) => (scenario: Scenario) =>
    `${scenario.theme}: ${scenario.title}`.toLowerCase().includes(word.toLowerCase());
  for (const word of wanted) {
    if (scenarios.some(isMeant(word))) continue;
    const themes = [...new Set(scenarios.map(({ theme }) => theme))];
    throw new UsageError(
      `--scenario "${word}": in no title; themes are ${themes.join(", ")}; --list shows all titles`,
    );
  }
  return scenarios.filter(
    scenario => wanted.length === 0 || wanted.some(word => isMeant(word)(scenario)),
  );
}
