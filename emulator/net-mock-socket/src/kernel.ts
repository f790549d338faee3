import type { Clock } from "./clock.ts";
import { Connection, type ConnectionOwner, type ShownState } from "./connection.ts";
import type { Fabric } from "./fabric.ts";
import { type Ends, type HostIdentity, isGroup, type Packet, packet, reversed } from "./packet.ts";
import { type HostProfile, LINUX } from "./profile.ts";

/** IANA's range of ephemeral ports. */
const EPHEMERAL_PORT_FIRST = 49_152;
const PORT_LAST = 65_535;

/** One line of `Network.netstat()`. */
export interface NetstatRow {
  readonly host: string;
  readonly local: string;
  readonly remote: string;
  readonly state: "listen" | "udp" | ShownState;
  /** Bytes that arrived and wait for the program. */
  readonly unread: number;
  /** Bytes that the program wrote and that are not acknowledged. */
  readonly unacked: number;
}

/** The sockets' side of the kernel. */
export interface StreamSocket {
  destroy(): unknown;
}

export interface PortListener {
  /** A SYN for its port has arrived. `ignored`: without an answer, so it will come again. */
  onSyn(syn: Packet): "answered" | "refused" | "ignored";
  close(): unknown;
}

export interface DatagramReceiver {
  onDatagram(datagram: Packet): void;
  close(): unknown;
}

export interface KernelOptions {
  readonly fabric: Fabric;
  readonly name: string;
  address: string;
  readonly index: number;
  readonly profile: Partial<HostProfile>;
  /** The host of this name or address. */
  readonly find: (nameOrAddress: string) => Kernel | undefined;
  /** All hosts of the network, in the order of their creation. */
  readonly hosts: readonly Kernel[];
}

/**
 * TCP and UDP of one host: its ports, its connections, and what becomes of a packet that arrives. It does not know
 * the shape of `node:net`, nor the way to other hosts.
 */
export class Kernel implements HostIdentity {
  readonly fabric: Fabric;
  readonly name: string;
  address: string;
  readonly index: number;
  readonly profile: HostProfile;
  /** Sockets that are not closed. */
  readonly sockets = new Set<StreamSocket>();
  readonly listeners = new Map<number, PortListener>();
  readonly datagrams = new Map<number, DatagramReceiver>();
  /** Multicast groups that sockets have joined. As on Linux, each datagram socket of the host receives what is sent to them. */
  readonly groups = new Map<string, Set<DatagramReceiver>>();
  /** All hosts of the network, in the order of their creation. */
  readonly hosts: readonly Kernel[];
  #find: KernelOptions["find"];
  /** By `keyOf`. A connection outlives its socket until both ends are done with it. */
  #connections = new Map<number, Connection>();
  #nextPort = EPHEMERAL_PORT_FIRST;

  constructor({ fabric, name, address, index, profile, find, hosts }: KernelOptions) {
    this.fabric = fabric;
    this.name = name;
    this.address = address;
    this.index = index;
    this.profile = { ...LINUX, ...profile };
    this.#find = find;
    this.hosts = hosts;
  }

  get clock(): Clock {
    return this.fabric.clock;
  }

  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** True: a limit counts each connection, those in TIME_WAIT included. */
  get pooled(): boolean {
    return this.profile.connectionsMax !== Number.POSITIVE_INFINITY;
  }

  /** The host that `name` means to a program on this one. */
  resolve(name: string): Kernel | undefined {
    return name === "localhost" || name === "127.0.0.1" ? this : this.#find(name);
  }

  /** The address of that host for a program here: the host itself has the loopback address. */
  addressOf(host: HostIdentity): string {
    return host === this ? "127.0.0.1" : host.address;
  }

  /** The address that a program here sees at its own end of a connection to that host. */
  localAddressTo(host: HostIdentity): string {
    return host === this ? "127.0.0.1" : this.address;
  }

  /** A port that no listener has, and no connection to that port of `remote`, nor that port itself. */
  ephemeralPort(remote: HostIdentity = this, remotePort = 0): number {
    for (let tries = EPHEMERAL_PORT_FIRST; tries <= PORT_LAST; tries++) {
      const port = this.#nextPort;
      this.#nextPort = port === PORT_LAST ? EPHEMERAL_PORT_FIRST : port + 1;
      if (this.listeners.has(port) || (remote === this && port === remotePort)) continue;
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

  /** True: there is a place for one more connection. The oldest one in TIME_WAIT is dropped for it. */
  makeRoom(): boolean {
    if (this.fabric.poolExhausted(this)) return false;
    if (this.#connections.size < this.profile.connectionsMax) return true;
    for (const connection of this.#connections.values()) {
      if (connection.state !== "time-wait") continue;
      connection.forget();
      return true;
    }
    return false;
  }

  /** Opens a connection: by a SYN of its own, or, with `irs`, in answer to the SYN of that number. */
  open(ends: Ends, owner: ConnectionOwner, irs?: number): Connection {
    const key = keyOf(ends.fromPort, ends.to, ends.toPort);
    const connection: Connection = new Connection({
      ends,
      owner,
      irs,
      fabric: this.fabric,
      pooled: this.pooled,
      onForgotten: () => {
        if (this.#connections.get(key) === connection) this.#connections.delete(key);
      },
    });
    this.#connections.set(key, connection);
    return connection;
  }

  receive(received: Packet): void {
    const { kind, toPort, from, fromPort, group } = received;
    if (kind === "UDP") {
      if (group !== undefined && isGroup(group) && !this.groups.has(group)) return; // left meanwhile
      this.datagrams.get(toPort)?.onDatagram(received); // without a receiver it is lost, silently
      return;
    }
    const connection = this.#connections.get(keyOf(toPort, from, fromPort));
    const reused =
      kind === "SYN" && connection?.state === "time-wait" && connection.isNewer(received);
    if (reused) connection.forget();
    else if (connection !== undefined) {
      connection.receive(received);
      return;
    }
    if (kind === "RST") return;
    if (kind === "SYN") {
      const listener = this.listeners.get(toPort);
      if (listener !== undefined && !this.makeRoom()) return; // the SYN will be sent again
      if (listener !== undefined && listener.onSyn(received) !== "refused") return;
    }
    this.fabric.send(packet("RST", reversed(received), { irs: received.iss }));
  }

  /** Forgets everything and sends nothing. A program that still runs here gets `close`. */
  powerOff(): void {
    for (const connection of [...this.#connections.values()]) connection.powerOff();
    for (const listener of [...this.listeners.values()]) listener.close();
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
      ...[...this.listeners.keys()].map(bound("listen")),
      ...[...this.datagrams.keys()].map(bound("udp")),
    ];
    for (const { ends, shown, unread, unacked } of this.#connections.values()) {
      rows.push({
        host: this.name,
        local: `${this.localAddressTo(ends.to)}:${ends.fromPort}`,
        remote: `${this.addressOf(ends.to)}:${ends.toPort}`,
        state: shown,
        unread,
        unacked,
      });
    }
    return rows;
  }
}

/** A connection's key on its host: exact, because host numbers and ports fit into 53 bits. */
function keyOf(localPort: number, remote: HostIdentity, remotePort: number): number {
  return (remote.index * 65_536 + localPort) * 65_536 + remotePort;
}
