import dgram from "node:dgram";
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import net from "node:net";
import { parseArgs, styleText } from "node:util";
import { type Server, serve } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { parseLine } from "../../firmware/src/admin/event.ts";
import { start } from "../../firmware/src/app.ts";
import { type Config, readConfig } from "../../firmware/src/config.ts";
import { nearest } from "../../firmware/src/document.ts";
import { Board, type Firmware } from "./board.ts";
import { esp32 } from "./boards/esp32.ts";
import type { BoardKind } from "./boards/kind.ts";
import { unlimited } from "./boards/unlimited.ts";
import { RealClock } from "./clock.ts";

const HELP = `npm run emulate -- [options]

Runs the firmware on an emulated ESP32, with two demo backends behind it.

  --publish 80:8000      the board's port 80 is port 8000 of this computer (repeatable);
                         80:0.0.0.0:8000 for all its addresses, not only 127.0.0.1
  --backend HOST:PORT    a server of yours (repeatable); then no demo backends start
  --config FILE          the configuration, instead of firmware/gateway.json
  --board NAME           esp32 (default), or unlimited: without a chip's limits
  --engine NAME          what runs the firmware: node (default), or xs, the chip's own engine,
                         which is built at the first time; it needs a C compiler
  --quiet                only warnings and errors
  --json                 events as JSON, one a line
  --help                 this text
`;

const BOARDS: Record<string, () => BoardKind> = {
  esp32: () =>
    esp32({
      sdkconfig: firmwareFile("sdkconfig/sdkconfig.defaults"),
      manifest: firmwareFile("manifest.json"),
    }),
  unlimited,
};

/** The firmware as it runs: enough of it to end it. */
interface Running {
  readonly proxy: { readonly sessions: number };
  stop(): void;
}

/** A firmware to boot, and what runs once it is booted. */
type Engine = (options: Options) => Promise<{ boot: Firmware; running: () => Running | undefined }>;

const ENGINES: Record<string, Engine> = {
  async node({ config }) {
    let app: Running | undefined;
    return {
      boot: platform => {
        app = start(platform, config);
      },
      running: () => app,
    };
  },
  async xs({ document }) {
    // Only whoever asks for it waits for its tools.
    const { buildEngine, cannotBuild, engineBuilt } = await import("../xs/engine.ts");
    const why = engineBuilt() ? undefined : cannotBuild();
    if (why !== undefined) throw new UsageError(`--engine xs: ${why}`);
    await buildEngine(line => process.stderr.write(`${line}\n`));
    const { xsFirmware } = await import("../xs/firmware.ts");
    const firmware = xsFirmware(document);
    return { boot: firmware.boot, running: () => firmware.app as Running };
  },
};

const DEMO_PORTS = [8080, 8081];
const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8000;

/** What the person asked for cannot be done; said in one sentence. */
class UsageError extends Error {}

interface Published {
  boardPort: number;
  host: string;
  port: number;
}

interface Options {
  /** As it was written, and as it was read. */
  document: object;
  config: Config;
  published: Published[];
  kind: BoardKind;
  engine: Engine;
  demo: boolean;
  quiet: boolean;
  json: boolean;
}

try {
  const options = await readOptions(process.argv.slice(2));
  if (options === "help") process.stdout.write(HELP);
  else await emulate(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`emulate: ${error.message}\n`);
  process.exit(2);
}

