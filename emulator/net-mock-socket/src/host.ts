import type { Connection } from "./connection.ts";
import { type DatagramSource, MockDatagrams } from "./datagrams.ts";
import type { NetstatRow, Network } from "./network.ts";
import { back, type Packet, packet } from "./packet.ts";
import { type HostProfile, LINUX } from "./profile.ts";
import { MockServer, type ServerOptions } from "./server.ts";
import { type ConnectOptions, MockSocket } from "./socket.ts";
import { HOST_LACKS, lack } from "./unsupported.ts";

/** IANA's range of ports that are given where none was asked for. */
const EPHEMERAL_PORT_FIRST = 49_152;
const PORT_LAST = 65_535;

/** One computer on the network, shaped like `node:net`, and like `node:dgram` by `createSocket`. */
export class Host {
  readonly network: Network;
  readonly name: string;
  readonly address: string;
  /** Its place among the hosts, from 0. */
  readonly index: number;
  readonly profile: HostProfile;
  /** Sockets that are not yet closed. */
  readonly sockets = new Set<MockSocket>();
  readonly servers = new Map<number, MockServer>();
  readonly datagrams = new Map<number, MockDatagrams>();
  /** By `keyOf`; they outlive their sockets until all is said. */
  #connections = new Map<number, Connection>();
  #nextPort = EPHEMERAL_PORT_FIRST;

  constructor(
    network: Network,
    name: string,
    { address, index }: { address: string; index: number },
    profile: Partial<HostProfile>,
  ) {
    this.network = network;
    this.name = name;
    this.address = address;
    this.index = index;
    this.profile = { ...LINUX, ...profile };
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

  createSocket = (
    type: "udp4" | { type: "udp4" },
    listener?: (message: Buffer, from: DatagramSource) => void,
  ): MockDatagrams => {
    const wanted = typeof type === "string" ? type : type.type;
    if (wanted !== "udp4") throw new Error(`not emulated: a socket of type ${wanted}`);
    const socket = new MockDatagrams(this);
    if (listener) socket.on("message", listener);
    return socket;
  };

  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** Does a limit make each connection count, those in TIME_WAIT included? */
  get pooled(): boolean {
    return this.profile.connectionsMax !== Number.POSITIVE_INFINITY;
  }

  /** The host that `name` means to a program on this one. */
  reach(name: string): Host | undefined {
    if (name === "localhost" || name === "127.0.0.1") return this;
    return this.network.find(name);
  }

  /** A port that no listener has, and no connection to that port of `remote`, nor that port itself. */
  ephemeralPort(remote: Host = this, remotePort = 0): number {
    for (let tries = EPHEMERAL_PORT_FIRST; tries <= PORT_LAST; tries++) {
      const port = this.#nextPort;
      this.#nextPort = port === PORT_LAST ? EPHEMERAL_PORT_FIRST : port + 1;
      if (this.servers.has(port) || (remote === this && port === remotePort)) continue;
      if (!this.#connections.has(keyOf(port, remote, remotePort))) return port;
    }
    throw new Error(`${this.name}: every port is in use`);
  }

  /** A port that no other socket for datagrams has. */
  ephemeralDatagramPort(): number {
    let port = EPHEMERAL_PORT_FIRST;
    while (this.datagrams.has(port)) port++;
    if (port > PORT_LAST) throw new Error(`${this.name}: every port for datagrams is in use`);
    return port;
  }

  /** Room for one more connection; the oldest one in TIME_WAIT may have to go. */
  makeRoom(): boolean {
    if (this.network.exhausted(this)) return false;
    if (this.#connections.size < this.profile.connectionsMax) return true;
    for (const connection of this.#connections.values()) {
      if (connection.state !== "waiting") continue;
      connection.forget();
      return true;
    }
    return false;
  }

  opened(connection: Connection): void {
    const { fromPort, to, toPort } = connection.ends;
    this.#connections.set(keyOf(fromPort, to, toPort), connection);
  }

  forgotten(connection: Connection): void {
    const { fromPort, to, toPort } = connection.ends;
    const key = keyOf(fromPort, to, toPort);
    if (this.#connections.get(key) === connection) this.#connections.delete(key);
  }

  receive(got: Packet): void {
    if (got.kind === "UDP") {
      this.datagrams.get(got.toPort)?.receive(got); // nobody there, nobody told
      return;
    }
    const connection = this.#connections.get(keyOf(got.toPort, got.from, got.fromPort));
    const reborn = got.kind === "SYN" && connection?.state === "waiting" && connection.isNewer(got);
    if (reborn) connection.forget();
    else if (connection !== undefined) {
      connection.receive(got);
      return;
    }
    if (got.kind === "RST") return;
    if (got.kind === "SYN") {
      const server = this.servers.get(got.toPort);
      if (server !== undefined && !this.makeRoom()) return; // the SYN will be sent again
      if (server !== undefined && server.syn(got) !== "refused") return;
    }
    this.network.send(packet("RST", back(got), { irs: got.iss }));
  }

  /** Power off: it remembers nothing and says nothing. What still runs on it hears `close`. */
  lose(): void {
    for (const connection of [...this.#connections.values()]) connection.lose();
    for (const server of [...this.servers.values()]) server.close();
    for (const socket of [...this.sockets]) socket.destroy();
    for (const socket of [...this.datagrams.values()]) socket.close();
  }

  netstat(): NetstatRow[] {
    const bound = (state: "listen" | "udp") => (port: number) => ({
      host: this.name,
      local: `${this.address}:${port}`,
      remote: "*",
      state,
      unread: 0,
      unacked: 0,
    });
    const rows: NetstatRow[] = [
      ...[...this.servers.keys()].map(bound("listen")),
      ...[...this.datagrams.keys()].map(bound("udp")),
    ];
    for (const connection of this.#connections.values()) {
      const { fromPort, to, toPort } = connection.ends;
      const itself = to === this;
      rows.push({
        host: this.name,
        local: `${itself ? "127.0.0.1" : this.address}:${fromPort}`,
        remote: `${itself ? "127.0.0.1" : to.address}:${toPort}`,
        state: connection.shown,
        unread: connection.unread,
        unacked: connection.unacked,
      });
    }
    return rows;
  }
}

lack(Host.prototype, "net", HOST_LACKS);

/** A connection's name on its host: exact, because host numbers and ports fit into 53 bits. */
function keyOf(localPort: number, remote: Host, remotePort: number): number {
  return (remote.index * 65_536 + localPort) * 65_536 + remotePort;
}
