import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { isToken, TOKEN_MAX, TOKEN_MIN } from "../src/admin/token.ts";
import { readConfig } from "../src/config.ts";
import { overlay } from "../src/settings.ts";
import { buildId } from "./build-id.ts";

/** Platforms that the manifest has a section for. */
export const PLATFORMS = ["esp32", "lin"] as const;
export type FirmwarePlatform = (typeof PLATFORMS)[number];

/** What the person asked for cannot be done; said in one sentence. */
export class UsageError extends Error {}

/** Its folder, with its manifest. */
export const FIRMWARE = fileURLToPath(new URL("..", import.meta.url));
const OUTPUT = fileURLToPath(new URL("../../build", import.meta.url));
/** mcconfig calls plain `tsc`; ours is the version that it needs. */
const BINARIES = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));

const HOST_FOLDERS: Partial<Record<NodeJS.Platform, string>> = {
  linux: "lin",
  darwin: "mac",
  win32: "win",
};

/** Where an SDK that has been built has its tools for this computer. */
export function toolsOf(sdk: string): string {
  return join(sdk, "build", "bin", HOST_FOLDERS[process.platform] ?? "lin", "release");
}

/** The SDK that the person has installed, or a sentence on how to get it. */
export function requireSdk(platform: FirmwarePlatform): { sdk: string; tools: string } {
  const sdk = process.env.MODDABLE;
  if (!sdk) {
    throw new UsageError(
      "MODDABLE is not set: the Moddable SDK is missing; install it with `npx xs-dev setup` and open a new terminal",
    );
  }
  const tools = toolsOf(sdk);
  if (!existsSync(tools)) {
    throw new UsageError(
      `MODDABLE="${sdk}": no built SDK is there (no ${tools}); \`npx xs-dev setup\` builds one`,
    );
  }
  if (platform === "esp32" && !process.env.IDF_PATH) {
    throw new UsageError(
      "IDF_PATH is not set: the ESP32 tools are missing; install them with `npx xs-dev setup --device esp32` and open a new terminal",
    );
  }
  return { sdk, tools };
}

/** Runs the SDK's mcconfig on a manifest; its output goes where ours goes. */
export async function mcconfig(options: {
  /** Where the manifest is: the firmware, or another program for the chip. */
  folder?: string;
  platform: FirmwarePlatform;
  target: "build" | "deploy";
  settings: readonly string[];
  environment?: Record<string, string>;
}): Promise<void> {
  const { sdk, tools } = requireSdk(options.platform);
  mkdirSync(OUTPUT, { recursive: true }); // mcconfig wants it to be there
  const { exitCode } = await execa(
    "mcconfig",
    ["-m", "-p", options.platform, "-t", options.target, "-o", OUTPUT, ...options.settings],
    {
      cwd: options.folder ?? FIRMWARE,
      stdio: "inherit",
      reject: false,
      env: {
        ...options.environment,
        MODDABLE: sdk,
        PATH: [BINARIES, tools, process.env.PATH].join(delimiter),
      },
    },
  );
  if (exitCode !== 0)
    throw new UsageError(`mcconfig ended with ${exitCode ?? "a signal"}; its output says why`);
}

/** What the board would refuse when it boots, without a word on its network: better said before it is built. */
export function refuseWrong(settings: readonly string[]): void {
  const given = Object.fromEntries(
    settings.map(text => {
      const [name] = text.split("=", 1);
      return [name, text.slice(name.length + 1)];
    }),
  );
  const document = JSON.parse(readFileSync(join(FIRMWARE, "gateway.json"), "utf8"));
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
  const { sdk, tools } = requireSdk("lin");
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

/** Runs a command line tool: a usage error is one sentence and exit code 2. */
export async function runTool(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exitCode = 2;
  }
}
