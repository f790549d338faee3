import type { BoardKind } from "../boards/kind.ts";
import type { Cancel, Clock } from "../clock.ts";
import type { Tasks } from "../tasks.ts";
import type { ClosingState, Pcb } from "./pcb.ts";
import { Slab } from "./slab.ts";
import type { Wire } from "./wire.ts";

/** The port of this computer, or of a simulated host, that stands for a port of the board. */
export type Publish = (port: number) => { port: number; host?: string } | undefined;

/** What the stack knows of a listener. */
export interface StackListener {
  /** A control block is free again; true when it was used. */
  accept(): boolean;
  /** Power off: its port is closed, nobody is told. */
  abort(): void;
}

/** Heap of one control block (struct tcp_pcb with IPv6); about. */
export const BLOCK_BYTES = 200;

/** Heap of a received segment beside its bytes: frame header, pbuf, tcp.c's record; about. */
export const RECEIVED_OVERHEAD_BYTES = 100;

export interface StackParts {
  readonly kind: BoardKind;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly wire: Wire;
  readonly publish: Publish;
  /** Where a port that was published is found. */
  readonly onListening: (boardPort: number, at: { port: number; host: string }) => void;
  readonly onServerError: (error: Error) => void;
  /** The board ends by itself, and says why. */
  readonly onFatal: (reason: string) => void;
  /** Heap that nobody has. */
  readonly freeHeapBytes: () => number;
}

/** States of which tcp_alloc gives a connection up when no block is left, in this order. */
const GIVEN_UP: readonly ClosingState[] = ["LAST_ACK", "CLOSING", "FIN_WAIT_2", "FIN_WAIT_1"];

/**
 * The TCP/IP stack of one board: its control blocks, their limit, and the heap that connections hold.
 *
 * Blocks count until their close is complete, TIME_WAIT included. When none is left, one that only is
 * in TIME_WAIT goes, else one that closes, by its state; of several the one that heard nothing for
 * longest (tcp_alloc in tcp.c). Versions of esp-lwip differ in what they count: 2.1.2 every block,
 * 2.2.0 (which ESP-IDF 6.0 has) all but those of listeners, 2.1.3 none, so that the heap alone limits it.
 * Here every block counts and so does the heap: the narrower limit is felt, and a chip may have a few
 * blocks more.
 */
export class Stack {
  readonly parts: StackParts;
  readonly kind: BoardKind;
  readonly slab = new Slab();
  /** There is an address: without one the constructors throw "no network". */
  online = false;
  /** TCP objects that the program made and did not close: what is left at the end has leaked. */
  objects = 0;
  /** Times that the SDK's own sockets would have read or written freed memory. */
  freedPointers = 0;
  /** Counts power offs: what was made before the last one is in no account any more. */
  life = 0;
  /** Heap that connections hold beside their control blocks. */
  #waitingBytes = 0;
  #pcbs = new Set<Pcb>();
  /** When each connection in TIME_WAIT is forgotten, the first one first. */
  #timeWait: number[] = [];
  #forgetting: Cancel | undefined;
  /** Blocks of handshakes under way. */
  #halfOpen = 0;
  /** Blocks that nobody can ever give back. */
  #lost = 0;
  #listeners = new Set<StackListener>();

  constructor(parts: StackParts) {
    this.parts = parts;
    this.kind = parts.kind;
  }

  get clock(): Clock {
    return this.parts.clock;
  }

  /** Control blocks of connections, those that still close or are remembered included. */
  get connections(): number {
    return this.#pcbs.size + this.#halfOpen + this.#timeWait.length + this.#lost;
  }

  /** All control blocks in use: a listener takes one, too. */
  get controlBlocks(): number {
    return this.connections + this.#listeners.size;
  }

  /** Those of them that are over, and only remembered: in TIME_WAIT. They make room for others. */
  get remembered(): number {
    return this.#timeWait.length;
  }

  /** Heap that all of this takes. */
  get heldBytes(): number {
    return this.connections * BLOCK_BYTES + this.#waitingBytes;
  }

  /** Takes heap for what waits in a connection, or gives it back. */
  hold(bytes: number): void {
    this.#waitingBytes += bytes;
  }

  /**
   * Heap of a received segment. The computer's network brings more at once than a window lets in: on
   * the chip, what is beyond that would still be at the peer.
   */
  receivedBytes(segment: Uint8Array): number {
    return Math.min(segment.byteLength, this.kind.receiveWindowBytes) + RECEIVED_OVERHEAD_BYTES;
  }

  /** Something else on the board takes all the heap that is left, until the returned function is called. */
  exhaustHeap(): () => void {
    let bytes = this.parts.freeHeapBytes();
    const { life } = this;
    this.hold(bytes);
    return () => {
      if (life === this.life) this.hold(-bytes);
      bytes = 0;
    };
  }

  /** Is there so much heap left? */
  hasHeap(bytes: number): boolean {
    return bytes <= this.parts.freeHeapBytes();
  }

