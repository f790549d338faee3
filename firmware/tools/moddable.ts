import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { isToken, TOKEN_MAX, TOKEN_MIN } from "../src/admin/token.ts";
import { readConfig } from "../src/config.ts";
import { BYTE_ORDER_MARKS } from "../src/json.ts";
import { overlay } from "../src/settings.ts";
import { buildId } from "./build-id.ts";
import { CommandLineError } from "./command-line.ts";
import { readDocumentFile } from "./document-file.ts";

/** Platforms that the manifest has a section for. */
const PLATFORMS = ["esp32", "lin"] as const;
export type FirmwarePlatform = (typeof PLATFORMS)[number];

/** What the person asked for cannot be done; said in one sentence. */
export class UsageError extends Error {}

/** Its folder, with its manifest. */
export const FIRMWARE = fileURLToPath(new URL("..", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OUTPUT = join(ROOT, "build");
/** mcconfig calls plain `tsc`; ours is the version that it needs. */
const BINARIES = join(ROOT, "node_modules", ".bin");

const HOST_FOLDERS: Partial<Record<NodeJS.Platform, string>> = {
  linux: "lin",
  darwin: "mac",
  win32: "win",
};

/** The platform that a command line names. */
export function readPlatform(word = ""): FirmwarePlatform {
  const platform = PLATFORMS.find(name => name === word);
  if (platform === undefined)
    throw new UsageError(`platform "${word}": wanted ${PLATFORMS.join(" or ")}`);
  return platform;
}

/** Where an SDK that has been built has its tools for this computer. */
export function toolsOf(sdk: string): string {
  return join(sdk, "build", "bin", HOST_FOLDERS[process.platform] ?? "lin", "release");
}

/** The versions that this firmware was checked with: the SDK's, and ESP-IDF's, which that SDK demands. */
export const SDK_CHECKED = "8.2.3";
export const IDF_CHECKED = "v6.0";

/** How to install them. */
export const SDK_INSTALL = `npx xs-dev setup --release ${SDK_CHECKED}`;
export const IDF_INSTALL = "npx xs-dev setup --device esp32";

/**
 * The SDK that the person has installed, or a sentence on how to get it. Building for `esp32` wants ESP-IDF,
 * too.
 */
export function requireSdk(platform?: FirmwarePlatform): { sdk: string; tools: string } {
  const sdk = process.env.MODDABLE;
  if (!sdk) {
    throw new UsageError(
      `MODDABLE is not set: the Moddable SDK is missing; install it with \`${SDK_INSTALL}\` and open a new terminal`,
    );
  }
  const tools = toolsOf(sdk);
  if (!existsSync(tools)) {
    throw new UsageError(
      `MODDABLE="${sdk}": no built SDK is there (no ${tools}); \`${SDK_INSTALL}\` installs one`,
    );
  }
  if (platform === "esp32" && !process.env.IDF_PATH) {
    throw new UsageError(
      `IDF_PATH is not set: the ESP32 tools are missing; install them with \`${IDF_INSTALL}\` and open a new terminal`,
    );
  }
  return { sdk, tools };
}

/** The version of an SDK. */
export function versionOf(sdk: string): string {
  try {
    return readFileSync(join(sdk, "tools", "VERSION"), "utf8").trim();
  } catch {
    return "of an unknown version"; // an old one has no such file
  }
}

/** Says so where the SDK is not the one that the firmware was checked with. */
export function noteVersion(): void {
  const version = versionOf(requireSdk().sdk);
  if (version === SDK_CHECKED) return;
  process.stderr.write(
    `note: the SDK in MODDABLE is ${version}; this firmware was checked with ${SDK_CHECKED}. ` +
      "firmware/README.md says how to install that one.\n",
  );
}

/** Makes the firmware, or another program for the chip, with the SDK's mcconfig. */
export async function mcconfig(options: {
  /** Where the manifest is: the firmware, or another program for the chip. */
  folder?: string;
  platform: FirmwarePlatform;
  target: "build" | "deploy";
  settings: readonly string[];
  environment?: Record<string, string>;
}): Promise<void> {
  const { folder = FIRMWARE, platform, target, settings, environment } = options;
  requireSdk(platform);
  mkdirSync(OUTPUT, { recursive: true }); // mcconfig wants it to be there
  const words = ["-m", "-p", platform, "-t", target, "-o", OUTPUT, ...settings];
  const { exitCode } = await run("mcconfig", words, folder, environment);
  if (exitCode !== 0)
    throw new UsageError(`mcconfig ended with ${exitCode ?? "a signal"}; its output says why`);
}

/**
 * Type-checks every module of a program with the SDK's typings, in one run of the compiler, as its build
 * would one by one. mcconfig itself resolves the manifest and writes the compiler's settings, for which it
 * does not need ESP-IDF. Gives the number of modules, or `undefined` if the compiler complains.
 */
export async function checkTypes(
  folder: string,
  platform: FirmwarePlatform,
): Promise<number | undefined> {
  const output = mkdtempSync(join(tmpdir(), "firmware-check-"));
  try {
    const { exitCode } = await run("mcconfig", ["-p", platform, "-o", output], folder);
    if (exitCode !== 0) throw new UsageError("mcconfig cannot read the manifest; see above");
    const { project, modules } = joinProjects(output);
    const { exitCode: complaints } = await run("tsc", ["-p", project], ROOT);
    return complaints === 0 ? modules : undefined;
  } finally {
    rmSync(output, { recursive: true });
  }
}

/** The settings that mcconfig has written for the compiler, one file for each module, as one project. */
function joinProjects(output: string): { project: string; modules: number } {
  const names = readdirSync(output, { recursive: true, encoding: "utf8" });
  const projects = names.filter(name => name.endsWith("-tsconfig.json"));
  if (projects.length === 0)
    throw new UsageError("mcconfig has written no *-tsconfig.json: this SDK builds in another way");
  const each = projects.map(name => JSON.parse(readFileSync(join(output, name), "utf8")));
  const project = join(output, "tsconfig.json");
  writeFileSync(project, JSON.stringify({ ...each[0], files: each.flatMap(({ files }) => files) }));
  return { project, modules: each.length };
}

/** Runs a tool of the SDK, or ours where the SDK calls it; its output goes where ours goes. */
function run(
  tool: string,
  words: readonly string[],
  cwd: string,
  environment?: Record<string, string>,
) {
  const { sdk, tools } = requireSdk();
  const PATH = [BINARIES, tools, process.env.PATH].join(delimiter);
  const env = { ...environment, MODDABLE: sdk, PATH };
  return execa(tool, words, { cwd, stdio: "inherit", reject: false, env });
}

/** The document that is built in. */
function readGateway(): object {
  const file = join(FIRMWARE, "gateway.json");
  const read = readDocumentFile(file);
  if ("complaint" in read) throw new UsageError(`gateway.json is not JSON: ${read.complaint}`);
  if (BYTE_ORDER_MARKS.some(mark => readFileSync(file, "utf8").startsWith(mark))) {
    throw new UsageError(
      "gateway.json begins with a byte-order mark, which the SDK does not take; save it as UTF-8 without",
    );
  }
  return read.value as object;
}

/** What the board would refuse when it boots, without a word on its network: better said before it is built. */
export function refuseWrong(settings: readonly string[]): void {
  const given = Object.fromEntries(
    settings.map(text => {
      const [name] = text.split("=", 1);
      return [name, text.slice(name.length + 1)];
    }),
  );
  const document = readGateway();
  const { backends = "", port = "", token = "" } = given;
  const outcome = readConfig(overlay(document, { backends, port }));
  if ("complaints" in outcome) throw new UsageError(outcome.complaints.join("; "));
  if (token !== "" && !isToken(token)) {
    throw new UsageError(
      `token: wanted ${TOKEN_MIN} to ${TOKEN_MAX} printable characters without blanks`,
    );
  }
}

/** Builds the firmware. What it prints when it boots says which build it is. */
export async function buildFirmware(
  platform: FirmwarePlatform,
  settings: readonly string[],
  environment?: Record<string, string>,
): Promise<void> {
  refuseWrong(settings);
  noteVersion();
  await mcconfig({ platform, target: "build", settings: withBuild(settings), environment });
}

/** Builds the firmware for the ESP32 and flashes the board on this serial port. */
export async function deployFirmware(port: string, settings: readonly string[]): Promise<void> {
  const environment = { UPLOAD_PORT: port };
  await buildFirmware("esp32", settings, environment);
  await mcconfig({
    platform: "esp32",
    target: "deploy",
    settings: withBuild(settings),
    environment,
  });
}

function withBuild(settings: readonly string[]): string[] {
  return [...settings, `build=${buildId(settings)}`];
}

/** What the SDK's simulator runs, once `mcconfig` has built the program of this folder for it. */
export function simulatorProgram(folder: string): string {
  return join(OUTPUT, "bin", "lin", "mc", "release", basename(folder), "mc.so");
}

/** The SDK's own simulator, as a command that takes a program. */
export function simulatorCommand(): string[] {
  const { sdk, tools } = requireSdk();
  return [join(tools, "mcsim"), join(sdk, "build", "simulators")];
}

/** Settings of the firmware's build. */
const SETTINGS = ["ssid", "password", "backends", "port", "token"];

/** Tells settings of the build (`ssid=…`) from everything else on a command line. */
export function readSettings(words: readonly string[], known = SETTINGS): string[] {
  for (const word of words) {
    const name = word.split("=", 1)[0];
    if (!word.includes("=") || !known.includes(name)) {
      throw new UsageError(`"${word}": wanted ${known.map(key => `${key}=…`).join(", ")}`);
    }
  }
  return [...words];
}

/** Where secrets may come from, so that they stand in no history of commands; the rig reads the first two, too. */
const SECRETS: Readonly<Record<string, string>> = {
  ssid: "HOT_POTATO_SSID",
  password: "HOT_POTATO_PASSWORD",
  token: "HOT_POTATO_TOKEN",
};

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
    if (Object.hasOwn(SECRETS, line.split("=", 1)[0]) && line.includes("=")) continue;
    const wanted = Object.keys(SECRETS).map(name => `${name}=…`);
    throw new UsageError(`--secrets "${file}": line ${at + 1}: wanted ${wanted.join(", ")}`);
  }
  return settings;
}

