import type { BoardKind } from "../boards/kind.ts";
import type { Cancel, Clock } from "../clock.ts";
import type { Account } from "./account.ts";
import { PcbWire } from "./pcb-wire.ts";
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

/** The parts of its stack that a control block uses. */
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
 * - After a FIN was reported, its owner gets no event: not even that the block is freed.
 */
export class Pcb {
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
  /** Segments that arrived without an owner. */
  #refused: Buffer[] = [];
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
    this.#state = peer === undefined ? "ESTABLISHED" : "SYN_SENT";
    this.#bornMs = stack.clock.now();
    this.#lastSegmentMs = this.#bornMs;
    this.#sendQueue = new SendQueue(stack.kind, stack.account, stack.slab);
    this.#wire = new PcbWire(socket, stack.kind.receiveWindowBytes, {
      connected: () => this.#onConnected(),
      refused: () => {
        if (this.#state === "SYN_SENT") this.#free(false);
      },
      received: segment => this.#onData(segment),
      finReceived: () => this.#onFin(),
      acked: bytes => this.#onAcked(bytes),
      finAcked: () => this.#onFinAcked(),
      ended: (orderly, timedOut) => {
        // An unanswered SYN is sent again until the connect timer rings.
        if (this.#state !== "SYN_SENT") this.#free(orderly, timedOut);
      },
      admits: segment => this.#admits(segment),
    });
    this.remoteAddress = peer?.address ?? this.#wire.remoteAddress;
    this.remotePort = peer?.port ?? this.#wire.remotePort;
    if (peer === undefined) return;
    this.#connectTimer = stack.clock.after(stack.kind.connectTimeoutMs, () =>
      this.#free(false, true),
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

  /** False: lwIP refuses, out of memory or of places in its queue, or because it has closed already. */
  write(bytes: Uint8Array): boolean {
    if (bytes.byteLength === 0) return true;
    return !this.#finSent && this.#sendQueue.add(bytes, this.#wire.unsentBytes);
  }

  /** Gives the written bytes to the wire (tcp_output). */
  output(): void {
    if (this.freed) return;
    const pieces = this.#sendQueue.take();
    if (pieces.length > 0) this.#wire.write(pieces);
  }

  /** `bytes` were read: the window opens again (tcp_recved). */
  recved(bytes: number): void {
    this.#wire.recved(bytes);
  }

  set nagle(nagle: boolean) {
    this.#wire.nagle = nagle;
  }

  /**
   * Closes as lwIP does: written bytes still leave, then FIN; but over unread bytes, and when
   * more of them arrive later, a reset, and bytes that have not left are lost (tcp_close_shutdown).
   */
  close(): void {
    this.#owner = undefined;
    if (this.freed || this.#finSent) return; // lwIP has done it
    if (this.#state === "SYN_SENT") this.#free(false);
    else if (this.#wire.unreadBytes > 0) this.abort();
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
    this.#wire.forget();
    this.#free(false);
  }

  #reset(givenUp: boolean): void {
    if (this.freed) return;
    this.#wire.abort();
    this.#free(false, givenUp);
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

  #onConnected(): void {
    this.#connectTimer?.();
    this.#advance("synAcked");
    this.#noteSegment();
    this.#owner?.connected();
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
    this.#sendQueue.acked(bytes);
    if (!this.#finReported) this.#owner?.sent(); // the port clears its callbacks at FIN
  }

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
    this.#wire.end();
    if (this.#state === "LAST_ACK") this.#freeAfter(this.#stack.kind.lastAckTimeoutMs);
  }

  #onFinAcked(): void {
    this.#advance("finAcked");
    if (this.#state === "FIN_WAIT_2") this.#freeAfter(this.#stack.kind.finWaitTimeoutMs);
  }

  /** Frees the block once its peer has been silent for `ms`. */
  #freeAfter(ms: number): void {
    if (this.freed) return;
    // Linux may have received the peer's last segment long after us.
    const sinceMs = this.#wire.simulated ? this.#lastSegmentMs : this.#stack.clock.now();
    this.#closeTimer ??= this.#stack.timers.atSlowTimer(sinceMs + ms, () => this.forget());
  }

  /** `orderly`: both ends have closed. `givenUp`: by lwIP, because the peer did not answer. */
  #free(orderly: boolean, givenUp = false): void {
    if (this.freed) return;
    const connecting = this.#state === "SYN_SENT";
    const timeWait = orderly && closedFirst(this.#state);
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
    if (this.#finReported || owner === undefined) return;
    if (givenUp) this.#stack.freedWrite();
    owner.failed();
  }
}
