import { parseArgs } from "node:util";
import { isToken, TOKEN_MAX, TOKEN_MIN } from "../../firmware/src/admin/token.ts";
import { nearest } from "../../firmware/src/config/reader.ts";
import type { Scenario } from "../kit/scenario.ts";
import { EMULATED_PATH } from "./emulated-port.ts";
import { FLASH_POLICIES, type FlashPolicy } from "./flash.ts";
import { INJECTABLE_FAULTS } from "./inject.ts";

/** What the person asked for cannot be done; said in one sentence. */
export class UsageError extends Error {}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** Each scenario has time-outs of its own, far below it; Wi-Fi and a log of 11 KB/s take their time. */
const PATIENCE_MS = 60_000;

const REPORT_FOLDER = "hil-report";

export interface CommandOptions {
  readonly list: boolean;
  /** When a board on a serial line gets another firmware. */
  readonly flash: FlashPolicy;
  /** A whole flash image, instead of the sources and an SDK. */
  readonly image: string | undefined;
  /** Serial ports; those that are found when there are none. */
  readonly ports: readonly string[];
  readonly emulated: boolean;
  /** A board without a serial line. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  readonly token: string | undefined;
  /** Parts of titles or themes; all scenarios when there are none. */
  readonly wanted: readonly string[];
  readonly repeat: number;
  /** Plays on for so long. */
  readonly soakMs: number | undefined;
  readonly patienceMs: number;
  readonly report: string;
  readonly verbose: boolean;
  readonly inject: string | undefined;
}

const KNOWN = {
  list: { type: "boolean" },
  flash: { type: "string" },
  image: { type: "string" },
  port: { type: "string", multiple: true },
  board: { type: "string" },
  address: { type: "string" },
  token: { type: "string" },
  scenario: { type: "string", multiple: true },
  repeat: { type: "string" },
  soak: { type: "string" },
  patience: { type: "string" },
  report: { type: "string" },
  verbose: { type: "boolean" },
  inject: { type: "string" },
} as const;

/** What `doctor` looks at. */
export function readDoctorOptions(
  args: readonly string[],
): Pick<CommandOptions, "ports" | "emulated"> {
  for (const word of args) {
    const name = /^--([^=]*)/.exec(word)?.[1];
    if (name === undefined || !Object.hasOwn(KNOWN, name) || name === "port" || name === "board") {
      continue;
    }
    throw new UsageError(`${word} is not for doctor, which takes --port or --board`);
  }
  const options = readOptions(args, 0);
  if (options.ports.length > 1) throw new UsageError("--port: doctor looks at one board at a time");
  return options;
}

/** Reads the command line; throws a `UsageError` that names the option and what would do. */
export function readOptions(args: readonly string[], adminPort: number): CommandOptions {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: KNOWN,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new UsageError(`"${token.value}" is no option; --help lists them`);
    }
    if (token.kind === "option") checkOption(token);
  }
  const text = (name: keyof typeof KNOWN) => values[name] as string | undefined;
  const ports = (values.port ?? []) as string[];
  const board = text("board");
  if (board !== undefined && board !== EMULATED_PATH) {
    throw new UsageError(
      `--board "${board}": wanted ${EMULATED_PATH}; a real board is named by --port or --address`,
    );
  }
  const emulated = board !== undefined;
  const ways = [
    ...(ports.length > 0 ? ["--port"] : []),
    ...(emulated ? ["--board"] : []),
    ...(values.address === undefined ? [] : ["--address"]),
  ];
  if (ways.length > 1) throw new UsageError(`${ways.join(" and ")}: one of them would do`);
  const flash = text("flash") ?? "changed";
  if (!FLASH_POLICIES.includes(flash as FlashPolicy)) {
    throw new UsageError(`--flash "${flash}": wanted ${FLASH_POLICIES.join(", ")}`);
  }
  for (const name of ["flash", "image"] as const) {
    if (values[name] === undefined || (!emulated && values.address === undefined)) continue;
    throw new UsageError(`--${name} is for boards on a serial line that can be flashed`);
  }
  const inject = text("inject");
  if (inject !== undefined) {
    if (!emulated) throw new UsageError(`--inject is for --board ${EMULATED_PATH} alone`);
    if (!Object.hasOwn(INJECTABLE_FAULTS, inject)) {
      const near = nearest(inject, Object.keys(INJECTABLE_FAULTS));
      const hint = near
        ? `did you mean ${near}?`
        : `known are ${Object.keys(INJECTABLE_FAULTS).join(", ")}`;
      throw new UsageError(`--inject "${inject}": ${hint}`);
    }
  }
  const token = text("token") ?? process.env.HOT_POTATO_TOKEN;
  if (token !== undefined && !isToken(token)) {
    const wanted = `${TOKEN_MIN} to ${TOKEN_MAX} printable characters without blanks`;
    throw new UsageError(`--token: wanted ${wanted}`);
  }
  if (values.token !== undefined && values.address === undefined) {
    throw new UsageError(
      "--token is for --address; over its serial line the rig lends a board one",
    );
  }
  const address = readAddress(text("address"), adminPort);
  if (address !== undefined && token === undefined) {
    throw new UsageError(
      "--address wants the board's --token (or HOT_POTATO_TOKEN): scenarios configure the board",
    );
  }
  return {
    list: values.list === true,
    flash: flash as FlashPolicy,
    image: text("image"),
    ports,
    emulated,
    address,
    token,
    wanted: (values.scenario ?? []) as string[],
    repeat: readCount("repeat", text("repeat") ?? "1"),
    soakMs: values.soak === undefined ? undefined : readDuration("soak", text("soak")!),
    patienceMs:
      values.patience === undefined ? PATIENCE_MS : readDuration("patience", text("patience")!),
    report: text("report") ?? REPORT_FOLDER,
    verbose: values.verbose === true,
    inject,
  };
}

/** The scenarios that were asked for. */
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

function checkOption(token: { name: string; rawName: string; value?: string | undefined }): void {
  const option = KNOWN[token.name as keyof typeof KNOWN];
  if (option === undefined) {
    const near = nearest(token.name, Object.keys(KNOWN));
    const hint = near ? `did you mean --${near}?` : "--help lists them";
    throw new UsageError(`${token.rawName} is no option; ${hint}`);
  }
  if (option.type === "string" && !token.value) {
    throw new UsageError(`${token.rawName} needs a value; --help shows how it looks`);
  }
  if (option.type === "boolean" && token.value !== undefined) {
    throw new UsageError(`${token.rawName} takes no value, and "${token.value}" was given`);
  }
}

function readAddress(text: string | undefined, adminPort: number) {
  if (text === undefined) return undefined;
  const [, host, port = `${adminPort}`] = /^([\w.-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65535) {
    throw new UsageError(
      `--address "${text}": wanted an address such as 192.168.1.50, or 192.168.1.50:${adminPort} with the admin port`,
    );
  }
  return { host, port: Number(port) };
}

function readCount(name: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} "${text}": wanted a whole number from 1 on, such as 10`);
}

function readDuration(name: string, text: string): number {
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * UNITS[unit];
  throw new UsageError(`--${name} "${text}": wanted a duration such as 30s, 10m or 8h`);
}
