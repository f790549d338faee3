import type { BoardKind } from "../boards/kind.ts";
import type { Cancel, Clock } from "../clock.ts";
import type { Account } from "./account.ts";
import { resetSocket } from "./reset-socket.ts";
import { Segments } from "./segments.ts";
import type { Slab } from "./slab.ts";
import type { LwipTimers } from "./timers.ts";
import type { WireSocket } from "./wire.ts";

/** The events of a control block, for the object that owns it; lwIP's callbacks of the same names. */
export interface PcbOwner {
  connected(): void;
  received(segment: Buffer): void;
  sent(): void;
  /** The peer's FIN. */
  finished(): void;
  /** Reset or given up: the block is freed. */
  failed(): void;
}

/** What a control block uses of the stack that has it. */
export interface PcbStack {
  readonly kind: BoardKind;
  readonly clock: Clock;
  readonly timers: LwipTimers;
  readonly slab: Slab;
  readonly account: Account;
  /** The block is freed. `timeWait`: the connection stays in TIME_WAIT. */
  closed(pcb: Pcb, timeWait: boolean): void;
  /** tcp.c has written to a block that lwIP freed an instant before. */
  freedWrite(): void;
}

/** lwIP's tcp_state (src/include/lwip/tcpbase.h). LISTEN and SYN_RCVD are the wire's here. */
export type TcpState =
  | "SYN_SENT"
  | "ESTABLISHED"
  | "FIN_WAIT_1"
  | "FIN_WAIT_2"
  | "CLOSE_WAIT"
  | "CLOSING"
  | "LAST_ACK"
  | "TIME_WAIT"
  | "CLOSED";

/** What moves a connection from state to state: its SYN is answered, a FIN leaves, arrives, is acknowledged. */
type TcpEvent = "synAcked" | "finSent" | "finReceived" | "finAcked" | "freed";

/** RFC 9293, figure 5. Where an event has no entry the state stays. LAST_ACK ends when the wire forgets it. */
const TRANSITIONS: Record<TcpState, Partial<Record<TcpEvent, TcpState>>> = {
  SYN_SENT: { synAcked: "ESTABLISHED", freed: "CLOSED" },
  ESTABLISHED: { finSent: "FIN_WAIT_1", finReceived: "CLOSE_WAIT", freed: "CLOSED" },
  CLOSE_WAIT: { finSent: "LAST_ACK", freed: "CLOSED" },
  FIN_WAIT_1: { finAcked: "FIN_WAIT_2", finReceived: "CLOSING", freed: "CLOSED" },
  FIN_WAIT_2: { finReceived: "TIME_WAIT", freed: "CLOSED" },
  CLOSING: { finAcked: "TIME_WAIT", freed: "CLOSED" },
  LAST_ACK: { freed: "CLOSED" },
  TIME_WAIT: { freed: "CLOSED" },
  CLOSED: {},
};

/** The peer's FIN has arrived. */
const FIN_RECEIVED: readonly TcpState[] = ["CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"];

