/** The program's side of a connection. */
export interface Reader {
  received(bytes: Buffer): void;
  /** The sender's FIN, after all its bytes. */
  finished(): void;
  /** Bytes that were received and not consumed. */
  unread(): number;
}

/**
 * The receiving half of a connection: puts segments in order, drops duplicates, and
 * announces its window: received - unread + window.
 */
export class Receiving {
  #window: number;
  /** Bytes by which the window must open before that is announced (silly window avoidance). */
  #openingMin: number;
  #reader: Reader;
  #acknowledge: () => void;
  #received = 0;
  /** The edge that was last announced. */
  #announced: number;
  #delivering = false;
  /** Segments that arrived before their turn. The window bounds them. */
  #early = new Map<number, Buffer | undefined>();
  finReceived = false;

  constructor(parts: { window: number; mss: number; reader: Reader; acknowledge: () => void }) {
    this.#window = parts.window;
    this.#openingMin = Math.min(parts.mss, parts.window >> 1);
    this.#reader = parts.reader;
    this.#acknowledge = parts.acknowledge;
    this.#announced = parts.window;
  }

  get received(): number {
    return this.#received;
  }

  /** True: a segment at this position is no duplicate. */
  isNew(position: number): boolean {
    return position >= this.#received && !this.finReceived;
  }

  /** The edge to announce now. */
  announce(): number {
    const unread = this.finReceived ? 0 : this.#reader.unread();
    this.#announced = Math.max(this.#announced, this.#received - unread + this.#window);
    return this.#announced;
  }

  /** A segment has arrived, or the FIN, which has no bytes. Each is acknowledged. */
  arrived(position: number, bytes: Buffer | undefined): void {
    if (position > this.#received) this.#early.set(position, bytes);
    if (position === this.#received && !this.finReceived) this.#deliver(bytes);
    this.#acknowledge();
  }

  /** The program has consumed bytes. A small opening of the window is announced later. */
  consumed(): void {
    if (this.#delivering || this.finReceived) return;
    const unread = this.#reader.unread();
    const opening = this.#received - unread + this.#window - this.#announced;
    if (opening >= this.#openingMin || (opening > 0 && unread === 0)) this.#acknowledge();
  }

  #deliver(first: Buffer | undefined): void {
    this.#delivering = true;
    let bytes = first;
    for (;;) {
      if (bytes === undefined) {
        this.#received++;
        this.finReceived = true;
        this.#early.clear();
        this.#reader.finished();
        break;
      }
      this.#received += bytes.byteLength;
      this.#reader.received(bytes);
      if (!this.#early.has(this.#received)) break;
      bytes = this.#early.get(this.#received);
      this.#early.delete(this.#received);
    }
    this.#delivering = false;
  }
}
