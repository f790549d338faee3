import { createHash, randomInt } from "node:crypto";
import dgram from "node:dgram";
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import net, { isIPv4 } from "node:net";
import { styleText } from "node:util";
import { beginningOf } from "../../firmware/src/admin/beginning.ts";
import { isToken, TOKEN_MAX, TOKEN_MIN } from "../../firmware/src/admin/token.ts";
import { type App, announce, STORAGE_PATH, start } from "../../firmware/src/app.ts";
import type { GivenSettings } from "../../firmware/src/config/build-settings.ts";
import { type Configuration, readConfig } from "../../firmware/src/config/config.ts";
import { DOCUMENT_BYTES_MAX, Revisions } from "../../firmware/src/config/config-store.ts";
import type { Parsed } from "../../firmware/src/config/json.ts";
import type { Config } from "../../firmware/src/config/settings.ts";
import { TextStore } from "../../firmware/src/config/storage.ts";
import { parseLine } from "../../firmware/src/log/event.ts";
import { budget } from "../../firmware/src/net/connection-budget.ts";
import { VERSION } from "../../firmware/src/version.ts";
import { buildId } from "../../firmware/tools/build-id.ts";
import { CommandLineError, readCommandLine } from "../../firmware/tools/command-line.ts";
import { readDocumentFile } from "../../firmware/tools/document-file.ts";
import { Board, type Firmware } from "../src/board.ts";
import { esp32 } from "../src/boards/esp32.ts";
import type { BoardKind } from "../src/boards/kind.ts";
import { unlimited } from "../src/boards/unlimited.ts";
import { ignoreBrokenPipe } from "../src/broken-pipe.ts";
import { RealClock } from "../src/clock.ts";
import { Flash } from "../src/flash.ts";
import { defineKeyValue } from "../src/io/storage.ts";
import { cannotOpenPty, Pty } from "../src/pty.ts";
import { readCommands } from "./stdin-console.ts";
import type { AdminAddress } from "./workbench/admin-client.ts";
import { compactLine, type Paint } from "./workbench/compact-log.ts";
import { EmulatedBoard } from "./workbench/emulated.ts";
import { RemoteBoard, readRemote } from "./workbench/remote.ts";
import { DemoBackend } from "./workbench/servers.ts";
import { Workbench, type WorkbenchParts } from "./workbench/workbench.ts";

const HELP = `npm run emulate -- [options]

Runs the firmware on an emulated ESP32, with two demo backends behind it.

  --publish 80:8000      the board's port 80 is port 8000 of this computer (repeatable);
                         80:0.0.0.0:8000 for all its addresses, not only 127.0.0.1
  --backend HOST:PORT    a server of yours (repeatable); then no demo backends start
  --config FILE          the configuration, instead of firmware/gateway.json
  --check                only checks the configuration, and says what it is, or all that is wrong
  --admin PORT           where the board's admin port is found (default 8404)
  --token TOKEN          what the admin port wants for changes
  --ui [PORT]            a page to watch and change all of it: charts, traffic, faults, Wi-Fi
  --board-address IP     that page for a real board, through its admin port; no board is emulated
  --pty                  a pseudo-terminal for screen, minicom or idf-monitor, with the board's
                         serial line at 115200 baud (Linux and macOS)
  --flash FILE           what the board keeps without power, kept in FILE between runs
  --board NAME           esp32 (default), or unlimited: without a chip's limits
  --engine NAME          what runs the firmware: node (default), or xs, the chip's own engine
                         with the chip's heap, which is built at the first time with a C compiler
  --quiet                only warnings and errors
  --log compact|raw      lines in columns with colours, or as the board writes them (default: compact
                         on a terminal, raw where it is read by a program)
  --json                 events as JSON, one a line
  --version              the version of the firmware, and its build
  -h, --help             this text

Commands of the board's console are read from standard input: try help.
`;

const BOARDS: Record<string, () => BoardKind> = {
  esp32: () =>
    esp32({
      sdkconfig: firmwareFile("sdkconfig/sdkconfig.defaults"),
      manifest: firmwareFile("manifest.json"),
    }),
  unlimited,
};

/** It runs the sources as they are. */
const BUILD = buildId([]);

