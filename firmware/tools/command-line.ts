import { parseArgs } from "node:util";
import { didYouMean } from "../src/config/reader.ts";
import { VERSION } from "../src/version.ts";
import { ignoreBrokenPipe } from "./broken-pipe.ts";
import { columns } from "./columns.ts";

/** A wrong command line; each complaint is one sentence that names the option or word. */
export class UsageError extends Error {
  readonly complaints: readonly string[];

  constructor(...complaints: string[]) {
    super(complaints.join("; "));
    this.complaints = complaints;
  }
}

/** Converts an option's text to its value, or throws a `UsageError` that says what is wanted. */
export type Read<T> = (text: string) => T;

/** One option of a command, such as `--port PATH`. */
interface Option {
  readonly help: string;
  /** Placeholder for the value in the help: `PATH`, or `[PATH]` with `bare`. Without it the option is a switch. */
  readonly value?: string;
  /** Converts the text; without it the value is the text. */
  readonly read?: Read<unknown>;
  /** The text that is read if the option is not given. */
  readonly default?: string;
  /** The text that is read if the option is given without a value. */
  readonly bare?: string;
  /** May be given more than once; the value is an array. */
  readonly repeatable?: true;
  /** The text is not echoed in complaints. */
  readonly secret?: true;
}

type Options = Readonly<Record<string, Option>>;

/** A command: its command line and its help. */
export interface Command<O extends Options = Options, W = unknown> {
  /** The script of package.json, and the first word of each complaint. */
  readonly name: string;
  /** The arguments, one line for each form. */
  readonly usage: readonly string[];
  readonly about: string;
  readonly options: O;
  /** Reads a positional argument; without it there are none. */
  readonly word?: Read<W>;
  /** The last part of the help. */
  readonly more?: string;
  /** The text that `--version` prints, instead of the version alone. */
  readonly version?: () => string;
}

type TextOf<O> = O extends { readonly read: Read<infer T> } ? T : string;

type ValueOf<O> = O extends { readonly value: string }
  ? O extends { readonly repeatable: true }
    ? readonly TextOf<O>[]
    : O extends { readonly default: string }
      ? TextOf<O>
      : TextOf<O> | undefined
  : boolean;

/** A parsed command line: the value of each option by its name, and the positional arguments in their order. */
export interface CommandLine<O extends Options, W> {
  readonly values: { readonly [Name in keyof O]: ValueOf<O[Name]> };
  readonly words: readonly W[];
  /** Names of the options that were given. */
  readonly given: ReadonlySet<keyof O>;
}

/** Options that every command has. */
const COMMON: Options = {
  version: { help: "the version" },
  help: { help: "this text" },
};

/** Exit code of a wrong command line, as of the shell's own commands. */
const USAGE_EXIT_CODE = 2;

/**
 * Runs a command: reads its command line, and prints its help or version if requested. A `UsageError`, from there or
 * from `main`, is printed as one complaint per line, and the exit code is 2.
 */
export async function runCommand<const O extends Options, W = never>(
  command: Command<O, W>,
  main: (line: CommandLine<O, W>) => void | Promise<void>,
): Promise<void> {
  ignoreBrokenPipe();
  try {
    const line = readCommandLine(command, process.argv.slice(2));
    if (typeof line === "string") process.stdout.write(line);
    else await main(line);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const lines = error.complaints.map(complaint => `${command.name}: ${complaint}\n`);
    process.stderr.write(lines.join(""));
    process.exit(USAGE_EXIT_CODE);
  }
}

/** Reads `args`. With `--help` or `--version` it returns the text to print, whatever else is given. */
export function readCommandLine<const O extends Options, W = never>(
  command: Command<O, W>,
  args: readonly string[],
): CommandLine<O, W> | string {
  const options: Options = { ...COMMON, ...command.options };
  const { word = notAnOption } = command;
  const complaints: string[] = [];
  const attempt = <T>(about: string, read: () => T): T[] => {
    try {
      return [read()];
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      complaints.push(...error.complaints.map(complaint => `${about}: ${complaint}`));
      return [];
    }
  };
  const given = new Map<string, unknown[]>();
  const words: W[] = [];
  let unknownAt: number | undefined;
  for (const token of tokensOf(options, args)) {
    if (token.kind === "positional") {
      // After an unknown option it may be its value: one complaint is enough.
      if (command.word === undefined && token.index - 1 === unknownAt) continue;
      words.push(...attempt(`"${token.value}"`, () => word(token.value)));
    } else if (token.kind === "option") {
      const { name, index } = token;
      if (name === "help" && token.value === undefined) return helpOf(command);
      if (optionOf(options, name) === undefined) unknownAt = index;
      const read = attempt(aboutOption(options, token), () => readOption(options, token));
      given.set(name, [...(given.get(name) ?? []), ...read]);
    }
  }
  if (given.has("version")) return command.version?.() ?? `version=${VERSION}\n`;
  const values = valuesOf(command.options, given) as CommandLine<O, W>["values"];
  if (complaints.length > 0) throw new UsageError(...complaints);
  return { values, words, given: new Set(given.keys()) };
}

