import { Duplex } from "node:stream";
import type { Connection, ConnectionOwner } from "./connection.ts";
import { type SystemErrorCode, systemError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { type Packet, reversed } from "./packet.ts";
import { CONNECT_LACKS, defineMissing, refuseOptions, SOCKET_LACKS } from "./unsupported.ts";

export interface ConnectOptions {
  port: number;
  host?: string;
  allowHalfOpen?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  highWaterMark?: number;
}

/** How the handshake of an accepting socket ends: one of the two is called, once. */
export interface Handshake {
  established(socket: MockSocket): void;
  abandoned(): void;
}

/**
 * `net.Socket` on a simulated host.
 *
 * Beyond `node:net` it shows what a TCP/IP stack sees, to a program that plays one: the events `sent`
 * (with the bytes that were acknowledged), `finSent` (the FIN was acknowledged) and `released` (the
 * connection is forgotten or in TIME_WAIT; true: both ends have closed it; else the code of the error
 * that broke it), and the members from `admits` to `forget`.
 */
export class MockSocket extends Duplex {
  connecting = false;
  pending = true;
  bytesRead = 0;
  bytesWritten = 0;
  remoteAddress: string | undefined = undefined;
  remotePort: number | undefined = undefined;
  remoteFamily: "IPv4" | undefined = undefined;
  localAddress: string | undefined = undefined;
  localPort: number | undefined = undefined;
  timeout: number | undefined;
  /** Called for each new segment; false: it is lost, because there is no memory for it. */
  admits: ((segment: Uint8Array) => boolean) | undefined;
  #kernel: Kernel;
  #connection: Connection | undefined;
  /** Bytes that were delivered and not yet freed by `recved`, on hosts where that opens the window. */
  #held = 0;
  #finReceived = false;
  /** The connection broke after the peer's FIN: the next write fails with this. */
  #broken: SystemErrorCode | undefined;
  /** Fails the write that waits for room in the send buffer. */
  #failWrite: ((error: Error) => void) | undefined;
  #cancelTimeout: (() => void) | undefined;

  constructor(kernel: Kernel, options: { allowHalfOpen?: boolean; highWaterMark?: number } = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      highWaterMark: options.highWaterMark,
      emitClose: false, // emitted below, with net's argument
      decodeStrings: true,
    });
    this.#kernel = kernel;
    kernel.sockets.add(this);
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.readable && this.writable) return "open";
    if (this.readable) return "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  address(): object {
    return { address: this.localAddress, family: this.remoteFamily, port: this.localPort };
  }

  get localFamily(): "IPv4" | undefined {
    return this.localAddress === undefined ? undefined : "IPv4";
  }

  setNoDelay(): this {
    return this; // Nagle's delay is not modelled: every write leaves at once
  }

  setKeepAlive(): this {
    return this; // idle connections never break by themselves here
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  setTimeout(ms: number, listener?: () => void): this {
    this.timeout = ms;
    if (listener) {
      if (ms === 0) this.off("timeout", listener);
      else this.once("timeout", listener);
    }
    this.#active();
    return this;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** Opens the receive window by `bytes`, on hosts whose `windowRelease` is `recved`. */
  recved(bytes: number): void {
    this.#held -= bytes;
    this.#consumed();
  }

  /** Bytes that were written and have not left yet. */
  get unsentBytes(): number {
    return this.writableLength + (this.#connection?.unsent ?? 0);
  }

  /** Ends the connection with a reset, also one that still sends after `destroy`. */
  abort(): void {
    if (!this.connecting) this.#connection?.reset();
    this.destroy();
  }

  /** Forgets the connection and sends nothing. */
  forget(): void {
    this.#connection?.forget();
    this.destroy();
  }

  resetAndDestroy(): this {
    if (!this.connecting && !this.destroyed) this.#connection?.reset();
    this.destroy();
    return this;
  }

  /** Sends a SYN. */
  dial(options: ConnectOptions): void {
    refuseOptions(options, "connect", CONNECT_LACKS);
    const { host = "localhost", port } = options;
    const { clock, fabric } = this.#kernel;
    const target = this.#kernel.resolve(host);
    this.connecting = true;
    const fail = (code: SystemErrorCode, ms: number) =>
      clock.after(ms, () => this.destroy(systemError(code, "connect", host, port)));
    if (target === undefined) {
      fail("EHOSTUNREACH", fabric.latencyMs);
      return;
    }
    if (!this.#kernel.makeRoom()) {
      fail("ENOBUFS", 0);
      return;
    }
    this.localPort = this.#kernel.ephemeralPort(target, port);
    this.localAddress = this.#kernel.localAddressTo(target);
    const ends = { from: this.#kernel, fromPort: this.localPort, to: target, toPort: port };
    this.#connection = this.#kernel.open(ends, {
      ...this.#owner(),
      connected: () => {
        this.remoteAddress = this.#kernel.addressOf(target);
        this.remotePort = port;
        this.remoteFamily = "IPv4";
        this.connecting = false;
        this.pending = false;
        this.emit("connect");
        this.emit("ready");
        this.read(0);
      },
      failed: code => {
        if (this.connecting) this.destroy(systemError(code, "connect", host, port));
        else this.#failed(code);
      },
    });
  }

  /** Becomes the accepting end of the connection that this SYN asks for. */
  answer(syn: Packet, handshake: Handshake): void {
    this.localAddress = this.#kernel.localAddressTo(syn.from);
    this.localPort = syn.toPort;
    this.remoteAddress = this.#kernel.addressOf(syn.from);
    this.remotePort = syn.fromPort;
    this.remoteFamily = "IPv4";
    this.pending = false;
    let seen = false;
    const owner: ConnectionOwner = {
      ...this.#owner(),
      connected: () => {
        seen = true;
        handshake.established(this);
      },
      failed: code => {
        if (seen) {
          this.#failed(code);
          return;
        }
        handshake.abandoned();
        this.destroy();
      },
    };
    this.#connection = this.#kernel.open(reversed(syn), owner, syn.iss);
  }

  override read(count?: number): Buffer | null {
    const bytes = super.read(count);
    if (bytes !== null) this.#consumed();
    return bytes;
  }

  override _read(): void {} // segments are pushed when they arrive

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.connecting) {
      this.once("connect", () => this._write(bytes, _encoding, done));
      return;
    }
    if (this.#broken !== undefined) {
      done(systemError(this.#broken, "write"));
      return;
    }
    this.bytesWritten += bytes.byteLength;
    this.#active();
    this.#failWrite = done;
    this.#connection!.write(bytes, () => {
      this.#failWrite = undefined;
      done();
    });
  }

  override _final(done: () => void): void {
    if (this.connecting) {
      this.once("connect", () => this._final(done));
      return;
    }
    this.#connection?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#cancelTimeout?.();
    this.connecting = false;
    // Closing over unread bytes sends a reset, as Linux does.
    if (this.#unread() > 0) this.#connection?.reset();
    else this.#connection?.orphan();
    this.#kernel.sockets.delete(this);
    done(error);
    this.#kernel.clock.after(0, () => this.emit("close", error !== null));
  }

  #owner(): Omit<ConnectionOwner, "connected" | "failed"> {
    return {
      acknowledged: bytes => this.emit("sent", bytes),
      finAcknowledged: () => this.emit("finSent"),
      released: (orderly, error) => this.emit("released", orderly, error),
      admits: segment => this.admits?.(segment) ?? true,
      received: bytes => this.#received(bytes),
      finished: () => this.#finished(),
      unread: () => this.#unread(),
    };
  }

  #received(bytes: Buffer): void {
    if (this.destroyed) return;
    this.bytesRead += bytes.byteLength;
    if (this.#kernel.profile.windowRelease === "recved") this.#held += bytes.byteLength;
    this.#active();
    this.push(bytes);
  }

  #finished(): void {
    this.#finReceived = true;
    if (this.destroyed) return;
    this.push(null);
    if (this.readableLength === 0) this.read(0);
  }

  #failed(code: SystemErrorCode): void {
    if (this.destroyed) return;
    if (!this.#finReceived) {
      this.destroy(systemError(code, "read"));
      return;
    }
    // After the peer's FIN no read is pending: the write in progress fails, or else the next one.
    this.#broken = code === "ECONNRESET" ? "EPIPE" : code;
    this.#failWrite?.(systemError(this.#broken, "write"));
    this.#failWrite = undefined;
  }

  #consumed(): void {
    this.#connection?.consumed();
  }

  #unread(): number {
    return this.#kernel.profile.windowRelease === "recved" ? this.#held : this.readableLength;
  }

  #active(): void {
    this.#cancelTimeout?.();
    this.#cancelTimeout = undefined;
    if (!this.timeout || this.destroyed) return;
    this.#cancelTimeout = this.#kernel.clock.after(this.timeout, () => this.emit("timeout"));
  }
}

defineMissing(MockSocket.prototype, "socket", SOCKET_LACKS);
