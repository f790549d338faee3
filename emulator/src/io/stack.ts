import type { BoardKind } from "../boards/kind.ts";
import type { Clock } from "../clock.ts";
import type { Tasks } from "../tasks.ts";
import type { Pcb } from "./pcb.ts";
import { Slab } from "./slab.ts";
import type { Wire } from "./wire.ts";

/** The port of this computer, or of a simulated host, that stands for a port of the board. */
export type Publish = (port: number) => { port: number; host?: string } | undefined;

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
  #closing = new Set<Pcb>();
  #onFree: (() => boolean)[] = [];

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

  /** Is there a free control block? Gives up the oldest closing connection when that makes one. */
  available(): boolean {
    if (this.#pcbs.size < this.kind.connectionsMax) return true;
    const [oldest] = this.#closing;
    if (oldest === undefined) return false;
    oldest.abort();
    this.closed(oldest);
    return true;
  }

  opened(pcb: Pcb): void {
    this.#pcbs.add(pcb);
  }

  closing(pcb: Pcb): void {
    this.#closing.add(pcb);
  }

  closed(pcb: Pcb): void {
    this.#closing.delete(pcb);
    if (!this.#pcbs.delete(pcb)) return;
    for (const accept of this.#onFree) if (accept()) return;
  }

  /** `accept` is asked whenever a control block is free again; true when it has used it. */
  onFree(accept: () => boolean): void {
    this.#onFree.push(accept);
  }

  /** Power off: every connection is reset. */
  abort(): void {
    this.#onFree = [];
    for (const pcb of this.#pcbs) pcb.abort();
  }
}
