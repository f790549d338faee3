import type { ReadBuffer, Reader } from "./read-buffer.ts";
import { resetSocket } from "./reset-socket.ts";
import type { WireSocket } from "./wire.ts";

/** The events of a control block's connection. */
export interface PcbWireEvents {
  /** The SYN was answered. */
  connected(): void;
  /** The SYN was refused, in a way that lwIP sees. */
  refused(): void;
  received(segment: Buffer): void;
  /** The peer's FIN. */
  finReceived(): void;
  acked(bytes: number): void;
  /** The peer has acknowledged our FIN. */
  finAcked(): void;
  /** The connection is reset: Linux has reported it to a write. */
  writeFailed(): void;
  /** The wire has no connection any more. `orderly`: both ends have closed; `timedOut`: the peer did not answer. */
  ended(orderly: boolean, timedOut: boolean): void;
  /** True: there is memory for this segment. Only a simulated network asks. */
  admits(segment: Uint8Array): boolean;
}

/** A peer to connect to. */
export interface WirePeer {
  readonly address: string;
  readonly port: number;
  /** The buffer for what it sends; `undefined`: that comes as `data`. */
  readonly reads: ReadBuffer | undefined;
}

/** Codes of an answer to a SYN that lwIP understands; all others it does not see, or ignores. */
const REFUSALS = ["ECONNREFUSED", "ECONNRESET"];

/** Some write since it was false has not been taken by Linux as a whole: it may hold the segment that is being read. */
let hasPendingWrite = false;

/**
 * The connection of a control block on a wire. A simulated network reports all that lwIP gets to know; on the
 * computer's, Linux keeps the acknowledgements to itself: what it has taken counts as acknowledged, and a full
 * receive window pauses reading.
 */
export class PcbWire implements Reader {
  /** The wire is a simulated network, which reports acknowledgements. */
  readonly simulated: boolean;
  #socket: WireSocket;
  #events: PcbWireEvents;
  #windowBytes: number;
  /** The peer that it connects to. */
  #to: WirePeer | undefined;
  /** Arrived and not yet freed by `recved`. */
  #unreadBytes = 0;
  /** Reading from the computer's socket is paused: the window is full. */
  #paused = false;
  /** Given to the computer's socket, and not yet taken by Linux. */
  #untakenBytes = 0;
  #onTaken: () => void;
  /** To be set when the connection is established. */
  #nagle = true;
  #finSent = false;
  #finReceived = false;
  /** A write met a reset: on the computer's network only that reports it after a FIN. */
  writeFailed = false;
  /** This end has broken the connection: nothing more is reported. */
  #isBroken = false;
  /** The error that the socket reported. */
  #error: string | undefined;

