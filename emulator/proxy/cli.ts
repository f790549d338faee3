import { randomInt } from "node:crypto";
import nodeNet from "node:net";
import { styleText } from "node:util";
import type { Config } from "../../firmware/src/config/settings.ts";
import { MDNS_PORT } from "../../firmware/src/dns/responder.ts";
import { VERSION } from "../../firmware/src/version.ts";
import { buildId } from "../../firmware/tools/build-id.ts";
import { runCommand, UsageError } from "../../firmware/tools/command-line.ts";
import { parseLine } from "../../firmware/tools/log-line.ts";
import type { Board } from "../src/board.ts";
import { BroadcastDomain } from "../src/io/broadcast-domain.ts";
import { computerWire, lookUp, SERVICES_ADDRESS } from "../src/io/computer-wire.ts";
import { Pty } from "../src/pty.ts";
import { type Demo, startDemo } from "./demo.ts";
import { type Engine, FirmwareBoard } from "./firmware-board.ts";
import { EMULATE, type Options, readOptions } from "./options.ts";
import { DEFAULT_HOST, type Published, withPort } from "./ports.ts";
import { readCommands } from "./stdin-console.ts";
import type { AdminAddress } from "./workbench/admin-client.ts";
import { compactLine, type Paint } from "./workbench/compact-log.ts";
import { LocalBoard } from "./workbench/emulated.ts";
import { RemoteBoard } from "./workbench/remote.ts";
import { Workbench, type WorkbenchParts } from "./workbench/workbench.ts";

/** All addresses of this computer. */
const ANY_ADDRESS = "0.0.0.0";

/** The emulated board runs the sources as they are. */
const BUILD = buildId([]);

/** The engine of this process where there is none. */
async function engineOf({ engine }: Options): Promise<Engine | undefined> {
  if (engine === "node") return undefined;
  // Imported here, because only this engine needs its build tools.
  const { buildEngine, cannotBuild } = await import("../xs/engine.ts");
  const why = cannotBuild();
  if (why !== undefined) throw new UsageError(`--engine xs: ${why}`);
  await buildEngine(line => process.stderr.write(`${line}\n`));
  return (await import("../xs/firmware.ts")).xsFirmware;
}

