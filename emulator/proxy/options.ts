import { createHash } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { startConfigOf } from "../../firmware/src/admin/start-config.ts";
import { STORAGE_PATH } from "../../firmware/src/app.ts";
import type { GivenSettings } from "../../firmware/src/config/build-settings.ts";
import { type Configuration, readConfig } from "../../firmware/src/config/config.ts";
import { ConfigStore } from "../../firmware/src/config/config-store.ts";
import { DOCUMENT_BYTES_MAX } from "../../firmware/src/config/document-parts.ts";
import type { Parsed } from "../../firmware/src/config/json.ts";
import type { Config } from "../../firmware/src/config/settings.ts";
import { TextStore } from "../../firmware/src/config/storage.ts";
import { ipv4OrHostName, isLocalhost } from "../../firmware/src/net/address.ts";
import { budget } from "../../firmware/src/net/connection-budget.ts";
import {
  type Command,
  type CommandLine,
  oneOf,
  onlyOneOf,
  portNumber,
  UsageError,
  wholeNumber,
} from "../../firmware/tools/command-line.ts";
import { readDocumentFile } from "../../firmware/tools/document-file.ts";
import type { BoardKind, SocketKind } from "../src/boards/kind.ts";
import { unlimited } from "../src/boards/unlimited.ts";
import { Flash } from "../src/flash.ts";
import { defineKeyValue } from "../src/io/storage.ts";
import { cannotOpenPty } from "../src/pty.ts";
import { readBoardAddress, readToken } from "./board-address.ts";
import { planDemo } from "./demo.ts";
import { ourBoard, ourEthernetBoard } from "./firmware-board.ts";
import { DEFAULT_HOST, type Published, requirePorts } from "./ports.ts";
import type { AdminAddress } from "./workbench/admin-client.ts";
import { BOOT_MAX_S, BOOT_MIN_S, type PlannedMachine } from "./workbench/demo-machine.ts";

const BOARD_NAMES = ["esp32", "wt32-eth01", "unlimited"] as const;

const BOARDS: Readonly<Record<(typeof BOARD_NAMES)[number], (sockets: SocketKind) => BoardKind>> = {
  esp32: ourBoard,
  "wt32-eth01": ourEthernetBoard,
  unlimited,
};

const DEFAULT_PORT = 8000;
const DEFAULT_ADMIN_PORT = 8404;

const OPTIONS = {
  publish: {
    value: "80:8000",
    read: readPublishing,
    repeatable: true,
    help: "the board's port 80 is port 8000 of this computer; 80:0.0.0.0:8000 for all its addresses, not only 127.0.0.1",
  },
  backend: {
    value: "HOST:PORT",
    read: readServer,
    repeatable: true,
    help: "a server of yours, by address or name; then no demo backends start",
  },
  machine: {
    value: "[SECONDS]",
    read: wholeNumber(BOOT_MIN_S, BOOT_MAX_S),
    bare: "10",
    repeatable: true,
    help: "a demo server on a machine that sleeps: a request wakes it, it boots for SECONDS (10 without a number), and sleeps again 30 seconds after the last one",
  },
  config: { value: "FILE", help: "the configuration, instead of firmware/gateway.json" },
  check: { help: "only checks the configuration: prints a summary, or everything that is wrong" },
  admin: {
    value: "PORT",
    read: portNumber,
    help: `port of this computer for the board's admin port (default ${DEFAULT_ADMIN_PORT})`,
  },
  token: {
    value: "TOKEN",
    read: readToken,
    secret: true,
    help: "the token that the admin port requires for changes",
  },
  ui: {
    value: "[PORT]",
    read: readPagePort,
    bare: "0",
    help: "the workbench, a page in the browser: charts, traffic, faults, Wi-Fi",
  },
  "board-address": {
    value: "IP",
    read: readBoardAddress,
    help: "the workbench for a real board, through its admin port; no board is emulated",
  },
  mdns: {
    help: "the board has its name by multicast DNS, and is found, on the loopback interface of this computer",
  },
  pty: {
    help: "a pseudo-terminal for screen, minicom or idf-monitor, with the board's serial line at 115200 baud (Linux and macOS)",
  },
  flash: {
    value: "FILE",
    help: "the board's flash is kept in FILE between runs",
  },
  board: {
    value: "NAME",
    read: oneOf(BOARD_NAMES),
    default: "esp32",
    help: "esp32; wt32-eth01, with Ethernet instead of Wi-Fi; or unlimited, without a chip's limits",
  },
  sockets: {
    value: "KIND",
    read: oneOf(["own", "sdk"]),
    default: "own",
    help: "the board's TCP sockets: own, the firmware's, which half-close and tell a reset from an end, or sdk, those of Moddable's SDK with their faults",
  },
  engine: {
    value: "NAME",
    read: oneOf(["node", "xs"]),
    default: "node",
    help: "what runs the firmware: node, or xs, the chip's own engine with the chip's heap, which a C compiler builds on first use",
  },
  quiet: { help: "only warnings and errors" },
  log: {
    value: "compact|raw",
    read: oneOf(["compact", "raw"]),
    help: "lines in columns with colours, or as the board writes them; without it compact on a terminal, raw where a program reads them",
  },
  json: { help: "events as JSON, one a line" },
} as const satisfies Command["options"];

