import type { NetstatRow, Network } from "./network.ts";
import { MockServer, type ServerOptions } from "./server.ts";
import { type ConnectOptions, MockSocket } from "./socket.ts";

/** How a host's TCP is set up. */
export interface HostProfile {
  /** Bytes of payload in one segment; the smaller one of both hosts counts. */
  readonly mss: number;
  /** Bytes that a peer may send ahead of what was consumed here. */
  readonly receiveWindow: number;
  /** Bytes taken from the program before they are acknowledged. */
  readonly sendBuffer: number;
  /** Connections that a listener holds before its program has seen them; more are refused. */
  readonly backlog: number;
  /**
   * What opens the window: `delivered`, when the program takes the bytes; `recved`, only its call of
   * `socket.recved(bytes)`, as a program on lwIP calls tcp_recved.
   */
  readonly windowRelease: "delivered" | "recved";
}

/** A desktop computer: Ethernet's segments, buffers that hardly ever fill (Linux: 64 KiB and up). */
const DEFAULT_PROFILE: HostProfile = {
  mss: 1460,
  receiveWindow: 65_535,
  sendBuffer: 65_535,
  backlog: 511, // what Node asks for
  windowRelease: "delivered",
};

/** IANA's range of ports that are given where none was asked for. */
const EPHEMERAL_PORT_FIRST = 49_152;
const PORT_LAST = 65_535;

/** One computer on the network, shaped like `node:net`. */
export class Host {
  readonly network: Network;
  readonly name: string;
  readonly address: string;
  readonly profile: HostProfile;
  readonly sockets = new Set<MockSocket>();
  readonly servers = new Map<number, MockServer>();
  #nextPort = EPHEMERAL_PORT_FIRST;

  constructor(network: Network, name: string, address: string, profile: Partial<HostProfile>) {
    this.network = network;
    this.name = name;
    this.address = address;
    this.profile = { ...DEFAULT_PROFILE, ...profile };
  }

  connect = (
    target: ConnectOptions | number,
    hostOrListener?: string | (() => void),
    listener?: () => void,
  ): MockSocket => {
    const options = typeof target === "number" ? { port: target } : { ...target };
    if (typeof hostOrListener === "string") options.host = hostOrListener;
    const onConnect = typeof hostOrListener === "function" ? hostOrListener : listener;
    const socket = new MockSocket(this, options);
    if (onConnect) socket.once("connect", onConnect);
    socket.dial(options);
    return socket;
  };

  createConnection = this.connect;

  createServer = (
    options?: ServerOptions | ((socket: MockSocket) => void),
    listener?: (socket: MockSocket) => void,
  ): MockServer => {
    const server = new MockServer(this, typeof options === "object" ? options : {});
    const onConnection = typeof options === "function" ? options : listener;
    if (onConnection) server.on("connection", onConnection);
    return server;
  };

  /** The host that `name` means to a program on this one. */
  reach(name: string): Host | undefined {
    if (name === "localhost" || name === "127.0.0.1") return this;
    return this.network.find(name);
  }

  ephemeralPort(): number {
    for (let tries = EPHEMERAL_PORT_FIRST; tries <= PORT_LAST; tries++) {
      const port = this.#nextPort;
      this.#nextPort = port === PORT_LAST ? EPHEMERAL_PORT_FIRST : port + 1;
      if (!this.servers.has(port)) return port;
    }
    throw new Error(`${this.name}: every port listens`);
  }

  netstat(): NetstatRow[] {
    const listening = [...this.servers.keys()].map(port => ({
      host: this.name,
      local: `${this.address}:${port}`,
      remote: "*",
      state: "listen" as const,
      unread: 0,
      unacked: 0,
    }));
    return [...listening, ...[...this.sockets].map(socket => socket.netstat())];
  }
}
