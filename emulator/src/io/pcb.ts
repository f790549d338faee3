import type { Cancel } from "../clock.ts";
import { resetSocket } from "./reset-socket.ts";
import { Segments } from "./segments.ts";
import type { Stack } from "./stack.ts";
import type { WireSocket } from "./wire.ts";

/** What the owner of a control block hears; lwIP's callbacks of the same names. */
export interface PcbOwner {
  connected(): void;
  received(segment: Buffer): void;
  sent(): void;
  /** The peer's FIN. */
  finished(): void;
  /** Reset or given up: the block is gone. */
  failed(): void;
}

/** An answer to a SYN that lwIP understands; all others it does not hear of, or ignores. */
const REFUSALS = ["ECONNREFUSED", "ECONNRESET"];

/** How far a connection has come that our end closes, by lwIP's names. */
export type ClosingState = "LAST_ACK" | "CLOSING" | "FIN_WAIT_2" | "FIN_WAIT_1";

/**
 * One connection below the JavaScript: lwIP's protocol control block on a wire. It knows the send
 * buffer, the receive window, and how a connection closes. Read from src/core of esp-lwip 2.1.3.
 *
 * - The times of closing count from the last segment that came before our end closed: `tmr` of the
 *   block stands still from tcp_close on (TF_RXCLOSED). A connection that was silent for long is given
 *   up as soon as it is in FIN_WAIT_2.
 * - Bytes written wait here until `output()`, which the port calls at its next turn.
 * - What comes while nobody owns the block is refused: one segment is kept and offered again with the
 *   next one, or when the fast timer rings; the others are lost and come again.
 * - A FIN that nobody owned is never told: lwIP closes the block by itself when the fast timer rings.
 * - After a FIN was told its owner hears nothing more: not even that the block is gone.
 */
export class Pcb {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #bornMs: number;
  #stack: Stack;
  #socket: WireSocket;
  #owner: PcbOwner | undefined;
  /** Somebody has owned it; without an owner it belongs to nobody any more. */
  #owned = false;
  /** Written and not yet given to the wire. Pieces of one slab that follow each other are joined. */
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  /** Given to the wire and not yet acknowledged. */
  #unackedBytes = 0;
  /** All of it as lwIP keeps it in its heap. */
  #segments: Segments;
  /** Arrived and not yet freed by `recved`. */
  #windowUsed = 0;
  #refused: Buffer[] = [];
  #paused = false;
  #connecting: Cancel | undefined;
  /** What the wire says of how it broke. */
  #error: string | undefined;
  #fastTimer: Cancel | undefined;
  /** Ends FIN_WAIT_2 and LAST_ACK. */
  #limit: Cancel | undefined;
  /** When the last segment came before our end closed. */
  #heardMs: number;
  /** By `close`, or by lwIP itself. */
  #closing = false;
  /** The peer's FIN has come. */
  #finished = false;
  /** And its owner was told. */
  #told = false;
  /** We have closed before the peer. */
  #closesFirst = false;
  /** The peer has acknowledged our FIN. */
  #finAcked = false;
  #gone = false;

  constructor(stack: Stack, socket: WireSocket, peer?: { address: string; port: number }) {
    this.#stack = stack;
    this.#socket = socket;
    this.#segments = new Segments(stack);
    this.#bornMs = stack.clock.now();
    this.#heardMs = this.#bornMs;
    this.remoteAddress = peer?.address ?? ipv4(socket.remoteAddress);
    this.remotePort = peer?.port ?? socket.remotePort ?? 0;
    stack.opened(this);
    if (peer !== undefined) this.#connect();
    this.#listen();
    socket.resume();
  }

