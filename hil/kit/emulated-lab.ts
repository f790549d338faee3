import type { Duplex } from "node:stream";
import { type Host, type MockSocket, Network, seeded, type Undo } from "net-mock-socket";
import { Server } from "../../backends/src/serve.ts";
import {
  configurationOf,
  FirmwareBoard,
  mendedBoard,
} from "../../emulator/proxy/firmware-board.ts";
import type { BoardKind } from "../../emulator/src/boards/kind.ts";
import { profileOf } from "../../emulator/src/boards/profile.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { DhcpServer } from "../../emulator/src/dhcp.ts";
import { DnsServer } from "../../emulator/src/dns-server.ts";
import type { Flash } from "../../emulator/src/flash.ts";
import { xsFirmware } from "../../emulator/xs/firmware.ts";
import type { App, StartOptions } from "../../firmware/src/app.ts";
import type { Config } from "../../firmware/src/config/settings.ts";
import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";

/** `clientSessionsMax` for clients that share one address: no limit. */
export const CLIENT_SESSIONS_MAX = 512;

/** One-way latency of a good Wi-Fi. */
const LATENCY_MS = 2;

/** Packets that the trace keeps as text, for failure messages. */
const TRACE_LINES = 40;

/** The same seed gives the same run. */
export interface EmulatedLabOptions {
  seed?: number;
  /** From 0 to less than 1, instead of the seed. */
  random?: () => number;
  /** The engine that runs the firmware: this Node, or XS, the chip's own. */
  engine?: Engine;
  /** Called with each line that the board writes to its console. */
  onLine?: (line: string) => void;
  /** Packets that the trace keeps as text. */
  traceLines?: number;
  /** The board's flash; a new one when not given. */
  flash?: Flash;
  /** The board reboots after a crash. */
  reboots?: boolean;
  /** The network has a DHCP server, and the firmware joins it with its own link; without it the board joins by itself. */
  dhcp?: boolean;
  /** False: the controller of a board with Ethernet finds no PHY. */
  hasPhy?: boolean;
  /** The serial line has its speed; without it, lines take no time. */
  pacedConsole?: boolean;
  /** The network carries multicast: the board has a name by multicast DNS. */
  multicast?: boolean;
  /** The network has a DNS server before the board boots. */
  hasDns?: boolean;
}

export type Engine = "node" | "xs";

/** The default engine. */
export const ENGINE: Engine = process.env.ENGINE === "xs" ? "xs" : "node";

/** The size of a large test: a sixteenth on XS, which is that much slower behind its pipe. */
export function mass(much: number): number {
  return ENGINE === "xs" ? Math.ceil(much / 16) : much;
}

/** Settings of a backend in the configuration. */
export type BackendSettings = Partial<Omit<Config["backends"][number], "health">> & {
  readonly health?: Partial<Config["health"]>;
};

/** A backend of the lab. */
export interface LabBackend {
  readonly name: string;
  readonly host: Host;
  /** Connections that it ever had. */
  readonly connections: MockSocket[];
  stop(): void;
  start(): void;
}

/**
 * A lab in memory: an emulated board that runs our firmware, with backends and clients on a simulated
 * network, in virtual time.
 */
export class EmulatedLab {
  readonly clock = new VirtualClock();
  readonly network: Network;
  readonly board: FirmwareBoard;
  /** The network's DHCP server, if it has one. */
  readonly dhcp: DhcpServer | undefined;
  /** Lines of the board's console. */
  readonly lines: string[] = [];
  #backends: { backend: LabBackend; settings: BackendSettings }[] = [];
  #offAir: Undo | undefined;
  #dns: DnsServer | undefined;
  #engine: Engine;

  constructor(
    kind: BoardKind = mendedBoard(),
    {
      seed = 1,
      random = seeded(seed),
      engine = ENGINE,
      traceLines = TRACE_LINES,
      dhcp = false,
      ...options
    }: EmulatedLabOptions = {},
  ) {
    this.#engine = engine;
    this.network = new Network({
      clock: this.clock,
      latencyMs: LATENCY_MS,
      random,
      traceLines,
    });
    const host = this.network.host("board", profileOf(kind));
    this.dhcp = dhcp ? new DhcpServer(host.address) : undefined;
    this.board = new FirmwareBoard({
      dhcp: this.dhcp,
      hasPhy: options.hasPhy,
      onAddress: address => this.network.readdress(host.name, address),
      kind,
      clock: this.clock,
      wire: host,
      address: host.address,
      random,
      onWifi: online => {
        this.#offAir?.();
        this.#offAir = online ? undefined : this.network.vanish(host.name);
      },
      onLine: line => {
        this.lines.push(line);
        options.onLine?.(line);
      },
      onException: exception => options.onLine?.(stackOf(exception)),
      flash: options.flash,
      reboots: options.reboots,
      pacedConsole: options.pacedConsole,
      multicast: options.multicast,
    });
    if (options.hasDns) this.dns.set("dns", [this.network.host("dns").address]);
  }