  constructor(socket: WireSocket, windowBytes: number, events: PcbWireEvents, to?: WirePeer) {
    this.#socket = socket;
    this.#to = to;
    this.#windowBytes = windowBytes;
    this.#events = events;
    this.#onTaken = () => this.#noteTaken();
    this.simulated = socket.recved !== undefined;
    if (socket.connecting) socket.on("connect", () => this.#onConnect());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code; // `close` always follows
    });
    socket.on("close", (hadError: boolean) => this.#onClose(hadError));
    socket.on("end", () => {
      this.#finReceived = true;
      events.finReceived();
    });
    socket.on("data", (segment: Buffer) => this.#onData(segment));
    if (to?.reads !== undefined) to.reads.reader = this;
    if (!this.simulated) {
      this.#surviveResets();
    } else {
      socket.admits = segment => events.admits(segment);
      socket.on("sent", (bytes: number) => events.acked(bytes));
      socket.on("finSent", () => events.finAcked());
      socket.on("released", (orderly: boolean, error?: string) => this.#ended(orderly, error));
    }
    socket.resume();
  }

  get remoteAddress(): string {
    return ipv4(this.#socket.remoteAddress);
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  /** Bytes that arrived and were not freed by `recved`: they fill the receive window. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Bytes that were given to the wire and have not left. */
  get unsentBytes(): number {
    return this.#socket.unsentBytes ?? this.#socket.writableLength;
  }

  set nagle(nagle: boolean) {
    // Node would tell Linux now, and again when the connection is established.
    if (this.#socket.connecting && !this.simulated) this.#nagle = nagle;
    else this.#socket.setNoDelay(!nagle);
  }

  set keepaliveMs(ms: number) {
    this.#socket.setKeepAlive(ms > 0, ms);
  }

  write(pieces: readonly Buffer[]): void {
    const socket = this.#socket;
    for (const { byteLength } of pieces) this.#untakenBytes += byteLength;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece, this.#onTaken);
    if (pieces.length > 1) socket.uncork();
    if (socket.writableLength > 0) hasPendingWrite = true;
    this.#noteTaken();
  }

  /** `bytes` were read: the window opens again (tcp_recved). */
  recved(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#socket.recved !== undefined) {
      this.#socket.recved(bytes);
    } else if (this.#paused && this.#unreadBytes < this.#windowBytes) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  /** Sends FIN behind all bytes. */
  end(): void {
    this.#finSent = true;
    this.#socket.end();
    this.#guessFinAcked();
  }

  /** Sends a reset. */
  abort(): void {
    this.#isBroken = true;
    if (this.#socket.abort !== undefined) this.#socket.abort();
    else resetSocket(this.#socket);
  }

  /** Ends the connection without a packet. */
  forget(): void {
    this.#isBroken = true;
    if (this.#socket.forget !== undefined) this.#socket.forget();
    else resetSocket(this.#socket); // the computer's network has no other way
  }

  /** Gives up an unanswered SYN. */
  destroy(): void {
    this.#socket.destroy();
  }

  #onConnect(): void {
    if (!this.#nagle) this.#socket.setNoDelay(true);
    const { localAddress, localPort } = this.#socket;
    // Linux has connected it to itself, because no program listens there.
    const to = this.#to!;
    if (localPort === to.port && localAddress === to.address) this.#events.refused();
    else this.#events.connected();
  }

  read(segment: Buffer): boolean {
    hasPendingWrite = false;
    this.#onData(segment);
    return this.#unreadBytes === 0 && !hasPendingWrite;
  }

  #onData(segment: Buffer): void {
    this.#unreadBytes += segment.byteLength;
    if (!this.simulated && this.#unreadBytes >= this.#windowBytes) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#events.received(segment);
  }

  #onClose(hadError: boolean): void {
    if (!this.simulated) {
      this.#ended(this.#finReceived && !hadError, this.#error);
    }
    if (REFUSALS.includes(this.#error ?? "")) this.#events.refused();
  }

  #ended(orderly: boolean, error: string | undefined): void {
    if (!this.#isBroken) this.#events.ended(orderly, error === "ETIMEDOUT");
  }

  /**
   * A write that meets a reset destroys a socket of Node, and with it the bytes that arrived before the reset. lwIP delivers those
   * first, so here the write is lost, and reading goes on to the end. Nothing may be written in these callbacks: where they are called within
   * `clearBuffer` of Node's Writable, that drops what was buffered meanwhile. So `noteTaken` waits for the callback of `write`.
   */
  #surviveResets(): void {
    const socket = this.#socket;
    const { _write, _writev } = socket;
    socket._write = (chunk, encoding, callback) =>
      _write.call(socket, chunk, encoding, error => this.#survived(error, callback));
    if (_writev === undefined) return;
    socket._writev = (chunks, callback) =>
      _writev.call(socket, chunks, error => this.#survived(error, callback));
  }

  #survived(error: Error | null | undefined, callback: () => void): void {
    callback();
    if (!error) return;
    this.writeFailed = true;
    this.#events.writeFailed();
  }

  /** Written bytes that Linux has taken count as acknowledged. */
  #noteTaken(): void {
    if (this.simulated) return;
    const taken = this.#untakenBytes - this.#socket.writableLength;
    if (taken <= 0) return;
    this.#untakenBytes -= taken;
    this.#events.acked(taken);
    this.#guessFinAcked();
  }

  /** Linux does not report what its peer has acknowledged: all bytes taken by Linux counts as that. */
  #guessFinAcked(): void {
    if (!this.simulated && this.#finSent && this.#untakenBytes <= 0) this.#events.finAcked();
  }
}

/** Node writes IPv4 peers of a dual-stack server as `::ffff:127.0.0.1`. */
function ipv4(address = "0.0.0.0"): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