async function emulate(options: Options): Promise<void> {
  const { configuration, published, kind } = options;
  const engine = await engineOf(options);
  const print = printer(options);
  const broadcasts = new BroadcastDomain();
  const net = { createServer: nodeNet.createServer, createSocket: broadcasts.createSocket };
  const demo = options.demo
    ? await startDemo(configuration.config, options.machines, net, ({ name }, power) => {
        const ms = Math.round(board.clock.now());
        typing.above(() => print(`I (${ms}) demo: machine name=${name} power=${power}`));
      })
    : undefined;

  let workbench: Workbench | undefined;
  const board = new FirmwareBoard({
    kind,
    wire: computerWire(lookUp, broadcasts),
    dnsServers: [SERVICES_ADDRESS],
    random: () => randomInt(2 ** 32) / 2 ** 32, // unpredictable, as on the chip
    publish: port =>
      options.mdns && port === MDNS_PORT
        ? { port, host: ANY_ADDRESS } // bound to one address it would get no multicast
        : published.find(({ boardPort }) => boardPort === port),
    multicast: options.mdns,
    onLine: line => {
      setImmediate(() => typing.above(() => print(line))); // Node opens a port a tick late: "ready" must be true
      workbench?.log(line);
    },
    // The board's own line names only functions, as on the chip.
    onException: exception => console.error(exception),
    onWireError: error => fail(error, published),
    pacedConsole: options.pty,
    reboots: true,
    flash: options.flash,
    onBooted: ({ proxy: { config } }) => {
      if (welcomed) return;
      welcomed = true;
      // Flash may have brought another configuration; the board's lines are printed a tick later.
      process.stdout.write(banner(options, config, { workbench, pty, demo }));
    },
  });
  board.flash.onSaveFailed = reportOnce(error => {
    const then = "what the board keeps is lost at the end, unless a later change can be written";
    process.stderr.write(`emulate: --flash: ${error.message}; ${then}\n`);
  });
  board.adapter.plugged = true;
  const pty = options.pty ? openPty(board) : undefined;
  if (options.ui !== undefined) {
    const [listener] = published;
    const watched = new LocalBoard(board, listener);
    workbench = await openPage(options.ui, { watched, ...(demo ?? NO_DEMO) });
  }
  const typing = readCommands(board.adapter, () => void stop());
  if (options.json && pty)
    process.stdout.write(`${JSON.stringify({ on: "pty", path: pty.path })}\n`);
  let welcomed = options.json;
  board.bootFirmware(configuration, { ...options.given, build: BUILD }, engine);
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(0); // second signal
    stopping = true;
    typing.stop();
    const app = board.fatal ? undefined : board.app;
    app?.stop();
    while (app && !board.fatal && app.proxy.sessions > 0) {
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    board.unplug();
    pty?.close();
    workbench?.stop();
    await demo?.stop();
    process.exit(0);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

/** Shows a board in the network on the workbench's page. */
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
  workbench = await openPage(options.ui ?? 0, { watched, ...NO_DEMO });
  if (!options.json)
    process.stdout.write(`Workbench of the ${watched.title}: ${workbench.url}\n\n`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
}

/** Reports an error once: each change would repeat it. */
function reportOnce(report: (error: Error) => void): (error: Error) => void {
  let told = false;
  return error => {
    if (!told) report(error);
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

/** Behind a real board, and behind one with servers of the user's own. */
const NO_DEMO = { servers: [], machines: [] };

// Programs beside the board

function openPty({ adapter }: Board): Pty {
  try {
    return new Pty(adapter);
  } catch (error) {
    throw new UsageError(`--pty: ${(error as Error).message}`);
  }
}

// Output

/** `config` is in force. */
function banner(
  { published, kind, machines }: Options,
  config: Config,
  { workbench, pty, demo }: { workbench?: Workbench; pty?: Pty; demo?: Demo },
): string {
  const [listener] = published;
  const what = ({ boardPort }: Published) =>
    boardPort === config.adminPort ? "its admin page" : `its port ${boardPort}`;
  const isDemo = ({ address, port }: { address: string; port: number }) =>
    address === DEFAULT_HOST && demo?.servers.some(server => server.port === port);
  const address = ({ host, port }: Published) =>
    `${host === DEFAULT_HOST || host === "0.0.0.0" ? "localhost" : host}:${port}`;
  const hidden = config.listeners
    .map(({ port }) => port)
    .filter(port => published.every(({ boardPort }) => boardPort !== port));
  const free = listener.port + 1;
  const lines = [
    `Hot Potato on an emulated ${kind.name}`,
    "",
    ...published.map(p => `  board      http://${address(p)}  (${what(p)})`),
    ...hidden.map(
      (port, i) => `             its port ${port} is not published: --publish ${port}:${free + i}`,
    ),
    ...config.backends.map(
      b => `  backend ${b.name}  ${b.address}:${b.port}${isDemo(b) ? demoNote(b.machine) : ""}`,
    ),
    ...machines.map(
      ({ name, bootMs }) =>
        `  machine    ${name}: asleep; a request wakes it, and it boots for ${bootMs / 1000} s`,
    ),
    ...(workbench ? [`  workbench  ${workbench.url}`] : []),
    ...(pty ? [`  serial     ${pty.path}  (screen ${pty.path} 115200)`] : []),
    "",
    `  try  ${firstTries(machines.length > 0, address(listener)).join("\n       ")}`,
    "  end  Ctrl-C",
    "",
    "",
  ];
  return lines.join("\n");
}

function demoNote(machine: string | undefined): string {
  return machine === undefined ? "  (demo)" : `  (demo, on the machine ${machine})`;
}

/** The first commands to try, each with its effect. */
function firstTries(sleeps: boolean, address: string): string[] {
  const requests: [string, string][] = sleeps
    ? [
        [`curl ${address}`, "held until the machine is awake"],
        [`http://${address}`, "in a browser: a page that waits, then the server's"],
      ]
    : [[`curl ${address}`, "again and again: the backends take turns"]];
  const tries = [
    ...requests,
    [`nc ${address.replace(":", " ")}`, "type a line, then END"],
    ["help", "here: the board's console"],
  ];
  const width = Math.max(...tries.map(([command]) => command.length));
  return tries.map(([command, effect]) => `${command.padEnd(width)}    ${effect}`);
}

const COLOURS = {
  plain: "reset",
  dim: "dim",
  good: "green",
  note: "cyan",
  warn: "yellow",
  bad: "red",
} as const;

/** Colours, unless `NO_COLOR` or the output forbids them. */
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

function fail(
  error: Error & { code?: string; port?: number },
  published: readonly Published[],
): never {
  const taken = published.find(({ port }) => port === error.port) ?? published[0];
  const why = error.code === "EADDRINUSE" ? "is taken" : `cannot be had (${error.message})`;
  const other = withPort(taken.option, taken.port + 1);
  process.stderr.write(
    `emulate: port ${taken.port} of this computer ${why}; publish the board's on another: ${other}\n`,
  );
  process.exit(2);
}

await runCommand(
  { ...EMULATE, version: () => `version=${VERSION} build=${BUILD}\n` },
  async line => {
    const options = await readOptions(line);
    if (typeof options === "string") process.stdout.write(options);
    else if (options.remote) await watch(options.remote, options);
    else await emulate(options);
  },
);