  /** The running firmware. */
  get app(): App | undefined {
    return this.board.app;
  }

  /**
   * A backend on port 8080 of a host of its own; `serve` handles each connection, `settings`
   * are its keys in the configuration beyond name and address.
   */
  backend(
    name: string,
    serve: (socket: MockSocket) => void,
    settings: BackendSettings = {},
  ): LabBackend {
    const host = this.network.host(name);
    const connections: MockSocket[] = [];
    const server = new Server(host, socket => {
      connections.push(socket as MockSocket);
      serve(socket as MockSocket);
    });
    const backend: LabBackend = {
      name,
      host,
      connections,
      start: () => void server.listen(8080),
      stop: () => void server.stop(),
    };
    backend.start();
    this.#backends.push({ backend, settings });
    return backend;
  }

  /** The DNS server of the network, on a host of its own: use it before the board boots, to which DHCP names it. */
  get dns(): DnsServer {
    if (this.#dns === undefined) {
      const host = this.network.host("dns");
      this.#dns = new DnsServer({ clock: this.clock, host });
      this.board.wifi.dnsServers = [host.address];
    }
    return this.#dns;
  }

  /** Boots the firmware with the lab's backends, and waits until it serves. */
  async serve(settings: object = {}, options: StartOptions = {}): Promise<void> {
    this.boot(settings, options);
    await this.clock.run({ until: () => this.events("proxy", "ready").length > 0 });
  }

  /** Boots the firmware with the lab's backends, unless the settings name others. */
  boot(settings: object, options: StartOptions = {}): void {
    const backends = this.#backends.map(({ backend: { name, host }, settings }) => ({
      name,
      address: host.address,
      port: 8080,
      ...settings,
    }));
    // No health checks unless the settings ask for them. All clients of `connect` have one address.
    const document = {
      backends,
      health: { check: "none" },
      clientSessionsMax: CLIENT_SESSIONS_MAX,
      ...settings,
    };
    const engine = this.#engine === "xs" ? xsFirmware : undefined;
    this.board.bootFirmware(configurationOf(document), options, engine);
  }

  /** Sets the administrative state of a backend. */
  setState(name: string, state: "ready" | "drain" | "maint"): void {
    this.app!.runtime.changeBackend(name, { state });
  }

  /** The board loses its Wi-Fi now and has it again `ms` later. */
  wifiDrop(ms: number): void {
    this.board.wifi.drop(ms);
  }

  /** The DHCP server gives the board another address. */
  renewAddress(address: string): void {
    this.board.wifi.renew(address);
  }

  /** Cuts the board's power: no packet tells its peers. The returned function restores it. */
  powerLoss(): Undo {
    const silent = this.network.vanish("board");
    this.board.unplug();
    return () => {
      silent();
      this.board.powerOn();
    };
  }

  /** A client's connection to the board's port 80. */
  connect(options: { host?: Host; allowHalfOpen?: boolean } = {}): MockSocket {
    const host = options.host ?? this.network.host("client");
    return host.connect({ host: "board", port: 80, allowHalfOpen: options.allowHalfOpen ?? false });
  }

  /** Sends `text` on a new connection; returns everything received until the close. */
  async ask(text: string): Promise<string> {
    const socket = this.connect();
    const received = collect(socket);
    socket.write(text);
    await this.clock.run({ until: () => socket.closed });
    return received.text;
  }

  events(on: string, what?: string): LogLine[] {
    return this.lines
      .flatMap(line => parseLine(line) ?? [])
      .filter(e => e.on === on && e.what === what);
  }

  /** Advances time until sessions have timed out and TIME_WAIT is over. */
  async settle(): Promise<void> {
    await this.clock.run({ ms: 60_000 + this.board.kind.timeWaitMs });
  }
}

/** The stack with files and lines, which the board's own log line lacks. */
function stackOf(exception: unknown): string {
  return String((exception instanceof Error && exception.stack) || exception);
}

/** Collects all bytes of a socket as text, and the code of its error. */
export function collect(socket: Duplex): { text: string; error: string | undefined } {
  const received = { text: "", error: undefined as string | undefined };
  socket.on("data", (bytes: Buffer) => {
    received.text += bytes.toString("latin1");
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    received.error = error.code;
  });
  return received;
}

/** A backend that answers its name and what it received, and closes. */
export function says(name: string): (socket: MockSocket) => void {
  return socket => socket.once("data", (bytes: Buffer) => socket.end(`${name}: ${bytes}`));
}

/** An echo server. */
export function echoes(socket: MockSocket): void {
  socket.pipe(socket);
}