/** A firmware to boot, and what runs once it is booted. */
type Engine = (options: Options) => Promise<{ boot: Firmware; running: () => App | undefined }>;

const ENGINES: Record<string, Engine> = {
  async node({ configuration, given }) {
    let app: App | undefined;
    return {
      boot: platform => {
        announce(platform, { build: BUILD });
        app = start(platform, configuration, { ...given, build: BUILD });
      },
      running: () => app,
    };
  },
  async xs({ configuration, given }) {
    // Only whoever asks for it waits for its tools.
    const { buildEngine, cannotBuild } = await import("../xs/engine.ts");
    const why = cannotBuild();
    if (why !== undefined) throw new UsageError(`--engine xs: ${why}`);
    await buildEngine(line => process.stderr.write(`${line}\n`));
    const { xsFirmware } = await import("../xs/firmware.ts");
    const firmware = xsFirmware(configuration.document, { ...given, build: BUILD });
    return {
      boot: platform => {
        announce(platform, { build: BUILD });
        firmware.boot(platform);
      },
      running: () => firmware.app as App,
    };
  },
};

const DEMO_PORTS = [8080, 8081];
/** With the page: one more, so that a strategy has a choice. */
const WORKBENCH_DEMO_PORTS = [...DEMO_PORTS, 8082];
const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8000;
const DEFAULT_ADMIN_PORT = 8404;

/** What the person asked for cannot be done; said in one sentence. */
class UsageError extends Error {}

const LOG_FORMS = ["compact", "raw"] as const;
type LogForm = (typeof LOG_FORMS)[number];

/** A port of this computer that stands for one of the board, and the option that says so. */
interface Published {
  boardPort: number;
  host: string;
  port: number;
  option: string;
}

interface Options {
  configuration: Configuration;
  given: GivenSettings;
  flash: Flash | undefined;
  pty: boolean;
  published: Published[];
  kind: BoardKind;
  engine: Engine;
  demo: boolean;
  quiet: boolean;
  json: boolean;
  log: LogForm;
  /** Port of the workbench's page; 0 for any free one. */
  ui: number | undefined;
  /** A board to watch instead of emulating one. */
  remote: AdminAddress | undefined;
}

ignoreBrokenPipe();
try {
  const options = await readOptions(process.argv.slice(2));
  if (typeof options === "string") process.stdout.write(options);
  else if (options.remote) await watch(options.remote, options);
  else await emulate(options);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof CommandLineError)) throw error;
  process.stderr.write(`emulate: ${error.message}\n`);
  process.exit(2);
}