  /** Hands the connection to its next owner. */
  own(owner: PcbOwner): void {
    this.#owner = owner;
    this.#owned = true;
    if (this.#atBirth) this.#catchUp();
    else if (this.#refused.length > 0) {
      this.#fastTimer ??= this.#stack.atFastTimer(() => this.#offer());
    }
  }

  /** Nobody owns it from here on, and `close` will follow; a FIN closes it before. */
  letGo(): void {
    this.#owner = undefined;
  }

  /** lwIP has forgotten it. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Nothing before our end closes. */
  get closingState(): ClosingState | undefined {
    if (!this.#closing) return undefined;
    if (!this.#closesFirst) return "LAST_ACK";
    if (this.#finished) return "CLOSING";
    return this.#finAcked ? "FIN_WAIT_2" : "FIN_WAIT_1";
  }

  /** When the peer's last segment came before our end closed (`tmr` of the block). */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Room in the send buffer (tcp_sndbuf). */
  get sendSpace(): number {
    return Math.max(0, this.#stack.kind.sendBufferBytes - this.#unsentBytes - this.#unackedBytes);
  }

  /** False: lwIP refuses, out of memory or of places in its queue, or because it closes already. */
  write(bytes: Uint8Array): boolean {
    if (bytes.byteLength === 0) return true;
    const waiting = this.#socket.unsentBytes ?? this.#socket.writableLength;
    const inTail = this.#unsentBytes + waiting > 0;
    if (this.#closing || !this.#segments.add(bytes.byteLength, inTail)) return false;
    this.#unsentBytes += bytes.byteLength;
    const copy = this.#stack.slab.copy(bytes);
    const last = this.#unsent.length - 1;
    const previous = this.#unsent[last];
    if (
      previous !== undefined &&
      previous.buffer === copy.buffer &&
      previous.byteOffset + previous.byteLength === copy.byteOffset
    ) {
      const joined = previous.byteLength + copy.byteLength;
      this.#unsent[last] = Buffer.from(copy.buffer, previous.byteOffset, joined);
    } else {
      this.#unsent.push(copy);
    }
    return true;
  }

  /** Gives what was written to the wire (tcp_output). */
  output(): void {
    if (this.#unsentBytes === 0 || this.#gone) return;
    const socket = this.#socket;
    const pieces = this.#unsent;
    this.#unackedBytes += this.#unsentBytes;
    this.#unsent = [];
    this.#unsentBytes = 0;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece, this.#onTaken);
    if (pieces.length > 1) socket.uncork();
    if (!this.#simulated) this.#onTaken();
  }

  /** `bytes` were read: the window opens again (tcp_recved). */
  recved(bytes: number): void {
    this.#windowUsed -= bytes;
    if (this.#socket.recved !== undefined) {
      this.#socket.recved(bytes);
    } else if (this.#paused && this.#windowUsed < this.#stack.kind.receiveWindowBytes) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  set nagle(nagle: boolean) {
    this.#socket.setNoDelay(!nagle);
  }

  /**
   * Closes as lwIP does: what was written still goes out, then FIN; but over unread bytes, and when
   * more of them come later, a reset, and what was not yet sent is lost (tcp_close_shutdown).
   */
  close(): void {
    this.#owner = undefined;
    if (this.#gone) return;
    if (this.#connecting !== undefined) this.#over(false);
    else if (this.#closing)
      return; // lwIP has done it
    else if (this.#windowUsed > 0) this.abort();
    else this.#sendFin();
  }

  /** Sends a reset and forgets the connection; its owner is not told (tcp_abort). */
  abort(): void {
    this.#owner = undefined;
    if (this.#gone) return;
    if (this.#socket.abandon !== undefined) this.#socket.abandon();
    else resetSocket(this.#socket);
    this.#over(false);
  }

  /** Sends a reset, and tells the owner that the block is gone (tcp_abandon). */
  abandon(): void {
    if (this.#gone) return;
    if (this.#socket.abandon !== undefined) this.#socket.abandon();
    else resetSocket(this.#socket);
    this.#over(false, true);
  }

  /** lwIP forgets the connection; neither the peer nor an owner is told (tcp_slowtmr, tcp_kill_state). */
  forget(): void {
    this.#owner = undefined;
    if (this.#gone) return;
    if (this.#socket.forget !== undefined) this.#socket.forget();
    else resetSocket(this.#socket); // the computer's network knows no other way
    this.#over(false);
  }

  get #simulated(): boolean {
    return this.#socket.recved !== undefined;
  }

  /**
   * No time has passed since the handshake. Time that stands still while a program runs would let even
   * one that accepts at once come too late for what arrives in the same instant: here it is in time.
   */
  get #atBirth(): boolean {
    return this.#stack.clock.now() === this.#bornMs;
  }

  #catchUp(): void {
    this.#offer();
    if (this.#finished && !this.#told) this.#tellFin();
  }

  #connect(): void {
    const { clock, kind } = this.#stack;
    const socket = this.#socket;
    this.#connecting = clock.after(kind.connectTimeoutMs, () => this.#over(false, true));
    socket.on("connect", () => {
      if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
        this.#over(false); // the kernel has connected it to itself, because nobody listens there
        return;
      }
      this.#connecting?.();
      this.#connecting = undefined;
      this.#hear();
      this.#owner?.connected();
    });
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code; // `close` always follows
    });
    socket.on("close", (hadError: boolean) => this.#onClose(hadError));
    socket.on("end", () => this.#onEnd());
    socket.on("data", (segment: Buffer) => this.#onData(segment));
    if (!this.#simulated) {
      forgetWriteErrors(socket);
      return;
    }
    socket.admits = segment => this.#admits(segment);
    socket.on("sent", (bytes: number) => this.#onAcked(bytes));
    socket.on("finSent", () => {
      this.#finAcked = true;
      this.#awaitFin();
    });
    socket.on("parted", (orderly: boolean, error?: string) => {
      if (this.#connecting === undefined) this.#over(orderly, error === "ETIMEDOUT");
    });
  }

  /** A segment has come. */
  #hear(): void {
    if (!this.#closing) this.#heardMs = this.#stack.clock.now();
  }

  #onData(segment: Buffer): void {
    this.#hear();
    if (this.#closing) {
      this.abort();
      return;
    }
    this.#windowUsed += segment.byteLength;
    if (!this.#simulated && this.#windowUsed >= this.#stack.kind.receiveWindowBytes) {
      this.#paused = true;
      this.#socket.pause();
    }
    if (this.#owner !== undefined) {
      this.#offer();
      this.#owner?.received(segment);
    } else if (this.#owned) {
      this.recved(segment.byteLength); // let go: lwIP drops it (tcp_recv_null)
    } else {
      this.#refused.push(segment);
      this.#stack.hold(this.#stack.receivedBytes(segment));
    }
  }

  /** Is there heap for a segment, and nothing before it that is refused still? */
  #admits(segment: Uint8Array): boolean {
    const refuses = this.#refused.length > 0 && this.#owner === undefined && !this.#atBirth;
    return !refuses && this.#stack.hasHeap(this.#stack.receivedBytes(segment));
  }

  /** What was refused is offered once more (tcp_process_refused_data). */
  #offer(): void {
    this.#fastTimer?.();
    this.#fastTimer = undefined;
    const segments = this.#refused;
    if (segments.length === 0) return;
    this.#refused = [];
    for (const segment of segments) {
      this.#stack.hold(-this.#stack.receivedBytes(segment));
      this.#owner?.received(segment);
    }
    if (this.#finished) this.#tellFin();
  }

  #onAcked(bytes: number): void {
    this.#hear();
    this.#unackedBytes -= bytes;
    this.#segments.acked(bytes);
    if (!this.#told) this.#owner?.sent(); // the port lets go of its callbacks at FIN
    if (!this.#simulated) this.#guessFinAcked();
  }

  /** The kernel has taken a write, or part of what waits: as good as an acknowledgement. */
  #onTaken = (): void => {
    if (this.#simulated) return;
    const acked = this.#unackedBytes - this.#socket.writableLength;
    if (acked > 0) this.#onAcked(acked);
  };

  #onEnd(): void {
    this.#hear();
    this.#finished = true;
    if (this.#closing) return;
    this.output(); // lwIP sends what waits with every segment that comes (tcp_input)
    if (this.#owner !== undefined) {
      this.#catchUp();
    } else if (this.#owned) {
      this.close(); // let go: lwIP closes it (tcp_recv_null)
    } else if (this.#refused.length === 0) {
      this.#fastTimer = this.#stack.atFastTimer(() => {
        this.#fastTimer = undefined;
        if (!this.#closing && !this.#gone) this.#sendFin();
      });
    }
  }

  #tellFin(): void {
    this.#told = true;
    this.#owner?.finished();
  }

  #sendFin(): void {
    this.#closesFirst = !this.#finished;
    this.output();
    this.#closing = true;
    this.#socket.end();
    if (!this.#closesFirst) this.#limitTo(this.#stack.kind.lastAckTimeoutMs);
    else if (!this.#simulated) this.#guessFinAcked();
  }

  /** The kernel does not tell what its peer has acknowledged: that it has taken everything must do. */
  #guessFinAcked(): void {
    if (!this.#closing || this.#unackedBytes > 0) return;
    this.#finAcked = true;
    this.#awaitFin();
  }

  /** The peer has all that we sent: it has a while to close, too. */
  #awaitFin(): void {
    if (this.closingState === "FIN_WAIT_2") this.#limitTo(this.#stack.kind.finWaitTimeoutMs);
  }

  /** Gives the connection up when its peer has been silent for so long. */
  #limitTo(ms: number): void {
    if (this.#gone) return;
    // The kernel may have heard the peer long after us.
    const sinceMs = this.#simulated ? this.#heardMs : this.#stack.clock.now();
    this.#limit ??= this.#stack.atSlowTimer(sinceMs + ms, () => this.forget());
  }

  #onClose(hadError: boolean): void {
    if (this.#connecting === undefined) {
      if (!this.#simulated) this.#over(this.#finished && !hadError, this.#error === "ETIMEDOUT");
    } else if (REFUSALS.includes(this.#error ?? "")) {
      this.#over(false);
    }
    // Else nobody has answered, and lwIP goes on asking until its patience ends.
  }

  /** `givenUp`: by lwIP, because the peer did not answer. */
  #over(orderly: boolean, givenUp = false): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#connecting?.();
    this.#fastTimer?.();
    this.#limit?.();
    if (this.#connecting !== undefined) this.#socket.destroy();
    this.#segments.clear();
    for (const segment of this.#refused) this.#stack.hold(-this.#stack.receivedBytes(segment));
    this.#refused = [];
    this.#stack.closed(this, orderly && this.#closesFirst);
    const owner = this.#owner;
    this.#owner = undefined;
    if (this.#told || owner === undefined) return;
    if (givenUp) this.#stack.freedWrite();
    owner.failed();
  }
}

/**
 * A write that meets a reset destroys a socket of Node, and what had come before the reset with it. LwIP
 * delivers those bytes first, so here the write is lost and reading goes on: it finds the end by itself.
 */
function forgetWriteErrors(socket: WireSocket): void {
  const { _write, _writev } = socket;
  socket._write = (chunk, encoding, callback) =>
    _write.call(socket, chunk, encoding, () => callback());
  if (_writev === undefined) return;
  socket._writev = (chunks, callback) => _writev.call(socket, chunks, () => callback());
}

/** Node writes IPv4 peers of a dual-stack server as `::ffff:127.0.0.1`. */
function ipv4(address = "0.0.0.0"): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
