import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearest } from "../src/config/reader.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** A word of a command line does not do; the message is one sentence. */
export class CommandLineError extends Error {}

export interface CommandLineConfig<O extends Options> {
  readonly options: O;
  /** The program's arguments when not given. */
  readonly args?: readonly string[];
  /** Words that belong to no option are allowed. */
  readonly allowPositionals?: boolean;
  /** `--no-NAME` is allowed for options that are true or false. */
  readonly allowNegative?: boolean;
}

/** Reads a command line as `parseArgs` does; what is wrong is said in our words, with the nearest option. */
export function readCommandLine<const O extends Options>(config: CommandLineConfig<O>) {
  const { options, allowPositionals = false, allowNegative = false } = config;
  const args = [...(config.args ?? process.argv.slice(2))];
  const flags = { args, options, allowNegative };
  const { tokens } = parseArgs({ ...flags, allowPositionals: true, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === "positional" && !allowPositionals) {
      throw new CommandLineError(`"${token.value}" is not an option; --help lists them`);
    }
    if (token.kind === "option") check(token, options, allowNegative);
  }
  return parseArgs({ ...flags, allowPositionals });
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function check({ name, rawName, value, inlineValue }: OptionToken, options: Options, no: boolean) {
  const known = (wanted: string) => Object.hasOwn(options, wanted);
  const positive = no ? name.replace(/^no-/, "") : name;
  if (!known(name) && !known(positive)) {
    const near = nearest(name, Object.keys(options));
    const hint = near ? `did you mean --${near}?` : "--help lists them";
    throw new CommandLineError(`${rawName} is no option; ${hint}`);
  }
  const { type } = options[known(name) ? name : positive];
  if (type === "string" && (!value || (value.startsWith("-") && inlineValue !== true))) {
    throw new CommandLineError(`${rawName} needs a value; --help shows how it looks`);
  }
  if (type === "boolean" && value !== undefined) {
    throw new CommandLineError(`${rawName} takes no value, and "${value}" was given`);
  }
}
