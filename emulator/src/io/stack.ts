import type { BoardKind } from "../boards/kind.ts";
import type { Cancel, Clock } from "../clock.ts";
import type { Tasks } from "../tasks.ts";
import { Account, BLOCK_BYTES } from "./account.ts";
import { Pcb, type PcbStack } from "./pcb.ts";
import { ReadBuffer } from "./read-buffer.ts";
import { Slab } from "./slab.ts";
import type { TcpState } from "./tcp-state.ts";
import { LwipTimers } from "./timers.ts";
import type { Wire, WireSocket } from "./wire.ts";

/** The port of this computer, or of a simulated host, for a port of the board. */
export type Publish = (port: number) => { port: number; host?: string } | undefined;

/** A listener as the stack sees it. */
export interface StackListener {
  /** A control block is free again; true when it was used. */
  accept(): boolean;
  /** Power off: closes its port, without an event. */
  abort(): void;
}

export interface StackParts {
  readonly kind: BoardKind;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly wire: Wire;
  readonly publish: Publish;
  /** A published port is open at this address of the computer. */
  readonly onListening: (boardPort: number, at: { port: number; host: string }) => void;
  readonly onServerError: (error: Error) => void;
  /** The board ends by itself, for this reason. */
  readonly onFatal: (reason: string) => void;
  /** Free heap of the board. */
  readonly freeHeapBytes: () => number;
}

/**
 * States of which tcp_alloc gives a connection up when no block is left, in this order. (In TIME_WAIT here is only a
 * connection that the computer's network has not reported as closed.)
 */
const GIVEN_UP: readonly TcpState[] = [
  "TIME_WAIT",
  "LAST_ACK",
  "CLOSING",
  "FIN_WAIT_2",
  "FIN_WAIT_1",
];

/**
 * The TCP/IP stack of one board: its control blocks, their limit, and the heap that connections hold.
 *
 * Blocks count until their close is complete, TIME_WAIT included. When none is left, a connection in TIME_WAIT is
 * dropped, else one that closes, by its state; of several the one that received nothing for
 * longest (tcp_alloc in tcp.c). Versions of esp-lwip differ in what they count: 2.1.2 every block,
 * 2.2.0 (which ESP-IDF 6.0 has) all but those of listeners, 2.1.3 none, so that the heap alone limits it.
 * Here every block counts and so does the heap: the narrower limit applies, and a chip may have a few
 * blocks more.
 */
export class Stack implements PcbStack {
  readonly parts: StackParts;
  readonly kind: BoardKind;
  readonly slab = new Slab();
  readonly timers: LwipTimers;
  /** There is an address: without one the constructors throw "no network". */
  online = false;
  /** Times that the SDK's own sockets would have read or written freed memory. */
  freedPointers = 0;
  #account: Account;
  #pcbs = new Set<Pcb>();
  /** When each connection in TIME_WAIT is forgotten, the first one first. */
  #timeWait: number[] = [];
  #timeWaitTimer: Cancel | undefined;
  /** Blocks of handshakes in progress. */
  #halfOpen = 0;
  /** Blocks that are in use until the next reset. */
  #leaked = 0;
  #listeners = new Set<StackListener>();

  constructor(parts: StackParts) {
    this.parts = parts;
    this.kind = parts.kind;
    this.timers = new LwipTimers(parts.clock, parts.kind.timerMs);
    this.#account = this.#newAccount();
  }

  get clock(): Clock {
    return this.parts.clock;
  }

  /** The account of the current program. */
  get account(): Account {
    return this.#account;
  }

  /** TCP objects that the program made and did not close: those left at the end have leaked. */
  get objects(): number {
    return this.#account.objects;
  }

  /** Control blocks of connections, those in TIME_WAIT and of handshakes included. */
  get connections(): number {
    return this.#pcbs.size + this.#halfOpen + this.#timeWait.length + this.#leaked;
  }

  /** All control blocks in use: a listener takes one, too. */
  get controlBlocks(): number {
    return this.connections + this.#listeners.size;
  }

  /** Connections in TIME_WAIT, which make room for others. */
  get remembered(): number {
    return this.#timeWait.length;
  }

  /** Heap that all of this takes. */
  get heldBytes(): number {
    return this.connections * BLOCK_BYTES + this.#account.heldBytes;
  }

  /** Takes heap; a negative number gives it back. */
  hold(bytes: number): void {
    this.#account.hold(bytes);
  }

  /** Takes all the heap that is left, until the returned function is called. */
  exhaustHeap(): () => void {
    let bytes = this.parts.freeHeapBytes();
    const account = this.#account;
    account.hold(bytes);
    return () => {
      account.hold(-bytes);
      bytes = 0;
    };
  }

  /** A block that connects over the wire to `address`. Call `available` before. */
  connect(address: string, port: number): Pcb {
    const { wire } = this.parts;
    const reads = wire.takesOnread ? new ReadBuffer(this.slab) : undefined;
    const onread = reads?.options;
    const socket = wire.connect({ host: address, port, allowHalfOpen: true, onread });
    return this.#add(new Pcb(this, socket, { address, port, reads }));
  }