/** Settings of the build that `words` give, and secrets of the file `secrets`, or else of the environment. */
export function settingsOf(words: readonly string[], secrets: string | undefined): string[] {
  return withSecrets(readSettings(words), secrets === undefined ? [] : readSecretsFile(secrets));
}

/** `given`, and the secrets that it lacks, of the lines `kept` or else of the environment. Warns of secrets in `given`. */
export function withSecrets(
  given: readonly string[],
  kept: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  warn: (line: string) => void = line => process.stderr.write(`${line}\n`),
): string[] {
  const has = (settings: readonly string[], name: string) =>
    settings.some(text => text.startsWith(`${name}=`));
  for (const name of ["password", "token"]) {
    if (has(given, name)) {
      warn(
        `note: ${name}=… stays in your shell's history; the environment's ${SECRETS[name]}, or --secrets FILE, does not`,
      );
    }
  }
  const settings = [...given, ...kept.filter(line => !has(given, line.split("=", 1)[0]))];
  for (const [name, variable] of Object.entries(SECRETS)) {
    const value = environment[variable];
    if (value && !has(settings, name)) settings.push(`${name}=${value}`);
  }
  return settings;
}

/** Runs a command line tool: a usage error is one sentence and exit code 2. */
export async function runTool(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof CommandLineError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exitCode = 2;
  }
}
