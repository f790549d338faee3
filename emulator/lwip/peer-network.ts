import { EventEmitter } from "node:events";
import type { Clock } from "../src/clock.ts";
import type { BoardPlatform } from "../src/platform.ts";
import type { Engine } from "../xs/engine.ts";
import type { OwnSockets } from "../xs/firmware.ts";
import type { Machine } from "../xs/machine.ts";
import {
  BOARD_ADDRESS,
  EngineNetwork,
  type NetworkState,
  PEER_ADDRESS,
  powerOn,
} from "./engine-network.ts";
import { PeerSocket, type Report, type SocketOptions, systemError } from "./peer-socket.ts";
import { type Direction, type Weather, weatherCommand } from "./weather.ts";

/** The first port of servers that name none. */
const SERVER_PORT_MIN = 8080;

/**
 * The other end of the board's wire, in the shape of `node:net`: clients and servers on the peer's lwIP, all with one address, or
 * clients with addresses of their own (`computer`). The wire begins and ends with each boot of the board: servers go on listening,
 * connections are lost.
 */
export class PeerNetwork implements OwnSockets {
  readonly engine: Engine;
  #clock: Clock;
  #network = new EngineNetwork();
  #isUp = false;
  #servers = new Map<number, PeerServer>();
  #datagrams = new Map<number, PeerDatagrams>();
  #nextPort = SERVER_PORT_MIN;
  #seed: number;
  #boots = 0;
  #controlBlocksMax: number | undefined;
  #addresses = new Set<string>();
  /** The commands that have set weather, by address and direction. */
  #weather = new Map<string, string>();
  /** By the engine's numbers, since the boot. */
  #sockets = new Map<number, PeerSocket>();

  /** Events of servers and sockets come in alarms of `clock`. The seed is that of the wire's chances. */
  constructor(engine: Engine, clock: Clock, seed = 1) {
    this.engine = engine;
    this.#clock = clock;
    this.#seed = seed;
  }

  get state(): NetworkState {
    return this.#network.state;
  }

  /** Bytes of the board's memory that its network has. */
  get heldBytes(): number {
    return this.#isUp ? this.#network.heldBytes : 0;
  }

  /** The hash of all packets since the boot; `undefined`: the board is off. */
  get hash(): string | undefined {
    return this.#isUp ? this.#network.ask("hash") : undefined;
  }

