import { EventEmitter } from "node:events";
import { systemError } from "./errors.ts";
import type { Host } from "./host.ts";
import { type Packet, packet } from "./packet.ts";

/** The most that one datagram carries: 65,535 less the headers of IP and UDP. */
const DATAGRAM_BYTES_MAX = 65_507;

/** Where a datagram came from, as `node:dgram` tells it. */
export interface DatagramSource {
  readonly address: string;
  readonly family: "IPv4";
  readonly port: number;
  readonly size: number;
}

/**
 * `dgram.Socket` of the type udp4 on a simulated host. Events: listening, message, close, error.
 *
 * Nobody sends a lost datagram again, and nobody tells of it: one for a host or a port that is not
 * there is gone as well. A large one travels as one packet and not as its fragments.
 */
export class MockDatagrams extends EventEmitter {
  #host: Host;
  #port: number | undefined;
  #closed = false;

  constructor(host: Host) {
    super();
    this.#host = host;
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
    const { clock } = this.#host.network;
    if (this.#host.datagrams.has(wanted)) {
      const taken = systemError("EADDRINUSE", "bind", this.#host.address, wanted);
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
    const { clock, send } = this.#way(address);
    if (bytes.byteLength > DATAGRAM_BYTES_MAX) {
      const tooLong = systemError("EMSGSIZE", "send", address, port);
      if (callback) clock.after(0, () => callback(tooLong, 0)); // without one, Node is silent as well
      return;
    }
    send(Buffer.from(bytes), port);
    if (callback) clock.after(0, () => callback(null, bytes.byteLength));
  }

  address(): { address: string; family: "IPv4"; port: number } {
    if (this.#port === undefined) throw systemError("EBADF", "getsockname");
    return { address: this.#host.address, family: "IPv4", port: this.#port };
  }

  close(callback?: () => void): this {
    this.#open();
    if (callback) this.once("close", callback);
    this.#closed = true;
    if (this.#port !== undefined) this.#host.datagrams.delete(this.#port);
    this.#host.network.clock.after(0, () => this.emit("close"));
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** A datagram has come. */
  receive({ from, fromPort, payload, bytes }: Packet): void {
    const address = from === this.#host ? "127.0.0.1" : from.address;
    this.emit("message", payload, { address, family: "IPv4", port: fromPort, size: bytes });
  }

  #take(wanted: number): void {
    this.#port = wanted === 0 ? this.#host.ephemeralDatagramPort() : wanted;
    this.#host.datagrams.set(this.#port, this);
  }

  #way(address: string) {
    const { network } = this.#host;
    const to = this.#host.reach(address);
    const send = (payload: Buffer, toPort: number) => {
      if (to === undefined) return; // no such host: the datagram is lost on its way
      const ends = { from: this.#host, fromPort: this.#port!, to, toPort };
      network.send(packet("UDP", ends, { bytes: payload.byteLength, payload }));
    };
    return { clock: network.clock, send };
  }

  #open(): void {
    if (this.#closed) {
      throw Object.assign(new Error("Not running"), { code: "ERR_SOCKET_DGRAM_NOT_RUNNING" });
    }
  }
}