async function emulate(options: Options): Promise<void> {
  const { configuration, published, kind } = options;
  const { boot, running } = await options.engine(options);
  const servers = options.demo ? await startDemo(configuration.config) : [];
  const print = printer(options);

  let workbench: Workbench | undefined;
  const board = new Board({
    kind,
    clock: new RealClock(),
    wire: { ...net, createSocket: dgram.createSocket },
    random: () => randomInt(2 ** 32) / 2 ** 32, // hard to guess, as the chip's
    publish: port => published.find(({ boardPort }) => boardPort === port),
    onLine: line => {
      setImmediate(() => typing.above(() => print(line))); // Node opens a port a tick late: "ready" must be true
      workbench?.log(line);
    },
    // The board's own line names functions only, as the chip's does.
    onException: exception => console.error(exception),
    onWireError: error => fail(error, published),
    pacedConsole: options.pty,
    reboots: true,
    flash: options.flash,
  });
  board.flash.onSaveFailed = tellOnce(error => {
    const then = "what the board keeps is lost at the end, unless a later change can be written";
    process.stderr.write(`emulate: --flash: ${error.message}; ${then}\n`);
  });
  board.adapter.plugged = true;
  const pty = options.pty ? openPty(board) : undefined;
  if (options.ui !== undefined) {
    const [door] = published;
    const watched = new EmulatedBoard(board, running, door);
    workbench = await openPage(options.ui, { watched, demo: servers });
  }
  const typing = readCommands(board.adapter, () => void stop());
  if (options.json && pty)
    process.stdout.write(`${JSON.stringify({ on: "pty", path: pty.path })}\n`);
  let welcomed = options.json;
  board.boot(platform => {
    boot(platform);
    if (welcomed) return;
    welcomed = true;
    // Flash may have brought another configuration; the board's lines are printed a tick later.
    process.stdout.write(banner(options, running()!.proxy.config, { workbench, pty, servers }));
  });
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(0); // asked twice
    stopping = true;
    typing.stop();
    const app = board.fatal ? undefined : running();
    app?.stop();
    while (app && !board.fatal && app.proxy.sessions > 0) {
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    board.unplug();
    pty?.close();
    workbench?.stop();
    await Promise.all(servers.map(server => server.stop()));
    process.exit(0);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

/** A board somewhere else, on the workbench's page. */
async function watch(remote: AdminAddress, options: Options): Promise<void> {
  const print = printer(options);
  const watched = new RemoteBoard({
    ...remote,
    onLine: line => {
      print(line);
      workbench?.log(line);
    },
  });
  let workbench: Workbench | undefined;
  workbench = await openPage(options.ui ?? 0, { watched, demo: [] });
  if (!options.json)
    process.stdout.write(`Workbench of the ${watched.title}: ${workbench.url}\n\n`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
}

/** The same trouble comes with each change. */
function tellOnce(tell: (error: Error) => void): (error: Error) => void {
  let told = false;
  return error => {
    if (!told) tell(error);
    told = true;
  };
}

async function openPage(port: number, parts: Omit<WorkbenchParts, "port">): Promise<Workbench> {
  try {
    return await Workbench.open({ port, ...parts });
  } catch (error) {
    throw new UsageError(`--ui ${port}: ${(error as Error).message}; --ui 0 takes any free port`);
  }
}

// The command line

/** What is wanted, or the text that answers it. */
async function readOptions(words: string[]): Promise<Options | string> {
  const args = words.map((word, i) =>
    word === "--ui" && !/^\d+$/.test(words[i + 1] ?? "") ? "--ui=0" : word,
  );
  const known = {
    publish: { type: "string", multiple: true },
    backend: { type: "string", multiple: true },
    config: { type: "string" },
    admin: { type: "string" },
    check: { type: "boolean" },
    token: { type: "string" },
    flash: { type: "string" },
    pty: { type: "boolean" },
    board: { type: "string" },
    engine: { type: "string" },
    quiet: { type: "boolean" },
    json: { type: "boolean" },
    log: { type: "string" },
    ui: { type: "string" },
    "board-address": { type: "string" },
    version: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  const { values } = readCommandLine({ args, options: known });
  if (values.help) return HELP;
  if (values.version) return `version=${VERSION} build=${BUILD}\n`;

  if (values.ui !== undefined && values.ui !== "0" && !isPort(Number(values.ui))) {
    throw new UsageError(
      `--ui "${values.ui}": wanted a port, such as 8500, or nothing for a free one`,
    );
  }
  const remote = readRemote(values["board-address"], values.token);
  if (remote !== undefined && "complaint" in remote) throw new UsageError(remote.complaint);
  if (remote !== undefined) await requireAddress("--board-address", remote.host);
  const idle = ["publish", "backend", "config", "board", "pty"].find(name => name in values);
  if (remote !== undefined && idle !== undefined) {
    throw new UsageError(
      `--${idle} is for the emulated board, and --board-address watches another`,
    );
  }

  const noPty = values.pty === true ? cannotOpenPty() : undefined;
  if (noPty !== undefined) throw new UsageError(`--pty: ${noPty}`);

  const name = String(values.board ?? "esp32");
  if (!Object.hasOwn(BOARDS, name)) {
    throw new UsageError(
      `--board "${name}": no such board; known are ${Object.keys(BOARDS).join(", ")}`,
    );
  }
  const engine = String(values.engine ?? "node");
  if (!Object.hasOwn(ENGINES, engine)) {
    throw new UsageError(
      `--engine "${engine}": no such engine; known are ${Object.keys(ENGINES).join(", ")}`,
    );
  }
  if (values.ui !== undefined && engine !== "node") {
    throw new UsageError(`--ui looks into the firmware, which --engine ${engine} does not allow`);
  }
  const backends = await Promise.all((values.backend ?? []).map(readBackend));
  const demo = backends.length === 0 && values.config === undefined;
  const base = readDocument(values.config, backends);
  if (values.check === true) return `${checked(values.config, base, BOARDS[name]())}\n`;
  const given = {
    document: values.config === undefined ? undefined : nameOf(base.document),
    backends: backends.map(({ address, port }) => `${address}:${port}`).join(),
    token: readToken(values.token),
  };
  const flash = openFlash(values.flash);
  const inForce = values.flash === undefined ? base.config : configIn(values.flash, base, given);
  const published = [
    ...readPublished(values.publish, inForce),
    ...readAdmin(values.admin, inForce),
  ];
  const ui = values.ui === undefined ? undefined : Number(values.ui);
  if (remote === undefined) await requirePorts(published, ui);
  const demoPorts = ui === undefined ? DEMO_PORTS : WORKBENCH_DEMO_PORTS;
  const used = [...published.map(({ port }) => port), ui];
  const configuration = demo ? readDocument(undefined, await demoBackends(demoPorts, used)) : base;
  return {
    configuration,
    given,
    flash,
    pty: values.pty === true,
    published,
    kind: BOARDS[name](),
    engine: ENGINES[engine],
    demo,
    quiet: values.quiet === true,
    json: values.json === true,
    log: readLog(values.log, values.json === true),
    ui,
    remote,
  };
}

function readDocument(
  file: string | undefined,
  backends: { address: string; port: number }[],
): Configuration {
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
  if (backends.length > 0 && isObject) document = { ...(document as object), backends };
  const outcome = readConfig(document);
  if ("config" in outcome) return outcome;
  throw new UsageError(`${name} is refused:\n  ${outcome.complaints.join("\n  ")}`);
}

/** What a configuration that is good comes to on a board. */
function checked(
  file: unknown,
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

async function readBackend(text: string): Promise<{ address: string; port: number }> {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || !isPort(Number(port))) {
    throw new UsageError(`--backend "${text}": wanted HOST:PORT, such as 127.0.0.1:3000`);
  }
  return { address: await requireAddress(`--backend "${text}"`, host), port: Number(port) };
}

/** The chip dials IPv4 addresses. */
async function requireAddress(option: string, host: string): Promise<string> {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    throw new UsageError(`${option}: no IPv4 address is known for "${host}"`);
  }
}

function readPublished(texts: string[] | undefined, config: Config): Published[] {
  const ports = config.listeners.map(({ port }) => port);
  if (texts === undefined) {
    const option = `--publish ${ports[0]}:${DEFAULT_PORT}`;
    return [{ boardPort: ports[0], host: DEFAULT_HOST, port: DEFAULT_PORT, option }];
  }
  const published = texts.map(text => {
    const [, boardPort, host = DEFAULT_HOST, port] = /^(\d+):(?:(.+):)?(\d+)$/.exec(text) ?? [];
    if (boardPort === undefined || !isPort(Number(boardPort)) || !isPort(Number(port))) {
      throw new UsageError(`--publish "${text}": wanted BOARD_PORT:PORT, such as 80:8000`);
    }
    if (!ports.includes(Number(boardPort))) {
      throw new UsageError(
        `--publish "${text}": the board does not listen on ${boardPort}, only on ${ports.join(", ")}`,
      );
    }
    if (!isIPv4(host)) {
      throw new UsageError(
        `--publish "${text}": wanted an IPv4 address of this computer in the middle, such as 0.0.0.0, not "${host}"`,
      );
    }
    const option = `--publish ${text}`;
    return { boardPort: Number(boardPort), host, port: Number(port), option };
  });
  const twice = published.find(({ boardPort }, i) =>
    published.slice(0, i).some(before => before.boardPort === boardPort),
  );
  if (twice !== undefined) {
    throw new UsageError(
      `--publish: the board's port ${twice.boardPort} was given twice; wanted once`,
    );
  }
  return published;
}

function readAdmin(text: string | undefined, { adminPort }: Config): Published[] {
  if (adminPort === 0) {
    if (text === undefined) return [];
    throw new UsageError(`--admin "${text}": the configuration has no admin port (adminPort: 0)`);
  }
  const port = text === undefined ? DEFAULT_ADMIN_PORT : Number(text);
  const option = `--admin ${port}`;
  if (isPort(port)) return [{ boardPort: adminPort, host: DEFAULT_HOST, port, option }];
  throw new UsageError(`--admin "${text}": wanted a port, such as ${DEFAULT_ADMIN_PORT}`);
}

function readLog(text: string | undefined, json: boolean): LogForm {
  if (text === undefined) return process.stdout.isTTY ? "compact" : "raw";
  if (json) throw new UsageError("--log and --json: one of them would do");
  const form = LOG_FORMS.find(name => name === text);
  if (form === undefined) throw new UsageError(`--log "${text}": wanted ${LOG_FORMS.join(" or ")}`);
  return form;
}

function readToken(text: string | undefined): string | undefined {
  if (text === undefined || isToken(text)) return text;
  throw new UsageError(
    `--token: wanted ${TOKEN_MIN} to ${TOKEN_MAX} printable characters without blanks`,
  );
}

function openFlash(file: string | undefined): Flash | undefined {
  try {
    return file === undefined ? undefined : new Flash(file);
  } catch (error) {
    throw new UsageError(`--flash "${file}": ${(error as Error).message}`);
  }
}

/** What the firmware will have in force with this flash: found out with a copy, because a start changes it. */
function configIn(file: string, builtIn: Configuration, given: GivenSettings): Config {
  const report = () => {};
  const storage = defineKeyValue(Flash.copyOf(file), () => {});
  const store = TextStore.open(storage, STORAGE_PATH, report)!;
  const revisions = new Revisions(store);
  return beginningOf({ store, revisions, builtIn, given, reset: "power-on", report }).config;
}

function openPty({ adapter }: Board): Pty {
  try {
    return new Pty(adapter);
  } catch (error) {
    throw new UsageError(`--pty: ${(error as Error).message}`);
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

function firmwareFile(name: string): string {
  return readFileSync(new URL(`../../firmware/${name}`, import.meta.url), "utf8");
}

// Ports of this computer

/** Nothing starts before all ports are known to be free; all that are not are named at once. */
async function requirePorts(published: readonly Published[], ui: number | undefined) {
  const wanted = [
    ...published,
    ...(ui ? [{ host: DEFAULT_HOST, port: ui, option: `--ui ${ui}` }] : []),
  ];
  for (const [i, one] of wanted.entries()) {
    const other = wanted.slice(0, i).find(({ host, port }) => {
      const meet = host === one.host || [host, one.host].includes("0.0.0.0");
      return port === one.port && meet;
    });
    if (other === undefined) continue;
    throw new UsageError(
      `${other.option} and ${one.option}: port ${one.port} of this computer can be only one of them`,
    );
  }
  const busy: { what: string; option: string; taken: boolean }[] = [];
  for (const { host, port, option } of wanted) {
    const why = await cannotListen(host, port);
    if (why === undefined) continue;
    const taken = why.code === "EADDRINUSE";
    busy.push({
      what: `port ${port} ${taken ? "is taken" : `cannot be had (${why.message})`}`,
      option,
      taken,
    });
  }
  if (busy.length === 0) return;
  const another = busy.some(({ taken }) => taken) ? "; is another emulate running?" : ";";
  const used = new Set(wanted.map(({ port }) => port));
  const others = busy.map(({ option }) => withPort(option, nextPort(used)));
  throw new UsageError(
    `${busy.map(({ what }) => what).join(", ")} on this computer${another} Others would do: ${others.join(" ")}`,
  );
}

/** The option with another port at its end. */
function withPort(option: string, port: number): string {
  return option.replace(/\d+$/, String(port));
}

/** One behind all that are used, which is then used, too. */
function nextPort(used: Set<number>): number {
  const last = Math.max(...used);
  const port = last < 65_535 ? last + 1 : Math.min(...used) - 1;
  used.add(port);
  return port;
}

/** Why nobody can listen there; `undefined`: one can. */
function cannotListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    const server = net.createServer();
    server.once("error", resolve);
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, DEFAULT_HOST, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

// What runs beside the board

/** On the usual ports; on any free one where a usual one is `used` or taken. */
function demoBackends(ports: readonly number[], used: readonly (number | undefined)[]) {
  return Promise.all(
    ports.map(async usual => {
      const busy = used.includes(usual) || (await cannotListen(DEFAULT_HOST, usual)) !== undefined;
      return { address: DEFAULT_HOST, port: busy ? await anyPort() : usual };
    }),
  );
}

async function startDemo(config: Config): Promise<DemoBackend[]> {
  const servers = config.backends.map(backend => new DemoBackend(backend));
  for (const server of servers) {
    const { name, port } = server;
    try {
      await server.start();
    } catch (error) {
      throw new UsageError(
        `the demo backend ${name} cannot have port ${port}: ${(error as Error).message}; ` +
          "free it, or give servers of your own with --backend HOST:PORT",
      );
    }
  }
  return servers;
}

// What the person sees

/** `config` is in force. */
function banner(
  { published, kind }: Options,
  config: Config,
  { workbench, pty, servers }: { workbench?: Workbench; pty?: Pty; servers: DemoBackend[] },
): string {
  const [door] = published;
  const what = ({ boardPort }: Published) =>
    boardPort === config.adminPort ? "its admin page" : `its port ${boardPort}`;
  const isDemo = ({ address, port }: { address: string; port: number }) =>
    address === DEFAULT_HOST && servers.some(server => server.port === port);
  const address = ({ host, port }: Published) =>
    `${host === DEFAULT_HOST || host === "0.0.0.0" ? "localhost" : host}:${port}`;
  const hidden = config.listeners
    .map(({ port }) => port)
    .filter(port => published.every(({ boardPort }) => boardPort !== port));
  const free = door.port + 1;
  const lines = [
    `Hot Potato on an emulated ${kind.name}`,
    "",
    ...published.map(p => `  board      http://${address(p)}  (${what(p)})`),
    ...hidden.map(
      (port, i) => `             its port ${port} is not published: --publish ${port}:${free + i}`,
    ),
    ...config.backends.map(
      b => `  backend ${b.name}  ${b.address}:${b.port}${isDemo(b) ? "  (demo)" : ""}`,
    ),
    ...(workbench ? [`  workbench  ${workbench.url}`] : []),
    ...(pty ? [`  serial     ${pty.path}  (screen ${pty.path} 115200)`] : []),
    "",
    `  try  curl ${address(door)}    again and again: the backends take turns`,
    `       nc ${address(door).replace(":", " ")}      type a line, then END`,
    "       help    here: the board's console",
    "  end  Ctrl-C",
    "",
    "",
  ];
  return lines.join("\n");
}

const COLOURS = {
  plain: "reset",
  dim: "dim",
  good: "green",
  note: "cyan",
  warn: "yellow",
  bad: "red",
} as const;

/** `NO_COLOR` counts, and so does where it goes. */
const paint: Paint = (look, text) =>
  look !== "plain" && process.stdout.isTTY && process.stdout.hasColors()
    ? styleText(COLOURS[look], text)
    : text;

function printer({ quiet, json, log }: Options): (line: string) => void {
  return line => {
    const parsed = parseLine(line);
    if (quiet && parsed?.level === "I") return;
    if (json) {
      const { values, ...head } = parsed ?? { values: { line } };
      process.stdout.write(`${JSON.stringify({ ...head, ...numbers(values) })}\n`);
      return;
    }
    process.stdout.write(`${log === "compact" ? compactLine(line, paint) : line}\n`);
  };
}

function numbers(values: Record<string, string>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      /^-?\d+$/.test(value) ? Number(value) : value,
    ]),
  );
}

function fail(error: Error & { code?: string; port?: number }, published: Published[]): never {
  const taken = published.find(({ port }) => port === error.port) ?? published[0];
  const why = error.code === "EADDRINUSE" ? "is taken" : `cannot be had (${error.message})`;
  const other = withPort(taken.option, taken.port + 1);
  process.stderr.write(
    `emulate: port ${taken.port} of this computer ${why}; publish the board's on another: ${other}\n`,
  );
  process.exit(2);
}
