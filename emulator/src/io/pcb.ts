import type { BoardKind } from "../boards/kind.ts";
import type { Cancel, Clock } from "../clock.ts";
import type { Account } from "./account.ts";
import { PcbWire, type PcbWireEvents, type WirePeer } from "./pcb-wire.ts";
import { SendQueue } from "./send-queue.ts";
import type { Slab } from "./slab.ts";
import {
  closedFirst,
  finReceived,
  finSent,
  stateAfter,
  type TcpEvent,
  type TcpState,
} from "./tcp-state.ts";
import type { LwipTimers } from "./timers.ts";
import type { WireSocket } from "./wire.ts";

/** Why a block is freed: both ends have closed, a reset, or lwIP gave it up. */
export type PcbFailure = "closed" | "reset" | "timeout";

/** The events of a control block, for the object that owns it; lwIP's callbacks of the same names. */
export interface PcbOwner {
  /** The owner keeps its callbacks until the block is freed; tcp.c clears them at the peer's FIN. */
  readonly halfCloses: boolean;
  connected(): void;
  received(segment: Buffer): void;
  sent(): void;
  /** The peer's FIN. */
  finished(): void;
  /** The block is freed. */
  failed(why: PcbFailure): void;
}

/** The parts of its stack that a control block uses. */
export interface PcbStack {
  readonly kind: BoardKind;
  readonly clock: Clock;
  readonly timers: LwipTimers;
  readonly slab: Slab;
  readonly account: Account;
  /** The block is freed. `timeWait`: the connection stays in TIME_WAIT. */
  closed(pcb: Pcb, timeWait: boolean): void;
}

/**
 * One connection below the JavaScript: lwIP's protocol control block, from its SYN to the end of its closing. Read
 * from src/core of esp-lwip 2.1.3.
 *
 * - The times of closing count from the last segment that arrived before our end closed: `tmr` of the
 *   block stands still from tcp_close on (TF_RXCLOSED). A connection that was silent for long is given
 *   up as soon as it is in FIN_WAIT_2.
 * - Written bytes stay here until `output()`, which the port calls at its next turn.
 * - Segments that arrive while the block has no owner are refused: one is kept and offered again with the
 *   next one, or at the next fast timer; the others are lost and sent again.
 * - A FIN that arrives without an owner is not reported: lwIP closes the block itself at the next fast timer.
 * - After a FIN was reported, an owner that does not half-close gets no event: not even that the block is freed.
 */
export class Pcb implements PcbWireEvents {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #bornMs: number;
  #stack: PcbStack;
  #account: Account;
  #wire: PcbWire;
  #sendQueue: SendQueue;
  #state: TcpState;
  #owner: PcbOwner | undefined;
  /** The block had an owner: without one now, lwIP drops received bytes (tcp_recv_null). */
  #hadOwner = false;
  /** The peer's FIN was reported to the owner. */
  #finReported = false;
  #nagle = true;
  /** Closed for receiving, too: more bytes are answered with a reset (TF_RXCLOSED). */
  #receivingClosed = false;
  /** Segments that arrived without an owner. */
  #refused: Buffer[] = [];
  /** Ends SYN_SENT. */
  #connectTimer: Cancel | undefined;
  #fastTimer: Cancel | undefined;
  /** Ends FIN_WAIT_2 and LAST_ACK. */
  #closeTimer: Cancel | undefined;
  #lastSegmentMs: number;

