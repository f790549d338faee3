import { readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError } from "./command-line.ts";
import { type FirmwareBoard, readSettings, refuseWrong, settingNames } from "./moddable.ts";

/** Environment variables for secrets, which thus do not appear in the shell's history. */
export const SSID_VARIABLE = "HOT_POTATO_SSID";
export const PASSWORD_VARIABLE = "HOT_POTATO_PASSWORD";
const TOKEN_VARIABLE = "HOT_POTATO_TOKEN";

/** The variable of each setting that may be secret. */
const VARIABLES: Readonly<Record<string, string>> = {
  ssid: SSID_VARIABLE,
  password: PASSWORD_VARIABLE,
  token: TOKEN_VARIABLE,
};

/** Prompts the user; `hidden` does not show what is typed. */
export type Ask = (question: string, options: { hidden: boolean }) => Promise<string>;

/** Prompts on a terminal. */
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

/** Prompts on this program's terminal; `undefined` if standard input is not a terminal. */
export function personAsk(): Ask | undefined {
  return process.stdin.isTTY ? terminalAsk() : undefined;
}

/** Prompts for the password of a Wi-Fi; empty for an open network. */
export function askPassword(ask: Ask, ssid: string): Promise<string> {
  return ask(`Password of "${ssid}" (empty: an open network): `, { hidden: true });
}

/** Prompts for the token twice, because it is not shown. */
async function askToken(ask: Ask): Promise<string> {
  const token = await ask("Token: ", { hidden: true });
  if (token === "") throw new UsageError("--ask-token: nothing was typed");
  if ((await ask("Token again: ", { hidden: true })) !== token) {
    throw new UsageError("--ask-token: the two tokens differ");
  }
  return token;
}

/** The lines `ssid=…`, `password=…` and `token=…` of a file that only its owner may read. */
function readSecretsFile(file: string): string[] {
  let lines: string[];
  try {
    const { mode } = statSync(file);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new UsageError(`--secrets "${file}": others may read it; run \`chmod 600\` on it`);
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
  "ask-token": { help: "prompts for the token on the terminal, and does not show it" },
} as const;

/** The values of `SECRETS_OPTIONS`. */
interface SecretsOptions {
  readonly secrets?: string | undefined;
  readonly "ask-token"?: boolean | undefined;
}

/**
 * The settings of the build for `board`: `words`, and secrets from a file, or else from the environment. `ask` prompts for the
 * password if there is an ssid without one, and for the token with `--ask-token`.
 */
export async function settingsOf(
  words: readonly string[],
  options: SecretsOptions,
  ask: Ask | undefined,
  board?: FirmwareBoard,
): Promise<string[]> {
  const known = settingNames(board);
  const given = readSettings(words, known);
  const kept = options.secrets === undefined ? [] : readSecretsFile(options.secrets);
  const settings = withSecrets(given, kept).filter(text => known.includes(text.split("=", 1)[0]));
  refuseWrong(settings, board); // before the user types a password in vain
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
      `--ask-token: there is no terminal to ask on; use ${TOKEN_VARIABLE} or --secrets FILE`,
    );
  }
  const others = settings.filter(text => !text.startsWith("token="));
  return [...others, `token=${await askToken(ask)}`];
}

/** Adds missing secrets to `given`, from the lines `kept` or else from the environment. Warns of secrets in `given`. */
export function withSecrets(
  given: readonly string[],
  kept: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  warn: (line: string) => void = line => process.stderr.write(`${line}\n`),
): string[] {
  for (const name of ["password", "token"]) {
    if (settingOf(given, name) !== undefined) {
      warn(
        `note: ${name}=… stays in your shell's history; ${VARIABLES[name]}, --secrets FILE and a prompt do not`,
      );
    }
  }
  const settings = [
    ...given,
    ...kept.filter(line => settingOf(given, line.split("=", 1)[0]) === undefined),
  ];
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = environment[variable];
    // An empty password is that of an open network; other empty variables are ignored.
    const isSet = name === "password" ? value !== undefined : Boolean(value);
    if (isSet && settingOf(settings, name) === undefined) settings.push(`${name}=${value}`);
  }
  return settings;
}

function settingOf(settings: readonly string[], name: string): string | undefined {
  return settings.find(text => text.startsWith(`${name}=`))?.slice(name.length + 1);
}