  /** Connections of the peers that have not closed. */
  get open(): PeerSocket[] {
    return [...this.#sockets.values()].filter(({ closed }) => !closed);
  }

  /** lwIP of the board has so many control blocks, listeners included; from the next boot on. */
  set controlBlocksMax(count: number) {
    this.#controlBlocksMax = count;
  }

  /** lwIP of the board gets no more memory, until the result is called or the board boots. */
  exhaustMemory(): () => void {
    const before = this.#network.limitBytes;
    const boot = this.#boots;
    this.#network.limitBytes = this.heldBytes;
    return () => {
      if (this.#isUp && this.#boots === boot) this.#network.limitBytes = before;
    };
  }

  /** A computer of the network with an address of its own, for clients. */
  computer(address: string): Pick<PeerNetwork, "connect" | "createServer"> {
    this.#addresses.add(address);
    if (this.#isUp) this.#network.tell(`address ${address}`);
    return {
      connect: options => this.connect(options, address),
      createServer: options => this.createServer(options),
    };
  }

  /** The weather between the board and this address of the peer. */
  setWeather(address: string, direction: Direction, weather: Weather): void {
    const command = weatherCommand(address, direction, weather);
    this.#weather.set(`${address} ${direction}`, command);
    if (this.#isUp) this.#network.tell(command);
  }

  /** A port that no server has had. */
  freePort(): number {
    return this.#nextPort++;
  }

  // The board's side

  boot(machine: Machine, platform: BoardPlatform): BoardPlatform {
    const own = this.#network.boot(machine, platform, powerOn(this.#seed + this.#boots++));
    this.#isUp = true;
    this.#network.tell("report");
    if (this.#controlBlocksMax !== undefined)
      this.#network.tell(`blocks ${this.#controlBlocksMax}`);
    for (const address of this.#addresses) this.#network.tell(`address ${address}`);
    for (const command of this.#weather.values()) this.#network.tell(command);
    for (const port of this.#servers.keys()) this.#network.tell(`listen ${port}`);
    for (const port of this.#datagrams.keys()) this.#network.tell(`bind ${port}`);
    return own;
  }

  answer([word, text]: readonly string[], body: Buffer): string | undefined {
    if (word === "datagram") {
      const [port, address, fromPort] = text.split(" ");
      const bytes = Buffer.from(body);
      const from = { address, port: Number(fromPort) };
      this.#clock.after(0, () => this.#datagrams.get(Number(port))?.emit("message", bytes, from));
      return "";
    }
    if (word !== "peer") return this.#network.answer([word, text], body);
    const [number, serverPort, ownPort, ending, established, unsent] = text.split(" ");
    const report: Report = {
      ownPort: Number(ownPort),
      ending: ending as Report["ending"],
      isEstablished: established === "1",
      bytes: Buffer.from(body), // a copy: the pipe reads the next frame into the same memory
    };
    const known = this.#sockets.get(Number(number));
    const server = known === undefined ? this.#servers.get(Number(serverPort)) : undefined;
    const socket = known ?? this.#socket(Number(number), server?.options ?? NO_OPTIONS, false);
    const done = unsent === "0" ? socket.acknowledge() : undefined;
    this.#clock.after(0, () => {
      if (known === undefined && server === undefined) socket.resetAndDestroy();
      if (server?.options.noDelay) socket.setNoDelay();
      server?.accept(socket);
      done?.();
      socket.update(report);
    });
    return "";
  }

  end(): void {
    this.#isUp = false;
    const lost = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of lost) socket.lose();
  }

  // The shape of node:net

  createServer(options: SocketOptions): PeerServer {
    return new PeerServer(options, {
      open: (port, server) => this.#listen(port, server),
      close: port => this.#unlisten(port),
    });
  }

  /** A UDP socket of the peer's lwIP, in the shape of `dgram.Socket`: for servers on a port of their own. */
  createSocket(_type: "udp4"): PeerDatagrams {
    return new PeerDatagrams({
      bind: (port, socket) => {
        this.#datagrams.set(port, socket);
        if (this.#isUp) this.#network.tell(`bind ${port}`);
      },
      send: (port, bytes, to, address) => {
        const hex = Buffer.from(bytes).toString("hex");
        if (this.#isUp) this.#network.tell(`datagram ${port} ${address} ${to} ${hex}`);
      },
      close: port => {
        if (this.#datagrams.delete(port) && this.#isUp) this.#network.tell(`unbind ${port}`);
      },
    });
  }

  connect(
    { host, port, ...options }: SocketOptions & { host: string; port: number },
    from = "",
  ): PeerSocket {
    if (this.#isUp && host === BOARD_ADDRESS) {
      const number = Number(this.#network.ask(`connect ${port} ${from}`.trimEnd()));
      const socket = this.#socket(number, options, true);
      return options.noDelay ? socket.setNoDelay() : socket;
    }
    const socket = new PeerSocket(options, true, () => {});
    process.nextTick(() => socket.destroy(systemError("EHOSTUNREACH", "connect")));
    return socket;
  }

  #socket(number: number, options: SocketOptions, connecting: boolean): PeerSocket {
    const isOver = () => !this.#isUp || this.#sockets.get(number) !== socket;
    const socket: PeerSocket = new PeerSocket(options, connecting, (word, text = "") => {
      if (!isOver()) this.#network.tell(`${word} ${number} ${text}`);
    });
    this.#sockets.set(number, socket);
    return socket;
  }

  /** The port; `undefined`: another server has it. */
  #listen(wanted: number, server: PeerServer): number | undefined {
    const port = wanted === 0 ? this.freePort() : wanted;
    if (this.#servers.has(port)) return undefined;
    this.#servers.set(port, server);
    if (this.#isUp) this.#network.tell(`listen ${port}`);
    return port;
  }

  #unlisten(port: number): void {
    if (this.#servers.delete(port) && this.#isUp) this.#network.tell(`unlisten ${port}`);
  }
}

/** For a connection whose server has closed. */
const NO_OPTIONS: SocketOptions = { allowHalfOpen: false, noDelay: false };

interface Ports {
  /** The port; `undefined`: another server has it. */
  open(port: number, server: PeerServer): number | undefined;
  close(port: number): void;
}

interface DatagramPorts {
  bind(port: number, socket: PeerDatagrams): void;
  send(port: number, bytes: Uint8Array, to: number, address: string): void;
  close(port: number): void;
}

/** A UDP socket of the peer's lwIP, with the events and methods that a server needs. */
export class PeerDatagrams extends EventEmitter {
  #ports: DatagramPorts;
  #port: number | undefined;

  constructor(ports: DatagramPorts) {
    super();
    this.#ports = ports;
  }

  bind(port: number): this {
    this.#port = port;
    this.#ports.bind(port, this);
    return this;
  }

  send(bytes: Uint8Array, port: number, address: string): void {
    if (this.#port === undefined) throw new Error("not emulated: a datagram from a free port");
    this.#ports.send(this.#port, bytes, port, address);
  }

  close(): void {
    if (this.#port !== undefined) this.#ports.close(this.#port);
    this.#port = undefined;
  }
}

/** A server of the peer's lwIP, in the shape of `net.Server`. */
export class PeerServer extends EventEmitter {
  readonly options: SocketOptions;
  #ports: Ports;
  #port: number | undefined;
  #connections = 0;

  constructor(options: SocketOptions, ports: Ports) {
    super();
    this.options = options;
    this.#ports = ports;
  }

  listen({ port }: { port: number; host?: string | undefined }): this {
    this.#port = this.#ports.open(port, this);
    process.nextTick(() => {
      if (this.#port === undefined) this.emit("error", systemError("EADDRINUSE", "listen"));
      else this.emit("listening");
    });
    return this;
  }

  address(): { address: string; port: number; family: string } | null {
    if (this.#port === undefined) return null;
    return { address: PEER_ADDRESS, port: this.#port, family: "IPv4" };
  }

  /** "close" comes when its connections have closed, too. */
  close(): this {
    if (this.#port === undefined) return this;
    this.#ports.close(this.#port);
    this.#port = undefined;
    process.nextTick(() => this.#closed());
    return this;
  }

  accept(socket: PeerSocket): void {
    this.#connections++;
    socket.once("close", () => {
      this.#connections--;
      this.#closed();
    });
    this.emit("connection", socket);
  }

  #closed(): void {
    if (this.#port === undefined && this.#connections === 0) this.emit("close");
  }
}