async function emulate(options: Options): Promise<void> {
  const { config, published, kind } = options;
  const { boot, running } = await options.engine(options);
  const servers = options.demo ? await startDemo(config) : [];
  const print = printer(options);
  if (!options.json) process.stdout.write(banner(options));

  const board = new Board({
    kind,
    clock: new RealClock(),
    wire: { ...net, createSocket: dgram.createSocket },
    publish: port => published.find(({ boardPort }) => boardPort === port),
    onLine: line => setImmediate(print, line), // Node opens a port a tick late: "ready" must be true
    onWireError: error => fail(error, published),
  });
  board.boot(boot);

  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(0); // asked twice
    stopping = true;
    const app = board.fatal ? undefined : running();
    app?.stop();
    while (app && !board.fatal && app.proxy.sessions > 0) {
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    board.unplug();
    await Promise.all(servers.map(server => server.stop()));
    process.exit(0);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

// The command line

async function readOptions(args: string[]): Promise<Options | "help"> {
  const known = {
    publish: { type: "string", multiple: true },
    backend: { type: "string", multiple: true },
    config: { type: "string" },
    board: { type: "string" },
    engine: { type: "string" },
    quiet: { type: "boolean" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  } as const;
  const { values, tokens } = parseArgs({ args, options: known, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new UsageError(`"${token.value}" is not an option; --help lists them`);
    }
    if (token.kind !== "option") continue;
    const option = known[token.name as keyof typeof known];
    if (option === undefined) {
      const near = nearest(token.name, Object.keys(known));
      throw new UsageError(
        `${token.rawName} is no option; ${near ? `did you mean --${near}?` : "--help lists them"}`,
      );
    }
    if (option.type === "string" && !token.value) {
      throw new UsageError(`${token.rawName} needs a value; --help shows how it looks`);
    }
    if (option.type === "boolean" && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value, and "${token.value}" was given`);
    }
  }
  if (values.help) return "help";

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
  const backends = await Promise.all(((values.backend ?? []) as string[]).map(readBackend));
  const demo = backends.length === 0 && values.config === undefined;
  const { document, config } = readDocument(
    values.config as string | undefined,
    demo ? demoBackends() : backends,
  );
  return {
    document,
    config,
    published: readPublished(values.publish as string[] | undefined, config),
    kind: BOARDS[name](),
    engine: ENGINES[engine],
    demo,
    quiet: values.quiet === true,
    json: values.json === true,
  };
}

function readDocument(
  file: string | undefined,
  backends: { address: string; port: number }[],
): { document: object; config: Config } {
  let text: string;
  try {
    text = file === undefined ? firmwareFile("gateway.json") : readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--config "${file}": cannot be read: ${(error as Error).message}`);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--config "${file}": is not JSON: ${(error as Error).message}`);
  }
  if (backends.length > 0 && typeof document === "object") document = { ...document, backends };
  const outcome = readConfig(document);
  if ("config" in outcome) return { document: document as object, config: outcome.config };
  throw new UsageError(`--config "${file}" is refused:\n  ${outcome.complaints.join("\n  ")}`);
}

async function readBackend(text: string): Promise<{ address: string; port: number }> {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || !isPort(Number(port))) {
    throw new UsageError(`--backend "${text}": wanted HOST:PORT, such as 127.0.0.1:3000`);
  }
  try {
    const { address } = await lookup(host, { family: 4 }); // the chip dials IPv4 addresses
    return { address, port: Number(port) };
  } catch {
    throw new UsageError(`--backend "${text}": no IPv4 address is known for "${host}"`);
  }
}

function readPublished(texts: string[] | undefined, config: Config): Published[] {
  const ports = config.listeners.map(({ port }) => port);
  if (texts === undefined) return [{ boardPort: ports[0], host: DEFAULT_HOST, port: DEFAULT_PORT }];
  return texts.map(text => {
    const [, boardPort, host, port] = /^(\d+):(?:(.+):)?(\d+)$/.exec(text) ?? [];
    if (boardPort === undefined || !isPort(Number(boardPort)) || !isPort(Number(port))) {
      throw new UsageError(`--publish "${text}": wanted BOARD_PORT:PORT, such as 80:8000`);
    }
    if (!ports.includes(Number(boardPort))) {
      throw new UsageError(
        `--publish "${text}": the board does not listen on ${boardPort}, only on ${ports.join(", ")}`,
      );
    }
    return { boardPort: Number(boardPort), host: host ?? DEFAULT_HOST, port: Number(port) };
  });
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

function firmwareFile(name: string): string {
  return readFileSync(new URL(`../../firmware/${name}`, import.meta.url), "utf8");
}

// What runs beside the board

function demoBackends() {
  return DEMO_PORTS.map(port => ({ address: DEFAULT_HOST, port }));
}

async function startDemo(config: Config): Promise<Server[]> {
  const servers: Server[] = [];
  for (const { name, address, port } of config.backends) {
    try {
      servers.push(await serve({ name, host: address, port, behaviour: steady() }));
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

function banner({ config, published, kind, demo }: Options): string {
  const [{ host, port }] = published;
  const address = host === DEFAULT_HOST || host === "0.0.0.0" ? "localhost" : host;
  const lines = [
    `Hot Potato on an emulated ${kind.name}`,
    "",
    ...published.map(p => `  board      http://${address}:${p.port}  (its port ${p.boardPort})`),
    ...config.backends.map(
      b => `  backend ${b.name}  ${b.address}:${b.port}${demo ? "  (demo)" : ""}`,
    ),
    "",
    `  try  curl ${address}:${port}    again and again: the backends take turns`,
    `       nc ${address} ${port}      type a line, then END`,
    "  end  Ctrl-C",
    "",
    "",
  ];
  return lines.join("\n");
}

function printer({ quiet, json }: Options): (line: string) => void {
  return line => {
    const parsed = parseLine(line);
    if (quiet && parsed?.level === "I") return;
    if (json) {
      const { values, ...head } = parsed ?? { values: { line } };
      process.stdout.write(`${JSON.stringify({ ...head, ...numbers(values) })}\n`);
      return;
    }
    const colour =
      parsed === undefined || parsed.level === "E"
        ? "red"
        : parsed.level === "W"
          ? "yellow"
          : "green";
    process.stdout.write(`${process.stdout.isTTY ? styleText(colour, line) : line}\n`);
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
  process.stderr.write(
    `emulate: port ${taken.port} of this computer ${why}; publish the board's on another: ` +
      `--publish ${taken.boardPort}:${taken.port + 1}\n`,
  );
  process.exit(2);
}