  /** Is there a control block? Gives up a connection that is over when that makes one. */
  available(): boolean {
    if (this.#roomForBlock) return true;
    if (this.#timeWait.shift() !== undefined && this.#roomForBlock) return true;
    for (const state of GIVEN_UP) {
      const pcb = this.#longestSilent(state);
      if (pcb === undefined) continue;
      // First off the list: the block is for whoever asks here, not for a newcomer at a listener.
      this.#pcbs.delete(pcb);
      pcb.forget();
      if (this.#roomForBlock) return true;
    }
    return false;
  }

  get #roomForBlock(): boolean {
    return this.controlBlocks < this.kind.connectionsMax && this.hasHeap(BLOCK_BYTES);
  }

  /** Of the connections in this state the one that heard nothing for most turns, the first one opened. */
  #longestSilent(state: ClosingState): Pcb | undefined {
    let longest: Pcb | undefined;
    for (const pcb of this.#pcbs) {
      if (pcb.closingState !== state) continue;
      if (longest === undefined || this.#turnOf(pcb.heardMs) < this.#turnOf(longest.heardMs)) {
        longest = pcb;
      }
    }
    return longest;
  }

  /** A block for a handshake, as long as that lasts. */
  reserve(): (() => void) | undefined {
    if (!this.available()) return undefined;
    this.#halfOpen++;
    return () => {
      this.#halfOpen--;
    };
  }

  /** A block is in use until the power goes. */
  lose(): void {
    this.#lost++;
  }

  opened(pcb: Pcb): void {
    this.#pcbs.add(pcb);
  }

  /** A connection is over; `remembered`: it stays in TIME_WAIT. */
  closed(pcb: Pcb, remembered: boolean): void {
    if (!this.#pcbs.delete(pcb)) return;
    if (remembered && this.kind.timeWaitMs > 0) {
      const untilMs = this.#turnAfter(pcb.heardMs + this.kind.timeWaitMs);
      const later = this.#timeWait.findIndex(ms => ms > untilMs);
      this.#timeWait.splice(later < 0 ? this.#timeWait.length : later, 0, untilMs);
      this.#forget();
    } else {
      this.#blockFree();
    }
  }

  /** Forgets the connections in TIME_WAIT when their time has come. */
  #forget(): void {
    this.#forgetting?.();
    this.#forgetting = undefined;
    if (this.#timeWait.length === 0) return;
    this.#forgetting = this.clock.after(this.#timeWait[0] - this.clock.now(), () => {
      while (this.#timeWait[0] <= this.clock.now()) {
        this.#timeWait.shift();
        this.#blockFree();
      }
      this.#forget();
    });
  }

  #blockFree(): void {
    for (const listener of this.#listeners) if (listener.accept()) return;
  }

  /** The fast timer of lwIP runs while there are connections; `task` runs when it rings next. */
  atFastTimer(task: () => void): Cancel {
    const { timerMs } = this.kind;
    return this.clock.after(timerMs - (this.clock.now() % timerMs), task);
  }

  /** `task` runs at the first turn of lwIP's slow timer after `ms`, which may be over. */
  atSlowTimer(ms: number, task: () => void): Cancel {
    return this.clock.after(this.#turnAfter(ms) - this.clock.now(), task);
  }

  /** Turns of the slow timer until `ms`: it takes two of the fast one. */
  #turnOf(ms: number): number {
    return Math.floor(ms / (2 * this.kind.timerMs));
  }

  /** When the slow timer has turned since `ms`, and not before the next time that it does. */
  #turnAfter(ms: number): number {
    return (this.#turnOf(Math.max(ms, this.clock.now())) + 1) * 2 * this.kind.timerMs;
  }

  listening(listener: StackListener): void {
    this.#listeners.add(listener);
  }

  unlistening(listener: StackListener): void {
    if (this.#listeners.delete(listener)) this.#blockFree();
  }

  /**
   * The SDK's sockets follow a pointer to freed memory here. What a chip does then is anybody's
   * guess; the emulated one ends, unless its firmware has mended them.
   */
  freedPointer(what: string): void {
    this.freedPointers++;
    if (!this.kind.socketsMended) this.die(`freed memory: ${what}`);
  }

  /**
   * lwIP frees a block that it gives up before it tells tcp.c, which then clears its callbacks in it
   * (tcpError). The block was freed an instant before, by the same task, so a chip nearly always goes
   * on: it is counted, and no more.
   */
  freedWrite(): void {
    this.freedPointers++;
  }

  /** The board falls over inside a call of the program, whatever that catches. */
  die(reason: string): never {
    this.parts.onFatal(reason);
    throw new Error(`fatal: ${reason}`);
  }

  /** The board has another address: what was connected from the one before is reset (tcp_netif_ip_addr_changed). */
  readdress(): void {
    for (const pcb of [...this.#pcbs]) pcb.abandon();
  }

  /** Power off: every connection is reset, no port listens, nobody is told. */
  abort(): void {
    this.#forgetting?.();
    this.#forgetting = undefined;
    this.#timeWait = [];
    const listeners = [...this.#listeners];
    this.#listeners.clear(); // nobody accepts what comes free now
    for (const pcb of this.#pcbs) pcb.abort();
    for (const listener of listeners) listener.abort();
    this.#pcbs.clear();
    this.#lost = 0;
    this.#waitingBytes = 0;
    this.objects = 0;
    this.life++;
  }
}
