import { EventEmitter } from "node:events";
import { systemError } from "./errors.ts";
import type { DatagramReceiver, Kernel } from "./kernel.ts";
import { type Packet, packet } from "./packet.ts";

/** The most that one datagram carries: 65,535 less the headers of IP and UDP. */
const DATAGRAM_BYTES_MAX = 65_507;

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
 * does not exist. A large one travels as one packet and not as its fragments.
 */
export class MockDatagrams extends EventEmitter implements DatagramReceiver {
  #kernel: Kernel;
  #port: number | undefined;
  #closed = false;

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
    this.#transmit(Buffer.from(bytes), address, port);
    if (callback) clock.after(0, () => callback(null, bytes.byteLength));
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
    this.#kernel.clock.after(0, () => this.emit("close"));
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  onDatagram({ from, fromPort, payload, bytes }: Packet): void {
    const address = this.#kernel.addressOf(from);
    this.emit("message", payload, { address, family: "IPv4", port: fromPort, size: bytes });
  }

  #take(wanted: number): void {
    this.#port = wanted === 0 ? this.#kernel.ephemeralDatagramPort() : wanted;
    this.#kernel.datagrams.set(this.#port, this);
  }

  #transmit(payload: Buffer, address: string, toPort: number): void {
    const to = this.#kernel.resolve(address);
    if (to === undefined) return; // no such host: the datagram is lost on its way
    const ends = { from: this.#kernel, fromPort: this.#port!, to, toPort };
    this.#kernel.fabric.send(packet("UDP", ends, { bytes: payload.byteLength, payload }));
  }

  #open(): void {
    if (this.#closed) {
      throw Object.assign(new Error("Not running"), { code: "ERR_SOCKET_DGRAM_NOT_RUNNING" });
    }
  }
}
