import { readFileSync } from "node:fs";
import {
  type Host,
  type MockServer,
  type MockSocket,
  Network,
  seeded,
  type Undo,
} from "net-mock-socket";
import { Board } from "../../emulator/src/board.ts";
import { esp32 } from "../../emulator/src/boards/esp32.ts";
import type { BoardKind } from "../../emulator/src/boards/kind.ts";
import { profileOf } from "../../emulator/src/boards/profile.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import type { Flash } from "../../emulator/src/flash.ts";
import { xsFirmware } from "../../emulator/xs/firmware.ts";
import { type App, type StartOptions, start } from "../../firmware/src/app.ts";
import { readConfig } from "../../firmware/src/config/config.ts";
import type { Config } from "../../firmware/src/config/settings.ts";
import { type LogLine, parseLine } from "../../firmware/src/log/event.ts";

/** For clients that all have the address of one computer: as many sessions as there are. */
export const CLIENT_SESSIONS_MAX = 512;

/** Time from one host to another: a good Wi-Fi. */
const LATENCY_MS = 2;

/** Packets that the network remembers as text: what led to a failure. */
const TRACE_LINES = 40;

/** What a lab leaves to chance; the same seed plays the same. */
export interface EmulatedLabOptions {
  seed?: number;
  /** From 0 to less than 1, instead of the seed. */
  random?: () => number;
  /** What runs the firmware: this Node, or the chip's own engine. */
  engine?: Engine;
  /** Hears each line that the board writes to its console. */
  onLine?: (line: string) => void;
  /** Packets that the trace keeps as text. */
  traceLines?: number;
  /** What the board keeps without power; one of its own when not given. */
  flash?: Flash;
  /** A board that fell over boots again by itself. */
  reboots?: boolean;
}

export type Engine = "node" | "xs";

/** The engine of every lab that is not given one. */
export const ENGINE: Engine = process.env.ENGINE === "xs" ? "xs" : "node";

/** So much of a test of mass; an engine behind a pipe does a sixteenth in the same time. */
export function mass(much: number): number {
  return ENGINE === "xs" ? Math.ceil(much / 16) : much;
}

/** The board that a firmware with our settings finds. */
export function ourBoard(): BoardKind {
  const read = (name: string) =>
    readFileSync(new URL(`../../firmware/${name}`, import.meta.url), "utf8");
  return esp32({
    sdkconfig: read("sdkconfig/sdkconfig.defaults"),
    manifest: read("manifest.json"),
  });
}

/**
 * Our board with sockets that do not follow pointers to freed memory: no program in JavaScript can keep
 * the SDK's from it, and about every tenth world of the campaign would end there.
 */
export function mendedBoard(): BoardKind {
  return { ...ourBoard(), socketsMended: true };
}

/** What the configuration may say of a backend. */
export type BackendSettings = Partial<Config["backends"][number]>;

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
 * A bench in memory: an emulated board that runs our firmware, backends and clients around it, and a
 * clock that stands still until told.
 */
export class EmulatedLab {
  readonly clock = new VirtualClock();
  readonly network: Network;
  readonly board: Board;
  /** What the board wrote to its console. */
  readonly lines: string[] = [];
  app: App | undefined;
  #backends: { backend: LabBackend; settings: BackendSettings }[] = [];
  #offAir: Undo | undefined;
  #engine: Engine;
  #powerOn: () => void = () => {};

  constructor(
    kind: BoardKind = mendedBoard(),
    {
      seed = 1,
      random = seeded(seed),
      engine = ENGINE,
      traceLines = TRACE_LINES,
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
    this.board = new Board({
      kind,
      clock: this.clock,
      wire: host,
      address: host.address,
      random,
      onRadio: online => {
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
    });
  }

  /**
   * A backend on port 8080 of a host of its own; `serve` is what it does with a connection, `settings`
   * what the configuration says of it beyond its address.
   */
  backend(
    name: string,
    serve: (socket: MockSocket) => void,
    settings: BackendSettings = {},
  ): LabBackend {
    const host = this.network.host(name);
    const connections: MockSocket[] = [];
    let listener: MockServer | undefined;
    const backend: LabBackend = {
      name,
      host,
      connections,
      start() {
        listener = host.createServer({ allowHalfOpen: true }, socket => {
          connections.push(socket);
          socket.on("error", () => {}); // what is lost is seen at the client
          serve(socket);
        });
        listener.listen(8080);
      },
      stop() {
        listener?.close();
        for (const socket of connections) socket.destroy();
      },
    };
    backend.start();
    this.#backends.push({ backend, settings });
    return backend;
  }

  /** Boots the firmware with the lab's backends, and lets it come up. */
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
    // Nothing moves by itself: whoever wants checks says so. And all clients of `connect` have one address.
    const document = {
      backends,
      health: { check: "none" },
      clientSessionsMax: CLIENT_SESSIONS_MAX,
      ...settings,
    };
    const outcome = readConfig(document);
    if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
    if (this.#engine === "xs") {
      const firmware = xsFirmware(document, options);
      this.app = firmware.app as App;
      this.#powerOn = () => this.board.boot(firmware.boot);
    } else {
      this.#powerOn = () =>
        this.board.boot(platform => {
          this.app = start(platform, outcome, options);
        });
    }
    this.#powerOn();
  }

  /** An operator wants the backend to be so. */
  setState(name: string, state: "ready" | "drain" | "maint"): void {
    this.app!.runtime.setState(name, state);
  }

  /** The board loses its Wi-Fi now and has it again `ms` later. */
  wifiDrop(ms: number): void {
    this.board.radio.drop(ms);
  }

  /** The DHCP server gives the board another address. */
  renewAddress(address: string): void {
    this.board.radio.renew(address);
  }

  /** The board loses its power, without a word to anybody; the returned function gives it back. */
  powerLoss(): Undo {
    const silent = this.network.vanish("board");
    this.board.unplug();
    return () => {
      silent();
      this.#powerOn();
    };
  }

  /** A client's connection to the board's port 80. */
  connect(options: { host?: Host; allowHalfOpen?: boolean } = {}): MockSocket {
    const host = options.host ?? this.network.host("client");
    return host.connect({ host: "board", port: 80, allowHalfOpen: options.allowHalfOpen ?? false });
  }

  /** Sends `text` on a connection of its own; everything that came until the close. */
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

  /** Lets everything end that ends by itself, and lwIP forget it. */
  async settle(): Promise<void> {
    await this.clock.run({ ms: 60_000 + this.board.kind.timeWaitMs });
  }
}

/** With its files and lines, which the board's own line lacks. */
function stackOf(exception: unknown): string {
  return String((exception instanceof Error && exception.stack) || exception);
}

/** What a socket brings: all its bytes as text, and how it ended. */
export function collect(socket: MockSocket): { text: string; error: string | undefined } {
  const received = { text: "", error: undefined as string | undefined };
  socket.on("data", (bytes: Buffer) => {
    received.text += bytes.toString("latin1");
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    received.error = error.code;
  });
  return received;
}

/** A backend that says its name and what it was sent, and closes. */
export function says(name: string): (socket: MockSocket) => void {
  return socket => socket.once("data", (bytes: Buffer) => socket.end(`${name}: ${bytes}`));
}

/** A backend that sends everything back. */
export function echoes(socket: MockSocket): void {
  socket.pipe(socket);
}