  /** A block for a connection that the wire has accepted. Call `available` before. */
  accept(socket: WireSocket): Pcb {
    return this.#add(new Pcb(this, socket));
  }

  #add(pcb: Pcb): Pcb {
    this.#pcbs.add(pcb);
    return pcb;
  }

  /** True: there is a control block. A connection that closes, or is in TIME_WAIT, is given up for it. */
  available(): boolean {
    if (this.#roomForBlock) return true;
    if (this.#timeWait.shift() !== undefined && this.#roomForBlock) return true;
    for (const state of GIVEN_UP) {
      const pcb = this.#longestSilent(state);
      if (pcb === undefined) continue;
      // Off the list first: the block is for the caller, not for a client that waits at a listener.
      this.#pcbs.delete(pcb);
      pcb.forget();
      if (this.#roomForBlock) return true;
    }
    return false;
  }

  get #roomForBlock(): boolean {
    return this.controlBlocks < this.kind.connectionsMax && this.#account.hasHeap(BLOCK_BYTES);
  }

  /** The connection in this state that has been silent longest, in ticks of the slow timer; of several the oldest. */
  #longestSilent(state: TcpState): Pcb | undefined {
    let longest: Pcb | undefined;
    let longestTurn = Number.POSITIVE_INFINITY;
    for (const pcb of this.#pcbs) {
      if (pcb.state !== state) continue;
      const turn = this.timers.slowTurnsAt(pcb.lastSegmentMs);
      if (turn >= longestTurn) continue;
      longest = pcb;
      longestTurn = turn;
    }
    return longest;
  }

  /** A block for a handshake, until the returned function is called. */
  reserve(): (() => void) | undefined {
    if (!this.available()) return undefined;
    this.#halfOpen++;
    return () => {
      this.#halfOpen--;
    };
  }

  /** A block stays in use until the next reset. */
  leakBlock(): void {
    this.#leaked++;
  }

  /** For a block that is freed. `timeWait`: its connection stays in TIME_WAIT. */
  closed(pcb: Pcb, timeWait: boolean): void {
    if (!this.#pcbs.delete(pcb)) return;
    if (timeWait && this.kind.timeWaitMs > 0) {
      const untilMs = this.timers.slowTurnAfter(pcb.lastSegmentMs + this.kind.timeWaitMs);
      const later = this.#timeWait.findIndex(ms => ms > untilMs);
      this.#timeWait.splice(later < 0 ? this.#timeWait.length : later, 0, untilMs);
      this.#watchTimeWait();
    }
    this.#blockFree(); // a block in TIME_WAIT is given to a client that waits
  }

  /** Forgets the connections in TIME_WAIT when their time is over. */
  #watchTimeWait(): void {
    this.#timeWaitTimer?.();
    this.#timeWaitTimer = undefined;
    if (this.#timeWait.length === 0) return;
    this.#timeWaitTimer = this.clock.after(this.#timeWait[0] - this.clock.now(), () => {
      while (this.#timeWait[0] <= this.clock.now()) {
        this.#timeWait.shift();
        this.#blockFree();
      }
      this.#watchTimeWait();
    });
  }

  #blockFree(): void {
    for (const listener of this.#listeners) if (listener.accept()) return;
  }

  addListener(listener: StackListener): void {
    this.#listeners.add(listener);
  }

  removeListener(listener: StackListener): void {
    if (this.#listeners.delete(listener)) this.#blockFree();
  }

  /**
   * The SDK's sockets follow a pointer to freed memory here. What a chip does then cannot be
   * foretold; the emulated one ends, unless its firmware has sockets without this fault.
   */
  freedPointer(what: string): void {
    this.freedPointers++;
    if (!this.kind.socketsMended) this.die(`freed memory: ${what}`);
  }

  /**
   * lwIP frees a block that it gives up before it calls tcp.c, which then clears its callbacks in it
   * (tcpError). The block was freed an instant before, by the same task, so a chip nearly always goes
   * on: it is counted, and no more.
   */
  freedWrite(): void {
    this.freedPointers++;
  }

  /** Ends the board inside a call of the program, whatever that catches. */
  die(reason: string): never {
    this.parts.onFatal(reason);
    throw new Error(`fatal: ${reason}`);
  }

  /** The board has another address: connections from the one before are reset (tcp_netif_ip_addr_changed). */
  readdress(): void {
    for (const pcb of [...this.#pcbs]) pcb.abandon();
  }

  /** Power off: every connection is reset and every port closed, without an event. */
  abort(): void {
    this.#timeWaitTimer?.();
    this.#timeWaitTimer = undefined;
    this.#timeWait = [];
    const listeners = [...this.#listeners];
    this.#listeners.clear(); // no client is accepted into the blocks that this frees
    for (const pcb of this.#pcbs) pcb.abort();
    for (const listener of listeners) listener.abort();
    this.#pcbs.clear();
    this.#leaked = 0;
    this.#account.closed = true;
    this.#account = this.#newAccount();
  }

  #newAccount(): Account {
    return new Account(this.kind, this.parts.freeHeapBytes);
  }
}
