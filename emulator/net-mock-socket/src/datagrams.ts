import { EventEmitter } from "node:events";
import { systemError } from "./errors.ts";
import type { DatagramReceiver, Kernel } from "./kernel.ts";
import { isGroup, type Packet, packet } from "./packet.ts";

/** The most that one datagram carries: 65,535 less the headers of IP and UDP. */
const DATAGRAM_BYTES_MAX = 65_507;

/** Time to live of multicast datagrams: one byte. */
const TIME_TO_LIVE_MAX = 255;

/** The sender of a datagram, as `node:dgram` reports it. */
export interface DatagramSource {
  readonly address: string;
  readonly family: "IPv4";
  readonly port: number;
  readonly size: number;
}

/**
 * `dgram.Socket` of the type udp4 on a simulated host. Events: listening, message, close, error.
 *
 * A lost datagram is not sent again, and its loss is not reported; nor is that of one for a host or a port that
 * does not exist. A large one travels as one packet and not as its fragments. One for a multicast group is copied to each host
 * that has joined it, one for a broadcast address to each host, its own included; all hosts are on one network, so its time to live makes no difference.
 */
export class MockDatagrams extends EventEmitter implements DatagramReceiver {
  #kernel: Kernel;
  #port: number | undefined;
  #closed = false;
  #groups = new Set<string>();
  #loopback = true;
  #mayBroadcast = false;

  constructor(kernel: Kernel) {
    super();
    this.#kernel = kernel;
  }

  bind(
    target: number | { port?: number; address?: string | undefined } = 0,
    ...rest: unknown[]
  ): this {
    this.#open();
    if (this.#port !== undefined) throw new Error("Socket is already bound");
    const callback = rest.find(argument => typeof argument === "function");
    if (callback) this.once("listening", callback as () => void);
    const wanted = typeof target === "number" ? target : (target.port ?? 0);
    const { clock } = this.#kernel;
    if (this.#kernel.datagrams.has(wanted)) {
      const taken = systemError("EADDRINUSE", "bind", this.#kernel.address, wanted);
      clock.after(0, () => this.emit("error", taken));
      return this;
    }
    this.#take(wanted);
    clock.after(0, () => {
      if (!this.#closed) this.emit("listening");
    });
    return this;
  }

  /** An unbound socket is given a port first. */
  send(
    bytes: Uint8Array,
    port: number,
    address: string,
    callback?: (error: Error | null, bytes: number) => void,
  ): void {
    this.#open();
    if (!(port > 0 && port < 65_536))
      throw new RangeError(`Port should be > 0 and < 65536: ${port}`);
    if (this.#port === undefined) this.bind();
    const { clock } = this.#kernel;
    if (bytes.byteLength > DATAGRAM_BYTES_MAX) {
      const tooLong = systemError("EMSGSIZE", "send", address, port);
      if (callback) clock.after(0, () => callback(tooLong, 0)); // without one, Node is silent as well
      return;
    }
    if (!this.#mayBroadcast && isBroadcast(address, this.#kernel.address)) {
      const denied = systemError("EACCES", "send", address, port);
      if (callback) clock.after(0, () => callback(denied, 0));
      return;
    }
    this.#transmit(Buffer.from(bytes), address, port);
    if (callback) clock.after(0, () => callback(null, bytes.byteLength));
  }

  addMembership(group: string, _interface?: string): void {
    this.#join("addMembership", group);
    if (this.#groups.has(group)) throw systemError("EADDRINUSE", "addMembership");
    this.#groups.add(group);
    const { groups } = this.#kernel;
    groups.set(group, (groups.get(group) ?? new Set()).add(this));
  }

  dropMembership(group: string, _interface?: string): void {
    this.#join("dropMembership", group);
    if (!this.#groups.has(group)) throw systemError("EADDRNOTAVAIL", "dropMembership");
    this.#leave(group);
  }

  /** Whether it may send to broadcast addresses (SO_BROADCAST); it receives from there in any case. */
  setBroadcast(flag: boolean): void {
    this.#open();
    if (this.#port === undefined) throw systemError("EBADF", "setBroadcast");
    this.#mayBroadcast = flag;
  }

  setMulticastTTL(ttl: number): number {
    this.#open();
    if (!(ttl >= 0 && ttl <= TIME_TO_LIVE_MAX)) throw systemError("EINVAL", "setMulticastTTL");
    return ttl;
  }

  /** Every host has one interface only. */
  setMulticastInterface(_address: string): void {
    this.#open();
  }

  /** Whether this host receives what it sends to a group that it has joined; it does by default. */
  setMulticastLoopback(flag: boolean): boolean {
    this.#open();
    this.#loopback = flag;
    return flag;
  }

  address(): { address: string; family: "IPv4"; port: number } {
    if (this.#port === undefined) throw systemError("EBADF", "getsockname");
    return { address: this.#kernel.address, family: "IPv4", port: this.#port };
  }

  close(callback?: () => void): this {
    this.#open();
    if (callback) this.once("close", callback);
    this.#closed = true;
    if (this.#port !== undefined) this.#kernel.datagrams.delete(this.#port);
    for (const group of this.#groups) this.#leave(group);
    this.#kernel.clock.after(0, () => this.emit("close"));
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  onDatagram({ from, fromPort, payload, bytes, group }: Packet): void {
    const address = group === undefined ? this.#kernel.addressOf(from) : from.address;
    this.emit("message", payload, { address, family: "IPv4", port: fromPort, size: bytes });
  }

  #take(wanted: number): void {
    this.#port = wanted === 0 ? this.#kernel.ephemeralDatagramPort() : wanted;
    this.#kernel.datagrams.set(this.#port, this);
  }

  #join(call: string, group: string): void {
    this.#open();
    if (!isGroup(group)) throw systemError("EINVAL", call);
    if (this.#port === undefined) this.bind(); // as Node does
  }

  #leave(group: string): void {
    this.#groups.delete(group);
    const { groups } = this.#kernel;
    const members = groups.get(group)!;
    members.delete(this);
    if (members.size === 0) groups.delete(group);
  }

  #transmit(payload: Buffer, address: string, toPort: number): void {
    const isForAll = isBroadcast(address, this.#kernel.address);
    if (isForAll || isGroup(address)) {
      const members = isForAll
        ? this.#kernel.hosts
        : this.#kernel.hosts.filter(
            to => to.groups.has(address) && (to !== this.#kernel || this.#loopback),
          );
      this.#transmitToAll(members, payload, address, toPort);
      return;
    }
    const to = this.#kernel.resolve(address);
    if (to === undefined) return; // no such host: the datagram is lost on its way
    const ends = { from: this.#kernel, fromPort: this.#port!, to, toPort };
    this.#kernel.fabric.send(packet("UDP", ends, { bytes: payload.byteLength, payload }));
  }

  #transmitToAll(hosts: readonly Kernel[], payload: Buffer, group: string, toPort: number): void {
    const from = this.#kernel;
    for (const to of hosts) {
      const ends = { from, fromPort: this.#port!, to, toPort };
      from.fabric.send(packet("UDP", ends, { bytes: payload.byteLength, payload, group }));
    }
  }

  #open(): void {
    if (this.#closed) {
      throw Object.assign(new Error("Not running"), { code: "ERR_SOCKET_DGRAM_NOT_RUNNING" });
    }
  }
}

/** The limited broadcast address (RFC 919), or that of the sender's subnet, whose netmask is 255.255.0.0. */
function isBroadcast(address: string, sender: string): boolean {
  const [first, second] = sender.split(".");
  return address === "255.255.255.255" || address === `${first}.${second}.255.255`;
}