function tokensOf(options: Options, args: readonly string[]) {
  const kinds = Object.entries(options).map(([name, { value }]) => [
    name,
    { type: value === undefined ? "boolean" : "string" } as const,
  ]);
  return parseArgs({
    args: withBareValues(options, args),
    options: { ...Object.fromEntries(kinds), help: { type: "boolean", short: "h" } },
    strict: false,
    tokens: true,
  }).tokens;
}

/** The value of each option, from the values that were given for it. */
function valuesOf(options: Options, given: ReadonlyMap<string, unknown[]>) {
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const { value, default: fallback, repeatable } = option;
    const all = given.get(name) ?? [];
    if (value === undefined) values[name] = all.length > 0;
    else if (repeatable) values[name] = all;
    else if (all.length > 0 || fallback === undefined) values[name] = all.at(-1);
    else values[name] = textOf(option, fallback);
  }
  return values;
}

/** Throws a `UsageError` where more than one of these options was given. */
export function onlyOneOf<N>(given: ReadonlySet<N>, ...names: readonly N[]): void {
  const both = names.filter(name => given.has(name)).map(name => `--${name}`);
  if (both.length > 1) throw new UsageError(`${both.join(" and ")}: only one of them can be given`);
}

/** `args`, with the values of options that are given without one. */
function withBareValues(options: Options, args: readonly string[]): string[] {
  return args.map((word, i) => {
    const bare = word.startsWith("--") ? optionOf(options, word.slice(2))?.bare : undefined;
    const next = args[i + 1];
    return bare === undefined || (next !== undefined && !next.startsWith("-"))
      ? word
      : `${word}=${bare}`;
  });
}

function optionOf(options: Options, name: string): Option | undefined {
  return Object.hasOwn(options, name) ? options[name] : undefined;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** How a complaint begins: `--port "x"`, or `--port` without a value, or with a secret one. */
function aboutOption(options: Options, { name, rawName, value }: OptionToken): string {
  const option = optionOf(options, name);
  const isShown = option?.value !== undefined && !option.secret && value && !isOption(value);
  return isShown ? `${rawName} "${value}"` : rawName;
}

function isOption(text: string): boolean {
  return text.startsWith("-") && text !== "-";
}

function readOption(options: Options, { name, value: text, inlineValue }: OptionToken): unknown {
  const option = optionOf(options, name);
  if (option === undefined) {
    const near = didYouMean(name, Object.keys(options));
    throw new UsageError(
      `unknown option; ${near === undefined ? "--help lists the options" : `did you mean --${near}?`}`,
    );
  }
  if (option.value === undefined) {
    if (text !== undefined) throw new UsageError(`takes no value, and "${text}" was given`);
    return true;
  }
  if (!text || (isOption(text) && inlineValue !== true)) {
    throw new UsageError(`needs a value: --${name} ${option.value}`);
  }
  return textOf(option, text);
}

function textOf({ read = text => text }: Option, text: string): unknown {
  return read(text);
}

function notAnOption(): never {
  throw new UsageError("not an option; --help lists the options");
}

// Values

/** Reads a whole number in decimal digits. */
export function wholeNumber(min: number, max: number): Read<number> {
  return text => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value;
    throw new UsageError(`wanted a whole number from ${min} to ${max}`);
  };
}

/** Reads a TCP port. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new UsageError("wanted a port from 1 to 65535");
}

/** Reads one of these names. */
export function oneOf<const N extends string>(names: readonly N[]): Read<N> {
  return text => {
    const name = names.find(known => known === text);
    if (name !== undefined) return name;
    const near = didYouMean(text, names);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new UsageError(`wanted ${listOf(names)}${hint}`);
  };
}

/** `a, b or c`. */
function listOf(names: readonly string[]): string {
  const all = names.join(", ");
  const last = all.lastIndexOf(", ");
  return last < 0 ? all : `${all.slice(0, last)} or ${all.slice(last + 2)}`;
}

// Help

/** The text that `--help` prints. */
export function helpOf({ name, usage, about, options, more }: Command): string {
  const rows = Object.entries({ ...options, ...COMMON }).map(([name, option]): [string, string] => {
    const short = name === "help" ? "-h, " : "";
    const value = option.value === undefined ? "" : ` ${option.value}`;
    return [`${short}--${name}${value}`, helpTextOf(option)];
  });
  const parts = [
    usage.map(words => `npm run ${name} -- ${words}`).join("\n"),
    unpadded(about),
    columns(rows),
    ...(more === undefined ? [] : [unpadded(more)]),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** A template literal without the line ends at its edges. */
function unpadded(text: string): string {
  return text.replace(/^\n|\n$/g, "");
}

function helpTextOf({ help, repeatable, default: fallback }: Option): string {
  const notes = [
    ...(repeatable ? ["repeatable"] : []),
    ...(fallback === undefined ? [] : [`default ${fallback}`]),
  ];
  return notes.length === 0 ? help : `${help} (${notes.join(", ")})`;
}