  /** `peer`: the address that it connects to; without one it is an accepted connection. */
  constructor(stack: PcbStack, socket: WireSocket, peer?: WirePeer) {
    this.#stack = stack;
    this.#account = stack.account;
    this.#state = peer === undefined ? "ESTABLISHED" : "SYN_SENT";
    this.#bornMs = stack.clock.now();
    this.#lastSegmentMs = this.#bornMs;
    this.#sendQueue = new SendQueue(stack.kind, stack.account, stack.slab);
    this.#wire = new PcbWire(socket, stack.kind.receiveWindowBytes, this, peer);
    this.remoteAddress = peer?.address ?? this.#wire.remoteAddress;
    this.remotePort = peer?.port ?? this.#wire.remotePort;
    if (peer === undefined) return;
    this.#connectTimer = stack.clock.after(stack.kind.connectTimeoutMs, () =>
      this.#free("timeout"),
    );
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
    return this.#sendQueue.space;
  }

  /** Bytes that were written and have not left. */
  get unsentBytes(): number {
    return this.#sendQueue.unsentBytes + this.#wire.unsentBytes;
  }

  /** Segments that hold bytes which are not acknowledged (tcp_sndqueuelen). */
  get segmentsQueued(): number {
    return this.#sendQueue.segments;
  }

  /** False: lwIP refuses, out of memory or of places in its queue, or because it has closed already. */
  write(bytes: Uint8Array): boolean {
    if (bytes.byteLength === 0) return true;
    return !this.#finSent && this.#sendQueue.add(bytes, this.#wire.unsentBytes);
  }

  /** Writes a received segment, or a part of one: it never changes, so it is not copied. */
  pass(segment: Buffer): boolean {
    return !this.#finSent && this.#sendQueue.pass(segment, this.#wire.unsentBytes);
  }

  /** Before bytes leave, the last segment gives back memory that it does not use; under Nagle's algorithm bytes are added to it. */
  trim(): void {
    if (!this.#nagle && this.unsentBytes > 0) this.#sendQueue.trim();
  }

  /** Gives the written bytes to the wire (tcp_output). */
  output(): void {
    if (this.freed) return;
    const pieces = this.#sendQueue.take();
    if (pieces.length > 0) this.#wire.write(pieces);
  }

  /** `bytes` were read: the window opens again (tcp_recved). */
  recved(bytes: number): void {
    if (!this.freed) this.#wire.recved(bytes);
  }

  set nagle(nagle: boolean) {
    this.#nagle = nagle;
    this.#wire.nagle = nagle;
  }

  /**
   * Nagle's algorithm holds back what was written: less than a segment, while bytes are unacknowledged
   * (tcp_do_output_nagle). The computer's network has its own.
   */
  get isDelayed(): boolean {
    const { segmentBytes, segmentsQueuedMax } = this.#stack.kind;
    const { unsentBytes, unackedBytes, segments, space } = this.#sendQueue;
    if (!this.#nagle || !this.#wire.simulated || unackedBytes === 0) return false;
    return unsentBytes < segmentBytes && space > 0 && segments < segmentsQueuedMax;
  }

  /** Probes after so much silence; 0: none. On a simulated network there are no probes. */
  set keepaliveMs(ms: number) {
    this.#wire.keepaliveMs = ms;
  }

  /**
   * Closes as lwIP does: written bytes still leave, then FIN; but over unread bytes, and when
   * more of them arrive later, a reset, and bytes that have not left are lost (tcp_close_shutdown).
   */
  close(): void {
    this.#owner = undefined;
    if (this.freed || this.#receivingClosed) return; // lwIP has done it
    this.#receivingClosed = true;
    if (this.#state === "SYN_SENT") this.#free("closed");
    else if (this.#finSent) this.#watchFinWait();
    else if (this.#wire.unreadBytes > 0) this.abort();
    else this.#sendFin();
  }

  /** Sends FIN behind the written bytes; the owner still receives (tcp_shutdown). Not in SYN_SENT. */
  shutdown(): void {
    if (!this.freed && !this.#finSent) this.#sendFin();
  }

  /** Sends a reset and frees the block, without an event for its owner (tcp_abort). */
  abort(): void {
    this.#owner = undefined;
    this.#reset("reset");
  }

  /** Sends a reset, and reports the freed block to the owner (tcp_abandon). */
  abandon(): void {
    this.#reset("timeout");
  }

  /** lwIP frees the block, without a packet for the peer (tcp_slowtmr, tcp_kill_state). */
  forget(): void {
    if (!this.#owner?.halfCloses) this.#owner = undefined;
    if (this.freed) return;
    this.#wire.forget();
    this.#free("timeout");
  }

  #reset(why: PcbFailure): void {
    if (this.freed) return;
    this.#wire.abort();
    this.#free(why);
  }

  /** The one place that changes the state. */
  #advance(event: TcpEvent): void {
    this.#state = stateAfter(this.#state, event);
  }

  get #finSent(): boolean {
    return finSent(this.#state);
  }

  get #finReceived(): boolean {
    return finReceived(this.#state);
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

  // Events of the wire

  connected(): void {
    this.#connectTimer?.();
    this.#advance("synAcked");
    this.#noteSegment();
    this.#owner?.connected();
  }

  refused(): void {
    if (this.#state === "SYN_SENT") this.#free("reset");
  }

  received(segment: Buffer): void {
    if (this.freed) return;
    this.#noteSegment();
    if (this.#receivingClosed) {
      this.abort();
      return;
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
  admits(segment: Uint8Array): boolean {
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

  acked(bytes: number): void {
    this.#noteSegment();
    this.#sendQueue.acked(bytes);
    if (this.#reportsTo(this.#owner)) this.#owner.sent();
  }

  writeFailed(): void {
    if (this.#owner?.halfCloses && this.#finReceived) this.#reset("reset");
  }

  ended(orderly: boolean, timedOut: boolean): void {
    // An unanswered SYN is sent again until the connect timer rings.
    if (this.#state === "SYN_SENT") return;
    this.#free(orderly ? "closed" : timedOut ? "timeout" : "reset");
  }

  #noteSegment(): void {
    if (!this.#receivingClosed) this.#lastSegmentMs = this.#stack.clock.now();
  }

  /** Is there an owner that still has its callbacks? */
  #reportsTo(owner: PcbOwner | undefined): owner is PcbOwner {
    return owner !== undefined && (owner.halfCloses || !this.#finReported);
  }

  finReceived(): void {
    if (this.freed) return;
    if (this.#owner?.halfCloses && this.#wire.writeFailed) {
      this.#reset("reset"); // Linux has reported the reset to a write, and ends the stream as after a FIN
      return;
    }
    this.#noteSegment();
    this.#advance("finReceived");
    if (this.#receivingClosed) return;
    this.output(); // lwIP sends waiting bytes with every segment that arrives (tcp_input)
    if (this.#owner !== undefined) {
      this.#catchUp();
    } else if (this.#hadOwner) {
      this.close(); // lwIP closes it (tcp_recv_null)
    } else if (this.#refused.length === 0) {
      this.#fastTimer = this.#stack.timers.atFastTimer(() => {
        this.#fastTimer = undefined;
        if (this.#state !== "CLOSE_WAIT") return;
        this.#receivingClosed = true;
        this.#sendFin();
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
    this.#wire.end();
    if (this.#state === "LAST_ACK") this.#freeAfter(this.#stack.kind.lastAckTimeoutMs);
  }

  finAcked(): void {
    this.#advance("finAcked");
    this.#watchFinWait();
  }

  /** A peer that does not close is given up, unless the owner still receives. */
  #watchFinWait(): void {
    if (this.#state === "FIN_WAIT_2" && this.#receivingClosed)
      this.#freeAfter(this.#stack.kind.finWaitTimeoutMs);
  }

  /** Frees the block once its peer has been silent for `ms`. */
  #freeAfter(ms: number): void {
    if (this.freed) return;
    // Linux may have received the peer's last segment long after us.
    const sinceMs = this.#wire.simulated ? this.#lastSegmentMs : this.#stack.clock.now();
    this.#closeTimer ??= this.#stack.timers.atSlowTimer(sinceMs + ms, () => {
      this.#closeTimer = undefined;
      if (this.#wire.simulated && this.#lastSegmentMs > sinceMs) this.#freeAfter(ms);
      else this.forget();
    });
  }

  #free(why: PcbFailure): void {
    if (this.freed) return;
    const connecting = this.#state === "SYN_SENT";
    const timeWait = why === "closed" && closedFirst(this.#state);
    this.#advance("freed");
    this.#connectTimer?.();
    this.#fastTimer?.();
    this.#closeTimer?.();
    if (connecting) this.#wire.destroy();
    this.#sendQueue.clear();
    for (const segment of this.#refused) this.#account.hold(-this.#account.receivedBytes(segment));
    this.#refused = [];
    this.#stack.closed(this, timeWait);
    const owner = this.#owner;
    this.#owner = undefined;
    if (this.#reportsTo(owner)) owner.failed(why);
  }
}