/** Our end has closed, before the peer's. */
const CLOSED_FIRST: readonly TcpState[] = ["FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "TIME_WAIT"];

/** Codes of an answer to a SYN that lwIP understands; all others it does not see, or ignores. */
const REFUSALS = ["ECONNREFUSED", "ECONNRESET"];

/**
 * One connection below the JavaScript: lwIP's protocol control block on a wire. It knows the send
 * buffer, the receive window, and how a connection closes. Read from src/core of esp-lwip 2.1.3.
 *
 * - The times of closing count from the last segment that arrived before our end closed: `tmr` of the
 *   block stands still from tcp_close on (TF_RXCLOSED). A connection that was silent for long is given
 *   up as soon as it is in FIN_WAIT_2.
 * - Written bytes stay here until `output()`, which the port calls at its next turn.
 * - Segments that arrive while the block has no owner are refused: one is kept and offered again with the
 *   next one, or at the next fast timer; the others are lost and sent again.
 * - A FIN that arrives without an owner is not reported: lwIP closes the block itself at the next fast timer.
 * - After a FIN was reported, its owner gets no event: not even that the block is freed.
 */
export class Pcb {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #bornMs: number;
  #stack: PcbStack;
  #account: Account;
  #socket: WireSocket;
  #state: TcpState;
  #owner: PcbOwner | undefined;
  /** It had an owner: without one now, lwIP drops what arrives (tcp_recv_null). */
  #hadOwner = false;
  /** The peer's FIN was reported to the owner. */
  #finReported = false;
  /** Written and not yet given to the wire. Pieces of one slab that follow each other are joined. */
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  /** Given to the wire and not yet acknowledged. */
  #unackedBytes = 0;
  /** All written bytes as lwIP keeps them in its heap. */
  #segments: Segments;
  /** Arrived and not yet freed by `recved`. */
  #windowUsed = 0;
  #refused: Buffer[] = [];
  /** Reading from the computer's socket is paused: the window is full. */
  #paused = false;
  /** The error that the wire reported. */
  #error: string | undefined;
  /** Ends SYN_SENT. */
  #connectTimer: Cancel | undefined;
  #fastTimer: Cancel | undefined;
  /** Ends FIN_WAIT_2 and LAST_ACK. */
  #closeTimer: Cancel | undefined;
  #lastSegmentMs: number;

  /** `peer`: the address that it connects to; without one it is an accepted connection. */
  constructor(stack: PcbStack, socket: WireSocket, peer?: { address: string; port: number }) {
    this.#stack = stack;
    this.#account = stack.account;
    this.#socket = socket;
    this.#state = peer === undefined ? "ESTABLISHED" : "SYN_SENT";
    this.#segments = new Segments(stack.kind, stack.account);
    this.#bornMs = stack.clock.now();
    this.#lastSegmentMs = this.#bornMs;
    this.remoteAddress = peer?.address ?? ipv4(socket.remoteAddress);
    this.remotePort = peer?.port ?? socket.remotePort ?? 0;
    if (peer !== undefined) this.#connect();
    this.#listen();
    socket.resume();
  }

  get state(): TcpState {
    return this.#state;
  }

  /** lwIP has freed the block. */
  get freed(): boolean {
    return this.#state === "CLOSED";
  }

  /** Hands the connection to its next owner. */
  own(owner: PcbOwner): void {
    this.#owner = owner;
    this.#hadOwner = true;
    if (this.#atBirth) this.#catchUp();
    else if (this.#refused.length > 0) {
      this.#fastTimer ??= this.#stack.timers.atFastTimer(() => this.#offer());
    }
  }

  /** Removes the owner; `close` will follow, or a FIN closes it before. */
  release(): void {
    this.#owner = undefined;
  }

  /** When the peer's last segment arrived before our end closed (`tmr` of the block). */
  get lastSegmentMs(): number {
    return this.#lastSegmentMs;
  }

  /** Room in the send buffer (tcp_sndbuf). */
  get sendSpace(): number {
    return Math.max(0, this.#stack.kind.sendBufferBytes - this.#unsentBytes - this.#unackedBytes);
  }

  /** False: lwIP refuses, out of memory or of places in its queue, or because it has closed already. */
  write(bytes: Uint8Array): boolean {
    if (bytes.byteLength === 0) return true;
    const waiting = this.#socket.unsentBytes ?? this.#socket.writableLength;
    const inTail = this.#unsentBytes + waiting > 0;
    if (this.#finSent || !this.#segments.add(bytes.byteLength, inTail)) return false;
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

  /** Gives the written bytes to the wire (tcp_output). */
  output(): void {
    if (this.#unsentBytes === 0 || this.freed) return;
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
   * Closes as lwIP does: written bytes still leave, then FIN; but over unread bytes, and when
   * more of them arrive later, a reset, and bytes that have not left are lost (tcp_close_shutdown).
   */
  close(): void {
    this.#owner = undefined;
    if (this.freed || this.#finSent) return; // lwIP has done it
    if (this.#state === "SYN_SENT") this.#free(false);
    else if (this.#windowUsed > 0) this.abort();
    else this.#sendFin();
  }

  /** Sends a reset and frees the block, without an event for its owner (tcp_abort). */
  abort(): void {
    this.#owner = undefined;
    this.#reset(false);
  }

  /** Sends a reset, and reports the freed block to the owner (tcp_abandon). */
  abandon(): void {
    this.#reset(true);
  }

  /**
   * lwIP frees the block, without a packet for the peer or an event for an owner (tcp_slowtmr, tcp_kill_state).
   */
  forget(): void {
    this.#owner = undefined;
    if (this.freed) return;
    if (this.#socket.forget !== undefined) this.#socket.forget();
    else resetSocket(this.#socket); // the computer's network has no other way
    this.#free(false);
  }

  #reset(givenUp: boolean): void {
    if (this.freed) return;
    if (this.#socket.abort !== undefined) this.#socket.abort();
    else resetSocket(this.#socket);
    this.#free(false, givenUp);
  }

  /** The one place that changes the state. */
  #advance(event: TcpEvent): void {
    this.#state = TRANSITIONS[this.#state][event] ?? this.#state;
  }

  get #finSent(): boolean {
    return this.#state === "LAST_ACK" || CLOSED_FIRST.includes(this.#state);
  }

  get #finReceived(): boolean {
    return FIN_RECEIVED.includes(this.#state);
  }

  /** The wire is a simulated network, which reports acknowledgements. */
  get #simulated(): boolean {
    return this.#socket.recved !== undefined;
  }

  /**
   * No time has passed since the handshake. Time that stands still while a program runs would make even
   * one that accepts at once too late for segments that arrive in the same instant: here it is in time.
   */
  get #atBirth(): boolean {
    return this.#stack.clock.now() === this.#bornMs;
  }

  #catchUp(): void {
    this.#offer();
    if (this.#finReceived && !this.#finReported) this.#reportFin();
  }

  #connect(): void {
    const { clock, kind } = this.#stack;
    const socket = this.#socket;
    this.#connectTimer = clock.after(kind.connectTimeoutMs, () => this.#free(false, true));
    socket.on("connect", () => {
      if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
        this.#free(false); // Linux has connected it to itself, because no program listens there
        return;
      }
      this.#connectTimer?.();
      this.#advance("synAcked");
      this.#noteSegment();
      this.#owner?.connected();
    });
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code; // `close` always follows
    });
    socket.on("close", (hadError: boolean) => this.#onClose(hadError));
    socket.on("end", () => this.#onFin());
    socket.on("data", (segment: Buffer) => this.#onData(segment));
    if (!this.#simulated) {
      ignoreWriteErrors(socket);
      return;
    }
    socket.admits = segment => this.#admits(segment);
    socket.on("sent", (bytes: number) => this.#onAcked(bytes));
    socket.on("finSent", () => this.#onFinAcked());
    socket.on("released", (orderly: boolean, error?: string) => {
      if (this.#state !== "SYN_SENT") this.#free(orderly, error === "ETIMEDOUT");
    });
  }

  #noteSegment(): void {
    if (!this.#finSent) this.#lastSegmentMs = this.#stack.clock.now();
  }

  #onData(segment: Buffer): void {
    if (this.freed) return;
    this.#noteSegment();
    if (this.#finSent) {
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
    } else if (this.#hadOwner) {
      this.recved(segment.byteLength); // lwIP drops it (tcp_recv_null)
    } else {
      this.#refused.push(segment);
      this.#account.hold(this.#account.receivedBytes(segment));
    }
  }

  /** True: there is heap for a segment, and none before it is refused still. */
  #admits(segment: Uint8Array): boolean {
    const refuses = this.#refused.length > 0 && this.#owner === undefined && !this.#atBirth;
    return !refuses && this.#account.hasHeap(this.#account.receivedBytes(segment));
  }

  /** Offers refused segments once more (tcp_process_refused_data). */
  #offer(): void {
    this.#fastTimer?.();
    this.#fastTimer = undefined;
    const segments = this.#refused;
    if (segments.length === 0) return;
    this.#refused = [];
    for (const segment of segments) {
      this.#account.hold(-this.#account.receivedBytes(segment));
      this.#owner?.received(segment);
    }
    if (this.#finReceived) this.#reportFin();
  }

  #onAcked(bytes: number): void {
    this.#noteSegment();
    this.#unackedBytes -= bytes;
    this.#segments.acked(bytes);
    if (!this.#finReported) this.#owner?.sent(); // the port clears its callbacks at FIN
    if (!this.#simulated) this.#guessFinAcked();
  }

  /** Linux has taken a write, or part of it: that counts as an acknowledgement. */
  #onTaken = (): void => {
    if (this.#simulated) return;
    const acked = this.#unackedBytes - this.#socket.writableLength;
    if (acked > 0) this.#onAcked(acked);
  };

  #onFin(): void {
    if (this.freed) return;
    const closed = this.#finSent;
    this.#noteSegment();
    this.#advance("finReceived");
    if (closed) return;
    this.output(); // lwIP sends waiting bytes with every segment that arrives (tcp_input)
    if (this.#owner !== undefined) {
      this.#catchUp();
    } else if (this.#hadOwner) {
      this.close(); // lwIP closes it (tcp_recv_null)
    } else if (this.#refused.length === 0) {
      this.#fastTimer = this.#stack.timers.atFastTimer(() => {
        this.#fastTimer = undefined;
        if (this.#state === "CLOSE_WAIT") this.#sendFin();
      });
    }
  }

  #reportFin(): void {
    this.#finReported = true;
    this.#owner?.finished();
  }

  #sendFin(): void {
    this.output();
    this.#advance("finSent");
    this.#socket.end();
    if (this.#state === "LAST_ACK") this.#freeAfter(this.#stack.kind.lastAckTimeoutMs);
    else if (!this.#simulated) this.#guessFinAcked();
  }

  /** Linux does not report what its peer has acknowledged: all bytes taken by Linux counts as that. */
  #guessFinAcked(): void {
    if (this.#finSent && this.#unackedBytes <= 0) this.#onFinAcked();
  }

  #onFinAcked(): void {
    this.#advance("finAcked");
    if (this.#state === "FIN_WAIT_2") this.#freeAfter(this.#stack.kind.finWaitTimeoutMs);
  }

  /** Frees the block once its peer has been silent for `ms`. */
  #freeAfter(ms: number): void {
    if (this.freed) return;
    // Linux may have received the peer's last segment long after us.
    const sinceMs = this.#simulated ? this.#lastSegmentMs : this.#stack.clock.now();
    this.#closeTimer ??= this.#stack.timers.atSlowTimer(sinceMs + ms, () => this.forget());
  }

  #onClose(hadError: boolean): void {
    if (this.#state !== "SYN_SENT") {
      if (!this.#simulated) this.#free(this.#finReceived && !hadError, this.#error === "ETIMEDOUT");
    } else if (REFUSALS.includes(this.#error ?? "")) {
      this.#free(false);
    }
    // Else the SYN is unanswered, and lwIP sends it again until the connect timer rings.
  }

  /** `orderly`: both ends have closed. `givenUp`: by lwIP, because the peer did not answer. */
  #free(orderly: boolean, givenUp = false): void {
    if (this.freed) return;
    const connecting = this.#state === "SYN_SENT";
    const timeWait = orderly && CLOSED_FIRST.includes(this.#state);
    this.#advance("freed");
    this.#connectTimer?.();
    this.#fastTimer?.();
    this.#closeTimer?.();
    if (connecting) this.#socket.destroy();
    this.#segments.clear();
    for (const segment of this.#refused) this.#account.hold(-this.#account.receivedBytes(segment));
    this.#refused = [];
    this.#stack.closed(this, timeWait);
    const owner = this.#owner;
    this.#owner = undefined;
    if (this.#finReported || owner === undefined) return;
    if (givenUp) this.#stack.freedWrite();
    owner.failed();
  }
}

/**
 * A write that meets a reset destroys a socket of Node, and with it the bytes that arrived before the reset. lwIP
 * delivers those first, so here the write is lost and reading goes on: it finds the end by itself.
 */
function ignoreWriteErrors(socket: WireSocket): void {
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