export interface Options {
  configuration: Configuration;
  given: GivenSettings;
  flash: Flash | undefined;
  pty: boolean;
  /** The board speaks multicast DNS on the loopback interface. */
  mdns: boolean;
  published: readonly Published[];
  kind: BoardKind;
  engine: "node" | "xs";
  demo: boolean;
  /** Machines of the demo backends, one for each; none: the backends are always awake. */
  machines: readonly PlannedMachine[];
  quiet: boolean;
  json: boolean;
  log: "compact" | "raw";
  /** Port of the workbench's page; 0 for any free one. */
  ui: number | undefined;
  /** A board to watch instead of emulating one. */
  remote: AdminAddress | undefined;
}

/** `npm run emulate`. */
export const EMULATE = {
  name: "emulate",
  usage: ["[options]"],
  about: "Runs the firmware on an emulated ESP32, with two demo backends behind it.",
  options: OPTIONS,
  more: "Commands of the board's console are read from standard input: try help.",
} as const satisfies Command;

type EmulateLine = CommandLine<typeof OPTIONS, never>;

/**
 * The options, or the text of the help or version. Options that do not go together are refused before anything of the
 * computer is looked at: names, files, and last its ports.
 */
export async function readOptions(line: EmulateLine): Promise<Options | string> {
  refuseTogether(line);
  const { values } = line;
  const remote = values["board-address"];
  if (remote !== undefined) await requireAddress("--board-address", remote.host);
  const noPty = values.pty ? cannotOpenPty() : undefined;
  if (noPty !== undefined) throw new UsageError(`--pty: ${noPty}`);
  // The board resolves names itself, and `localhost` would be the board.
  const backends = values.backend.map(({ host, port }) => ({
    address: isLocalhost(host) ? DEFAULT_HOST : host,
    port,
  }));
  const demo = backends.length === 0 && values.config === undefined;
  const kind = BOARDS[values.board](values.sockets);
  const base = readDocument(values.config, backends.length > 0 ? { backends } : {}, kind);
  if (values.check) return `${checked(values.config, base, kind)}\n`;
  const settings = {
    document: values.config === undefined ? undefined : nameOf(base.document),
    backends: backends.map(({ address, port }) => `${address}:${port}`).join(),
    token: values.token,
  };
  const flash = values.flash === undefined ? undefined : openFlash(values.flash);
  const inForce = values.flash === undefined ? base.config : configIn(values.flash, base, settings);
  const published = [
    ...publishedPorts(values.publish, inForce),
    ...publishedAdmin(values.admin, inForce),
  ];
  const { ui } = values;
  if (remote === undefined) await requirePorts(published, ui);
  const used = [...published.map(({ port }) => port), ui];
  const plan = demo ? await planDemo(values.machine, ui !== undefined, used) : undefined;
  const configuration = plan === undefined ? base : readDocument(undefined, plan.parts, kind);
  const { pty, mdns, engine, quiet, json, log = process.stdout.isTTY ? "compact" : "raw" } = values;
  return {
    ...{ configuration, given: settings, flash, pty, mdns, published, kind, engine },
    ...{ demo, machines: plan?.machines ?? [], quiet, json, log, ui },
    remote: remote && { ...remote, token: values.token },
  };
}

function refuseTogether({ values, given }: EmulateLine): void {
  const useless = (
    ["publish", "backend", "machine", "config", "board", "sockets", "mdns", "pty"] as const
  ).find(name => given.has(name));
  if (given.has("board-address") && useless !== undefined) {
    throw new UsageError(
      `--${useless} is for the emulated board, and --board-address watches another`,
    );
  }
  onlyOneOf(given, "log", "json");
  onlyOneOf(given, "machine", "backend");
  onlyOneOf(given, "machine", "config");
  if (given.has("machine") && values.sockets === "sdk") {
    throw new UsageError("--machine needs the firmware's own sockets: leave out --sockets sdk");
  }
  if (values.mdns && values.sockets === "sdk") {
    throw new UsageError("--mdns needs the firmware's own sockets: leave out --sockets sdk");
  }
  if (values.ui !== undefined && values.engine !== "node") {
    throw new UsageError("--ui looks into the firmware, which --engine xs does not allow");
  }
}

function readPagePort(text: string): number {
  if (text === "0") return 0;
  if (isPort(Number(text))) return Number(text);
  throw new UsageError("wanted a port, such as 8500, or nothing for a free one");
}

function readDocument(file: string | undefined, parts: object, { link }: BoardKind): Configuration {
  const name = file === undefined ? "firmware/gateway.json" : `--config "${file}"`;
  let read: Parsed;
  try {
    read = readDocumentFile(file ?? new URL("../../firmware/gateway.json", import.meta.url));
  } catch (error) {
    throw new UsageError(`${name}: cannot be read: ${(error as Error).message}`);
  }
  if ("complaint" in read) throw new UsageError(`${name}: is not JSON: ${read.complaint}`);
  let document = read.value;
  const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
  if (isObject) document = { ...(document as object), ...parts };
  const outcome = readConfig(document, link);
  if ("config" in outcome) return outcome;
  throw new UsageError(`${name} is refused:\n  ${outcome.complaints.join("\n  ")}`);
}

