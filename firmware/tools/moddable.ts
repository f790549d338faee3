import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { isToken, TOKEN_WANTED } from "../src/admin/token.ts";
import { overlay } from "../src/config/build-settings.ts";
import { readConfig } from "../src/config/config.ts";
import { BYTE_ORDER_MARKS } from "../src/config/json.ts";
import { buildId } from "./build-id.ts";
import { UsageError } from "./command-line.ts";
import { readDocumentFile } from "./document-file.ts";

/** Platforms that the manifest has a section for. */
const PLATFORMS = ["esp32", "lin"] as const;
export type FirmwarePlatform = (typeof PLATFORMS)[number];

/** The boards, and the manifests of each in the firmware's folder: a later one adds to those before, or replaces their values. */
const BOARD_MANIFESTS = {
  esp32: ["manifest.json"],
  "wt32-eth01": ["manifest.json", "manifest-ethernet.json"],
} as const;
export type FirmwareBoard = keyof typeof BOARD_MANIFESTS;
export const FIRMWARE_BOARDS = Object.keys(BOARD_MANIFESTS) as FirmwareBoard[];

/** The link of a board. */
const linkOf = (board: FirmwareBoard) => (board === "wt32-eth01" ? "ethernet" : "wifi");

/** The board of a build that names none. */
export const DEFAULT_BOARD: FirmwareBoard = "esp32";

/** The firmware's folder, with its manifest. */
export const FIRMWARE = fileURLToPath(new URL("..", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OUTPUT = join(ROOT, "build");
/** First in PATH, because mcconfig calls `tsc` and needs this version. */
const BINARIES = join(ROOT, "node_modules", ".bin");

const HOST_FOLDERS: Partial<Record<NodeJS.Platform, string>> = {
  linux: "lin",
  darwin: "mac",
  win32: "win",
};

/** The platform named by the first word of a command line. */
export function readPlatform(word = ""): FirmwarePlatform {
  const platform = PLATFORMS.find(name => name === word);
  if (platform === undefined)
    throw new UsageError(`platform "${word}": wanted ${PLATFORMS.join(" or ")}`);
  return platform;
}

/** The target that the first word of a command line names: a board, or the simulator. */
export function readTarget(word = ""): { platform: FirmwarePlatform; board?: FirmwareBoard } {
  if (word === "lin") return { platform: "lin" };
  const board = FIRMWARE_BOARDS.find(name => name === word);
  if (board === undefined)
    throw new UsageError(`target "${word}": wanted ${FIRMWARE_BOARDS.join(", ")} or lin`);
  return { platform: "esp32", board };
}

/** The folder of a built SDK's tools for this computer. */
export function toolsOf(sdk: string): string {
  return join(sdk, "build", "bin", HOST_FOLDERS[process.platform] ?? "lin", "release");
}

/** The versions that this firmware was checked with: the SDK's, and that of the ESP-IDF which it needs. */
export const SDK_CHECKED = "8.2.3";
export const IDF_CHECKED = "v6.0";

/** How to install them. */
export const SDK_INSTALL = `npx xs-dev setup --release ${SDK_CHECKED}`;
export const IDF_INSTALL = "npx xs-dev setup --device esp32";

/** The installed SDK. Throws a `UsageError` with the way to install it, or ESP-IDF, which `esp32` needs, too. */
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

export function versionOf(sdk: string): string {
  try {
    return readFileSync(join(sdk, "tools", "VERSION"), "utf8").trim();
  } catch {
    return "of an unknown version"; // an old one has no such file
  }
}

/** Prints a note if the SDK is not the version that the firmware was checked with. */
export function noteVersion(): void {
  const version = versionOf(requireSdk().sdk);
  if (version === SDK_CHECKED) return;
  process.stderr.write(
    `note: the SDK in MODDABLE is ${version}; this firmware was checked with ${SDK_CHECKED}. ` +
      "firmware/README.md says how to install that one.\n",
  );
}

/** Builds the firmware, or another program for the chip, with the SDK's mcconfig. */
export async function mcconfig(options: {
  /** The folder of the manifest. */
  folder?: string;
  /** The manifests in the folder. */
  manifests?: readonly string[];
  /** The name of the program; that of the folder by default. */
  name?: string;
  platform: FirmwarePlatform;
  /** Run one after the other. */
  targets: readonly ("build" | "deploy")[];
  /** `name=value`, added to the manifest's own. */
  settings: readonly string[];
  environment?: Record<string, string>;
}): Promise<void> {
  const { folder = FIRMWARE, platform, targets, settings, environment } = options;
  const { manifests = ["manifest.json"], name = basename(folder) } = options;
  requireSdk(platform);
  mkdirSync(OUTPUT, { recursive: true }); // mcconfig does not create it
  chmodSync(OUTPUT, 0o700); // mcconfig writes the settings there, also the secret ones
  const include = manifests.map(file => join(folder, file));
  await withManifest(name, { include, config: toObject(settings) }, async manifest => {
    for (const target of targets) {
      const words = ["-m", "-p", platform, "-t", target, "-o", OUTPUT, manifest];
      const { exitCode } = await run("mcconfig", words, folder, environment);
      if (exitCode !== 0)
        throw new UsageError(`mcconfig ended with ${exitCode ?? "a signal"}; its output says why`);
    }
  });
}

/** Signals whose default action ends a program. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Calls `work` with a manifest of a program of this name. Only its owner may read it, and it is deleted afterwards, also when a
 * signal ends this program: it has the settings, which as arguments would appear in the list of processes.
 */
async function withManifest<Result>(
  name: string,
  content: { readonly include: readonly string[]; readonly config: object },
  work: (manifest: string) => Promise<Result>,
): Promise<Result> {
  const temporary = mkdtempSync(join(tmpdir(), "firmware-build-")); // 0700
  const remove = () => rmSync(temporary, { recursive: true, force: true });
  const end = (signal: NodeJS.Signals) => {
    remove();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of ENDING_SIGNALS) process.once(signal, end);
  try {
    const named = join(temporary, name); // mcconfig names the program by the folder of its manifest
    mkdirSync(named);
    const manifest = join(named, "manifest.json");
    writeFileSync(manifest, JSON.stringify(content), { mode: 0o600 });
    return await work(manifest);
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, end);
    remove();
  }
}

function toObject(settings: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    settings.map(text => {
      const [name] = text.split("=", 1);
      return [name, text.slice(name.length + 1)];
    }),
  );
}

