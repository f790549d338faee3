import type { BoardKind } from "../boards/kind.ts";
import type { Cancel, Clock } from "../clock.ts";
import type { Tasks } from "../tasks.ts";
import type { Pcb } from "./pcb.ts";
import { Slab } from "./slab.ts";
import type { Wire } from "./wire.ts";

/** The port of this computer, or of a simulated host, that stands for a port of the board. */
export type Publish = (port: number) => { port: number; host?: string } | undefined;

/** What the stack knows of a listener. */
export interface StackListener {
  /** A control block is free again; true when it was used. */
  accept(): boolean;
  close(): void;
}

/**
 * The TCP/IP stack of one board: its control blocks and their limit. lwIP counts every block against
 * the limit until its close is complete; when none is left it gives up the oldest closing one.
 */
export class Stack {
  readonly kind: BoardKind;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly wire: Wire;
  readonly publish: Publish;
  readonly onServerError: (error: Error) => void;
  readonly slab = new Slab();
  /** There is an address: without one the constructors throw "no network". */
  online = false;
  /** TCP objects that the program made and did not close: what is left at the end has leaked. */
  objects = 0;
  #pcbs = new Set<Pcb>();
  /** Closing connections and when their time is up, the first to close first. */
  #closing = new Map<Pcb, number>();
  #watching: Cancel | undefined;
  #listeners = new Set<StackListener>();

  constructor(parts: {
    kind: BoardKind;
    clock: Clock;
    tasks: Tasks;
    wire: Wire;
    publish: Publish;
    onServerError: (error: Error) => void;
  }) {
    this.kind = parts.kind;
    this.clock = parts.clock;
    this.tasks = parts.tasks;
    this.wire = parts.wire;
    this.publish = parts.publish;
    this.onServerError = parts.onServerError;
  }

  /** Control blocks in use, those still closing included. */
  get connections(): number {
    return this.#pcbs.size;
  }

  /** Bytes that wait in all connections. */
  get heldBytes(): number {
    let bytes = 0;
    for (const pcb of this.#pcbs) bytes += pcb.heldBytes;
    return bytes;
  }

  /** Is there a free control block? Gives up the oldest closing connection when that makes one. */
  available(): boolean {
    if (this.#pcbs.size < this.kind.connectionsMax) return true;
    const [oldest] = this.#closing.keys();
    if (oldest === undefined) return false;
    oldest.abort();
    // Not by `closed`: the block is for whoever asks here, not for a newcomer at a listener.
    this.#closing.delete(oldest);
    this.#pcbs.delete(oldest);
    return true;
  }

  opened(pcb: Pcb): void {
    this.#pcbs.add(pcb);
  }

  /** We have sent FIN: the peer has a while to answer it. */
  closing(pcb: Pcb): void {
    this.#closing.set(pcb, this.clock.now() + this.kind.finWaitTimeoutMs);
    this.#watch(this.kind.finWaitTimeoutMs);
  }

  closed(pcb: Pcb): void {
    this.#closing.delete(pcb);
    if (!this.#pcbs.delete(pcb)) return;
    for (const listener of this.#listeners) if (listener.accept()) return;
  }

  /** One alarm for all that close: their time is up in the order in which they began. */
  #watch(ms: number): void {
    this.#watching ??= this.clock.after(ms, () => {
      this.#watching = undefined;
      const now = this.clock.now();
      for (const [pcb, at] of this.#closing) {
        if (at > now) {
          this.#watch(at - now);
          return;
        }
        pcb.abort();
      }
    });
  }

  listening(listener: StackListener): void {
    this.#listeners.add(listener);
  }

  unlistening(listener: StackListener): void {
    this.#listeners.delete(listener);
  }

  /** Power off: every connection is reset, no port listens, nobody is told. */
  abort(): void {
    this.#watching?.();
    this.#watching = undefined;
    for (const pcb of this.#pcbs) pcb.abort();
    for (const listener of this.#listeners) listener.close();
    this.objects = 0;
  }
}