/** The effect of a valid configuration on a board. */
function checked(
  file: string | undefined,
  { config, document }: Configuration,
  { connectionsMax }: BoardKind,
): string {
  const { sessionsMax } = budget(connectionsMax, config);
  const bytes = JSON.stringify(document).length;
  const ports = config.listeners.map(({ port, mode }) => `${port} (${mode})`).join(", ");
  const lines = [
    `${file ?? "firmware/gateway.json"} is good.`,
    `  ports      ${ports}; admin port ${config.adminPort === 0 ? "none" : config.adminPort}`,
    `  backends   ${config.backends.map(b => `${b.name} ${b.address}:${b.port}`).join(", ")}`,
    `  sessions   ${sessionsMax} at once${(config.sessionsMax ?? 0) > sessionsMax ? `, not the ${config.sessionsMax} of sessionsMax` : ""}; ${config.queueMax} more are queued`,
    `  size       ${bytes} bytes; flash takes ${DOCUMENT_BYTES_MAX}${bytes > DOCUMENT_BYTES_MAX ? ", so that it can be built in, and not be put later" : ""}`,
  ];
  return lines.join("\n");
}

/** Another name for another document. */
function nameOf(document: object): string {
  return createHash("sha256").update(JSON.stringify(document)).digest("hex").slice(0, 16);
}

/** A server as it is named on the command line. */
interface Server {
  readonly host: string;
  readonly port: number;
}

function readServer(text: string): Server {
  const [, host, digits = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const isAddress = host !== undefined && ipv4OrHostName().test(host);
  if (!isAddress || port < 1 || port > 65_535) {
    throw new UsageError("wanted HOST:PORT, such as 127.0.0.1:3000 or nas.home:8080");
  }
  return { host, port };
}

/** The workbench connects to an IPv4 address. */
async function requireAddress(option: string, host: string): Promise<string> {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    throw new UsageError(`${option}: no IPv4 address is known for "${host}"`);
  }
}

/** The value of `--publish`. */
interface Publishing {
  readonly text: string;
  readonly boardPort: number;
  readonly host: string;
  readonly port: number;
}

function readPublishing(text: string): Publishing {
  const [, boardPort, host = DEFAULT_HOST, port] = /^(\d+):(?:(.+):)?(\d+)$/.exec(text) ?? [];
  if (boardPort === undefined || !isPort(Number(boardPort)) || !isPort(Number(port))) {
    throw new UsageError("wanted BOARD_PORT:PORT, such as 80:8000");
  }
  if (!isIPv4(host)) {
    throw new UsageError(
      `wanted an IPv4 address of this computer in the middle, such as 0.0.0.0, not "${host}"`,
    );
  }
  return { text, boardPort: Number(boardPort), host, port: Number(port) };
}

/** The listeners of the configuration as they are published. */
function publishedPorts(wanted: readonly Publishing[], config: Config): Published[] {
  const ports = config.listeners.map(({ port }) => port);
  if (wanted.length === 0) {
    const option = `--publish ${ports[0]}:${DEFAULT_PORT}`;
    return [{ boardPort: ports[0], host: DEFAULT_HOST, port: DEFAULT_PORT, option }];
  }
  for (const { text, boardPort } of wanted) {
    if (ports.includes(boardPort)) continue;
    throw new UsageError(
      `--publish "${text}": the board does not listen on ${boardPort}, only on ${ports.join(", ")}`,
    );
  }
  const twice = wanted.find(({ boardPort }, i) =>
    wanted.slice(0, i).some(before => before.boardPort === boardPort),
  );
  if (twice !== undefined) {
    throw new UsageError(
      `--publish: the board's port ${twice.boardPort} was given twice; wanted once`,
    );
  }
  return wanted.map(({ text, ...one }) => ({ ...one, option: `--publish ${text}` }));
}

function publishedAdmin(wanted: number | undefined, { adminPort }: Config): Published[] {
  if (adminPort === 0) {
    if (wanted === undefined) return [];
    throw new UsageError(`--admin "${wanted}": the configuration has no admin port (adminPort: 0)`);
  }
  const port = wanted ?? DEFAULT_ADMIN_PORT;
  return [{ boardPort: adminPort, host: DEFAULT_HOST, port, option: `--admin ${port}` }];
}

function openFlash(file: string): Flash {
  try {
    return new Flash(file);
  } catch (error) {
    throw new UsageError(`--flash "${file}": ${(error as Error).message}`);
  }
}

/** The configuration that the firmware will have in force with this flash: read from a copy, because a start changes it. */
function configIn(file: string, builtIn: Configuration, given: GivenSettings): Config {
  const report = () => {};
  const storage = defineKeyValue(Flash.copyOf(file), () => {});
  const store = TextStore.open(storage, STORAGE_PATH, report)!;
  const configStore = new ConfigStore(store);
  return startConfigOf({ store, configStore, builtIn, given, reset: "power-on", report }).config;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}