/**
 * Type-checks every module of a program with the SDK's typings, in one run of the compiler instead of the build's one
 * per module. mcconfig resolves the manifest and writes the compiler's settings, for which it does not need ESP-IDF.
 * Returns the number of modules, or `undefined` if the compiler reports an error.
 */
export async function checkTypes(
  folder: string,
  platform: FirmwarePlatform,
  manifests: readonly string[] = ["manifest.json"],
): Promise<number | undefined> {
  const output = mkdtempSync(join(tmpdir(), "firmware-check-"));
  try {
    const include = manifests.map(file => join(folder, file));
    const { exitCode } = await withManifest(basename(folder), { include, config: {} }, manifest =>
      run("mcconfig", ["-p", platform, "-o", output, manifest], folder),
    );
    if (exitCode !== 0) throw new UsageError("mcconfig cannot read the manifest; see above");
    const { project, modules } = joinProjects(output);
    const { exitCode: complaints } = await run("tsc", ["-p", project], ROOT);
    return complaints === 0 ? modules : undefined;
  } finally {
    rmSync(output, { recursive: true });
  }
}

/** Joins the settings that mcconfig has written for the compiler, one file for each module, to one project. */
function joinProjects(output: string): { project: string; modules: number } {
  const names = readdirSync(output, { recursive: true, encoding: "utf8" });
  const projects = names.filter(name => name.endsWith("-tsconfig.json"));
  if (projects.length === 0)
    throw new UsageError("mcconfig has written no *-tsconfig.json: this SDK builds differently");
  const each = projects.map(name => JSON.parse(readFileSync(join(output, name), "utf8")));
  const project = join(output, "tsconfig.json");
  writeFileSync(project, JSON.stringify({ ...each[0], files: each.flatMap(({ files }) => files) }));
  return { project, modules: each.length };
}

