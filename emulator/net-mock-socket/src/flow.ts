import type { Clock } from "./clock.ts";

/** The receiving end of a flow. */
export interface Sink {
  /** A segment has come. False: nobody reads here any more. */
  arrived(segment: Buffer): boolean;
  /** The sender's FIN has come. */
  finished(): void;
  /** Bytes that arrived and were not consumed. */
  unread(): number;
}

/** The sending end of a flow. */
export interface Source {
  acknowledged(bytes: number): void;
  /** Bytes went to somebody who reads no more. */
  rejected(): void;
}

interface Write {
  bytes: Buffer;
  /** Position in the stream behind its last byte. */
  end: number;
  taken: () => void;
}

/**
 * The bytes of one connection in one direction, as TCP moves them: cut into segments, never further
 * than the window that the receiver has announced, acknowledged after a round trip.
 *
 * Positions count bytes from the beginning of the stream:
 * acked <= sent <= min(written, edge), and consumed + window = edge as the receiver knows it.
 */
export class Flow {
  #clock: Clock;
  #latencyMs: number;
  #mss: number;
  #window: number;
  #sendBuffer: number;
  #source: Source;
  #sink: Sink;
  /** Written and not yet sent; the first may be sent in part. */
  #pending: Buffer[] = [];
  /** Writes whose callback has not been called. */
  #writes: Write[] = [];
  #written = 0;
  #sent = 0;
  #acked = 0;
  /** The sender may send up to here. */
  #edge: number;
  #received = 0;
  /** The edge that the receiver last announced. */
  #announced: number;
  #arriving = false;
  #finWanted = false;
  #finSent = false;
  #dead = false;

  constructor(parts: {
    clock: Clock;
    latencyMs: number;
    mss: number;
    /** The receiver's. */
    window: number;
    /** The sender's. */
    sendBuffer: number;
    source: Source;
    sink: Sink;
  }) {
    this.#clock = parts.clock;
    this.#latencyMs = parts.latencyMs;
    this.#mss = parts.mss;
    this.#window = parts.window;
    this.#sendBuffer = parts.sendBuffer;
    this.#source = parts.source;
    this.#sink = parts.sink;
    this.#edge = this.#announced = parts.window;
  }

  get unacked(): number {
    return this.#written - this.#acked;
  }

  /** Takes bytes; `taken` is called when they fit into the send buffer. */
  write(bytes: Buffer, taken: () => void): void {
    this.#written += bytes.byteLength;
    this.#pending.push(bytes);
    this.#writes.push({ bytes, end: this.#written, taken });
    this.#push();
    this.#take();
  }

  /** No byte follows: FIN behind the last one. */
  end(): void {
    this.#finWanted = true;
    this.#push();
  }

  /** The connection was reset: what is under way is lost. */
  kill(): void {
    this.#dead = true;
    this.#pending = [];
    this.#writes = [];
  }

  /** The receiver has consumed bytes. Small openings wait until they are worth a segment. */
  consumed(): void {
    if (this.#arriving || this.#dead) return;
    const edge = this.#received - this.#sink.unread() + this.#window;
    const worthIt = Math.min(this.#mss, this.#window >> 1);
    if (
      edge - this.#announced >= worthIt ||
      (edge > this.#announced && this.#sink.unread() === 0)
    ) {
      this.#acknowledge();
    }
  }

  #push(): void {
    while (this.#pending.length > 0 && this.#sent < this.#edge && !this.#dead) {
      const bytes = this.#pending[0];
      const count = Math.min(bytes.byteLength, this.#mss, this.#edge - this.#sent);
      const segment = count === bytes.byteLength ? bytes : bytes.subarray(0, count);
      if (count === bytes.byteLength) this.#pending.shift();
      else this.#pending[0] = bytes.subarray(count);
      this.#sent += count;
      this.#clock.after(this.#latencyMs, () => this.#arrive(segment));
    }
    if (this.#finWanted && !this.#finSent && this.#pending.length === 0) {
      this.#finSent = true;
      this.#clock.after(this.#latencyMs, () => {
        if (!this.#dead) this.#sink.finished();
      });
    }
  }

  #arrive(segment: Buffer): void {
    if (this.#dead) return;
    this.#received += segment.byteLength;
    this.#arriving = true;
    const read = this.#sink.arrived(segment);
    this.#arriving = false;
    if (read) this.#acknowledge();
    else this.#clock.after(this.#latencyMs, () => this.#source.rejected());
  }

  #acknowledge(): void {
    const received = this.#received;
    const edge = received - this.#sink.unread() + this.#window;
    this.#announced = edge;
    this.#clock.after(this.#latencyMs, () => {
      if (this.#dead) return;
      const bytes = received - this.#acked;
      this.#acked = received;
      this.#edge = edge;
      this.#take();
      this.#push();
      if (bytes > 0) this.#source.acknowledged(bytes);
    });
  }

  #take(): void {
    while (this.#writes.length > 0 && this.#writes[0].end - this.#acked <= this.#sendBuffer) {
      this.#writes.shift()!.taken();
    }
  }
}
