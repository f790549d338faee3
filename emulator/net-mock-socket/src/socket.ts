import { Duplex } from "node:stream";
import { systemError } from "./errors.ts";
import { Flow } from "./flow.ts";
import type { Host } from "./host.ts";
import type { NetstatRow } from "./network.ts";

export interface ConnectOptions {
  port: number;
  host?: string;
  allowHalfOpen?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  highWaterMark?: number;
}

/** `net.Socket` on a simulated host. */
export class MockSocket extends Duplex {
  connecting = false;
  pending = true;
  bytesRead = 0;
  bytesWritten = 0;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  remoteFamily: "IPv4" | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  timeout: number | undefined;
  #host: Host;
  #peer: MockSocket | undefined;
  /** Bytes that leave; the peer's are its own. */
  #flow: Flow | undefined;
  /** Emitted and not yet freed by `recved`, where that is what frees. */
  #held = 0;
  #finSent = false;
  #finReceived = false;
  /** A reset came when nobody was reading any more: writing will find out. */
  #broken = false;
  #cancelTimeout: (() => void) | undefined;

  constructor(host: Host, options: { allowHalfOpen?: boolean; highWaterMark?: number } = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      highWaterMark: options.highWaterMark,
      emitClose: false, // emitted below, with net's argument
      decodeStrings: true,
    });
    this.#host = host;
    host.sockets.add(this);
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

  /** Opens the receive window by `bytes`, on hosts whose `windowRelease` is `recved`. */
  recved(bytes: number): void {
    this.#held -= bytes;
    this.#consumed();
  }

  resetAndDestroy(): this {
    if (this.connecting) {
      this.destroy();
      return this;
    }
    if (!this.destroyed) this.#reset();
    this.destroy();
    return this;
  }

  /** Sends a SYN. */
  dial({ host = "localhost", port }: ConnectOptions): void {
    const { network } = this.#host;
    const target = this.#host.reach(host);
    this.connecting = true;
    this.localPort = this.#host.ephemeralPort();
    this.localAddress = target === this.#host ? "127.0.0.1" : this.#host.address;
    if (target === undefined) {
      network.clock.after(network.latencyMs, () =>
        this.destroy(systemError("EHOSTUNREACH", "connect", host, port)),
      );
      return;
    }
    const latencyMs = network.latencyBetween(this.#host, target);
    network.clock.after(latencyMs, () => {
      const server = target.servers.get(port);
      const accepted = this.destroyed ? undefined : server?.syn(this);
      network.clock.after(latencyMs, () => {
        if (accepted === undefined) {
          this.destroy(systemError("ECONNREFUSED", "connect", host, port));
          return;
        }
        if (this.destroyed) {
          server!.established(accepted);
          accepted.#receiveReset();
          return;
        }
        this.remoteAddress = target === this.#host ? "127.0.0.1" : target.address;
        this.remotePort = port;
        this.remoteFamily = "IPv4";
        this.#join(accepted);
        this.connecting = false;
        this.pending = false;
        network.clock.after(latencyMs, () => server!.established(accepted));
        this.emit("connect");
        this.emit("ready");
        this.read(0);
      });
    });
  }

  /** Becomes the accepting end of `peer`'s connection. */
  adopt(peer: MockSocket, port: number): void {
    const itself = peer.#host === this.#host;
    this.localAddress = itself ? "127.0.0.1" : this.#host.address;
    this.localPort = port;
    this.remoteAddress = peer.localAddress;
    this.remotePort = peer.localPort;
    this.remoteFamily = "IPv4";
    this.pending = false;
    this.#join(peer);
  }

  netstat(): NetstatRow {
    const closing = this.destroyed || this.#finSent;
    return {
      host: this.#host.name,
      local: `${this.localAddress}:${this.localPort}`,
      remote: `${this.remoteAddress}:${this.remotePort}`,
      state: this.connecting ? "connecting" : closing ? "closing" : "open",
      unread: this.#unread(),
      unacked: this.#flow?.unacked ?? 0,
    };
  }

  override read(count?: number): Buffer | null {
    const bytes = super.read(count);
    if (bytes !== null) this.#consumed();
    return bytes;
  }

  override _read(): void {} // segments are pushed when they come

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.connecting) {
      this.once("connect", () => this._write(bytes, _encoding, done));
      return;
    }
    if (this.#broken) {
      done(systemError("EPIPE", "write"));
      return;
    }
    this.bytesWritten += bytes.byteLength;
    this.#active();
    this.#flow!.write(bytes, () => done());
  }

  override _final(done: () => void): void {
    if (this.connecting) {
      this.once("connect", () => this._final(done));
      return;
    }
    this.#fin();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#cancelTimeout?.();
    this.connecting = false;
    if (this.#peer !== undefined && !this.#finSent) {
      // Closing over bytes that nobody read is a reset, as the kernel does it.
      if (this.#unread() > 0) this.#reset();
      else this.#fin();
    }
    this.#host.sockets.delete(this);
    done(error);
    this.#host.network.clock.after(0, () => this.emit("close", error !== null));
  }

  #join(peer: MockSocket): void {
    const { network, profile } = this.#host;
    this.#peer = peer;
    this.#flow = new Flow({
      clock: network.clock,
      latencyMs: network.latencyBetween(this.#host, peer.#host),
      mss: Math.min(profile.mss, peer.#host.profile.mss),
      window: peer.#host.profile.receiveWindow,
      sendBuffer: profile.sendBuffer,
      source: {
        acknowledged: bytes => this.emit("sent", bytes),
        rejected: () => this.#receiveReset(),
      },
      sink: {
        arrived: segment => peer.#receive(segment),
        finished: () => peer.#receiveFin(),
        unread: () => peer.#unread(),
      },
    });
  }

  #receive(segment: Buffer): boolean {
    if (this.destroyed) return false;
    this.bytesRead += segment.byteLength;
    if (this.#host.profile.windowRelease === "recved") this.#held += segment.byteLength;
    this.#active();
    this.push(segment);
    return true;
  }

  #receiveFin(): void {
    this.#finReceived = true;
    if (!this.destroyed) this.push(null);
    if (!this.destroyed && this.readableLength === 0) this.read(0);
  }

  #receiveReset(): void {
    this.#flow?.kill();
    if (this.destroyed) return;
    this.#finSent = true; // nobody is left to send one to
    if (this.#finReceived) this.#broken = true;
    else this.destroy(systemError("ECONNRESET", "read"));
  }

  #fin(): void {
    if (this.#finSent) return;
    this.#finSent = true;
    this.#flow?.end();
  }

  #reset(): void {
    this.#finSent = true;
    this.#flow?.kill();
    const peer = this.#peer;
    if (peer === undefined) return;
    const { network } = this.#host;
    network.clock.after(network.latencyBetween(this.#host, peer.#host), () => peer.#receiveReset());
  }

  #consumed(): void {
    const peer = this.#peer;
    if (peer !== undefined) peer.#flow?.consumed();
  }

  #unread(): number {
    return this.#host.profile.windowRelease === "recved" ? this.#held : this.readableLength;
  }

  #active(): void {
    this.#cancelTimeout?.();
    this.#cancelTimeout = undefined;
    if (!this.timeout || this.destroyed) return;
    this.#cancelTimeout = this.#host.network.clock.after(this.timeout, () => this.emit("timeout"));
  }
}
