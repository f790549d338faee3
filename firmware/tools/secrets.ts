import { readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError } from "./command-line.ts";
import { readSettings, refuseWrong } from "./moddable.ts";

/** Where secrets may come from, so that they stand in no history of commands. */
export const SSID_VARIABLE = "HOT_POTATO_SSID";
export const PASSWORD_VARIABLE = "HOT_POTATO_PASSWORD";
export const TOKEN_VARIABLE = "HOT_POTATO_TOKEN";

/** The variable of each setting that may be secret. */
const VARIABLES: Readonly<Record<string, string>> = {
  ssid: SSID_VARIABLE,
  password: PASSWORD_VARIABLE,
  token: TOKEN_VARIABLE,
};

/** Asks a person; `hidden` shows nothing of what is typed. */
export type Ask = (question: string, options: { hidden: boolean }) => Promise<string>;

/** Asks in a terminal. */
export function terminalAsk(
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Ask {
  return (question, { hidden }) => {
    output.write(question);
    const nowhere = new Writable({ write: (_text, _encoding, written) => written() });
    const lines = createInterface({ input, output: hidden ? nowhere : output, terminal: true });
    return new Promise((resolve, reject) => {
      lines.once("line", line => {
        resolve(line);
        lines.close();
        if (hidden) output.write("\n");
      });
      // Ctrl-C and Ctrl-D close it.
      lines.once("close", () => reject(new UsageError("nothing was typed")));
    });
  };
}

/** Asks the person at this program's terminal; `undefined` where there is no terminal to read from. */
export function personAsk(): Ask | undefined {
  return process.stdin.isTTY ? terminalAsk() : undefined;
}

/** The password of a Wi-Fi, from the person. Empty: it is an open network. */
export function askPassword(ask: Ask, ssid: string): Promise<string> {
  return ask(`Password of "${ssid}" (nothing: an open network): `, { hidden: true });
}

/** The token, from the person, who types it twice because it cannot be seen. */
async function askToken(ask: Ask): Promise<string> {
  const token = await ask("Token: ", { hidden: true });
  if (token === "") throw new UsageError("--ask-token: nothing was typed");
  if ((await ask("Token again: ", { hidden: true })) !== token) {
    throw new UsageError("--ask-token: the second token is another one");
  }
  return token;
}

/** The lines `ssid=…`, `password=…` and `token=…` of a file that nobody but its owner may read. */
export function readSecretsFile(file: string): string[] {
  let lines: string[];
  try {
    const { mode } = statSync(file);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new UsageError(`--secrets "${file}": others may read it; \`chmod 600\` would do`);
    }
    lines = readFileSync(file, "utf8").split(/\r?\n/);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--secrets "${file}": cannot be read: ${(error as Error).message}`);
  }
  const settings = lines.filter(line => line !== "");
  for (const [at, line] of settings.entries()) {
    if (Object.hasOwn(VARIABLES, line.split("=", 1)[0]) && line.includes("=")) continue;
    const wanted = Object.keys(VARIABLES).map(name => `${name}=…`);
    throw new UsageError(`--secrets "${file}": line ${at + 1}: wanted ${wanted.join(", ")}`);
  }
  return settings;
}

/** Options of commands that take settings of the build. */
export const SECRETS_OPTIONS = {
  secrets: {
    value: "FILE",
    help: "a file with lines ssid=…, password=…, token=… that only you may read",
  },
  "ask-token": { help: "asks for the token on the terminal, and does not show it" },
} as const;

/** What `settingsOf` reads of a command line. */
export interface SecretsOptions {
  readonly secrets?: string | undefined;
  readonly "ask-token"?: boolean | undefined;
}

/**
 * Settings of the build that `words` give, and secrets of a file, or else of the environment. With a person to
 * `ask`, the password of a Wi-Fi that is named and has none is asked for, and the token with `--ask-token`.
 */
export async function settingsOf(
  words: readonly string[],
  options: SecretsOptions,
  ask: Ask | undefined,
): Promise<string[]> {
  const given = readSettings(words);
  const kept = options.secrets === undefined ? [] : readSecretsFile(options.secrets);
  const settings = withSecrets(given, kept);
  refuseWrong(settings); // before a password is typed for nothing
  const ssid = settingOf(settings, "ssid");
  if (ask && ssid && settingOf(settings, "password") === undefined) {
    settings.push(`password=${await askPassword(ask, ssid)}`);
  }
  if (!options["ask-token"]) return settings;
  if (settingOf(given, "token") !== undefined) {
    throw new UsageError("token=… and --ask-token: only one of them can be given");
  }
  if (ask === undefined) {
    throw new UsageError(
      `--ask-token: there is no terminal to ask on; ${TOKEN_VARIABLE} or --secrets FILE would do`,
    );
  }
  const others = settings.filter(text => !text.startsWith("token="));
  return [...others, `token=${await askToken(ask)}`];
}

/** `given`, and the secrets that it lacks, of the lines `kept` or else of the environment. Warns of secrets in `given`. */
export function withSecrets(
  given: readonly string[],
  kept: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  warn: (line: string) => void = line => process.stderr.write(`${line}\n`),
): string[] {
  for (const name of ["password", "token"]) {
    if (settingOf(given, name) !== undefined) {
      warn(
        `note: ${name}=… stays in your shell's history; ${VARIABLES[name]}, --secrets FILE and what is typed when asked do not`,
      );
    }
  }
  const settings = [
    ...given,
    ...kept.filter(line => settingOf(given, line.split("=", 1)[0]) === undefined),
  ];
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = environment[variable];
    // An empty password is an open network's; nothing else that is empty says anything.
    const says = name === "password" ? value !== undefined : Boolean(value);
    if (says && settingOf(settings, name) === undefined) settings.push(`${name}=${value}`);
  }
  return settings;
}

function settingOf(settings: readonly string[], name: string): string | undefined {
  return settings.find(text => text.startsWith(`${name}=`))?.slice(name.length + 1);
}