/** Runs a tool of the SDK, or `tsc`, with the output of this program. */
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

/** The built-in document. */
function readGateway(): object {
  const file = join(FIRMWARE, "gateway.json");
  const read = readDocumentFile(file);
  if ("complaint" in read) throw new UsageError(`gateway.json is not JSON: ${read.complaint}`);
  if (BYTE_ORDER_MARKS.some(mark => readFileSync(file, "utf8").startsWith(mark))) {
    throw new UsageError(
      "gateway.json begins with a byte-order mark, which the SDK does not accept; save it as UTF-8 without",
    );
  }
  return read.value as object;
}

/** Throws a `UsageError` for settings that the board would refuse when it boots, where the user could not see it. */
export function refuseWrong(settings: readonly string[], board = DEFAULT_BOARD): void {
  const document = readGateway();
  const { backends = "", port = "", token = "" } = toObject(settings);
  const outcome = readConfig(overlay(document, { backends, port }), linkOf(board));
  if ("complaints" in outcome) throw new UsageError(outcome.complaints.join("; "));
  if (token !== "" && !isToken(token)) {
    throw new UsageError(`token: ${TOKEN_WANTED}`);
  }
}

/** Builds the firmware, with a build id that it prints when it boots. */
export async function buildFirmware(
  { platform, board }: ReturnType<typeof readTarget>,
  settings: readonly string[],
): Promise<void> {
  await make({ platform, targets: ["build"] }, settings, board);
}

/** Builds the firmware for a board and flashes the one on this serial port. */
export async function deployFirmware(
  port: string,
  settings: readonly string[],
  board = DEFAULT_BOARD,
): Promise<void> {
  const environment = { UPLOAD_PORT: port };
  await make({ platform: "esp32", targets: ["build", "deploy"], environment }, settings, board);
}

/** The manifests of a board's firmware. */
export function manifestsOf(board = DEFAULT_BOARD): readonly string[] {
  return BOARD_MANIFESTS[board];
}

async function make(
  what: Omit<Parameters<typeof mcconfig>[0], "settings">,
  settings: readonly string[],
  board = DEFAULT_BOARD,
): Promise<void> {
  refuseWrong(settings, board);
  noteVersion();
  // Each board has a folder of its own in `build`: what was compiled for one is not linked into the other.
  const name = board === DEFAULT_BOARD ? basename(FIRMWARE) : `${basename(FIRMWARE)}-${board}`;
  const id = buildId(settings, board);
  const all = [...settings, `build=${id}`];
  await mcconfig({ ...what, manifests: manifestsOf(board), name, settings: all });
}

/** The file that the SDK's simulator runs, after `mcconfig` has built the program of this folder for `lin`. */
export function simulatorProgram(folder: string): string {
  return join(OUTPUT, "bin", "lin", "mc", "release", basename(folder), "mc.so");
}

/** The command of the SDK's simulator, without the program. */
export function simulatorCommand(): string[] {
  const { sdk, tools } = requireSdk();
  return [join(tools, "mcsim"), join(sdk, "build", "simulators")];
}

/** Names of the build's settings. */
const SETTINGS = ["ssid", "password", "backends", "port", "token"];

/** The names of the settings that a board has: a cable needs no credentials. */
export function settingNames(board: FirmwareBoard | undefined): string[] {
  return board === "wt32-eth01"
    ? SETTINGS.filter(name => !/^(ssid|password)$/.test(name))
    : SETTINGS;
}

/** The settings of the build (`ssid=…`) on a command line; throws for other words. */
export function readSettings(words: readonly string[], known = SETTINGS): string[] {
  for (const word of words) {
    const name = word.split("=", 1)[0];
    if (!word.includes("=") || !known.includes(name)) {
      throw new UsageError(`"${word}": wanted ${known.map(key => `${key}=…`).join(", ")}`);
    }
  }
  return [...words];
}
