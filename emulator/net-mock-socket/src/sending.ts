interface Segment {
  readonly position: number;
  readonly end: number;
  /** `undefined`: this is the FIN. */
  readonly bytes: Buffer | undefined;
  readonly sentMs: number;
  /** Sent more than once: its acknowledgement is no measure of the round trip (Karn's rule). */
  again: boolean;
}

/** Sends the bytes at `position`, or, without bytes, the FIN. `again`: for a retransmission. */
type Transmit = (position: number, bytes: Buffer | undefined, again: boolean) => void;

interface Write {
  /** Position behind its last byte. */
  readonly end: number;
  readonly taken: () => void;
}

/** Duplicate acknowledgements after which the next segment counts as lost (RFC 5681, 3.2). */
const DUP_ACK_THRESHOLD = 3;

/**
 * The sending half of a connection, as TCP does it: cut into segments, never further than the
 * receiver's window, kept until acknowledged, and sent again when they were lost.
 *
 * Positions count bytes from the beginning: acked <= sent <= min(written, edge). The FIN is one
 * position behind the last byte, and needs no room in the window.
 *
 * Not modelled: Nagle's delay, congestion control.
 */
export class Sending {
  #now: () => number;
  #mss: number;
  #sendBuffer: number;
  #transmit: Transmit;
  /** Written and not yet sent; the first may be sent in part. */
  #pending: Buffer[] = [];
  /** Sent and not yet acknowledged. */
  #inFlight: Segment[] = [];
  /** Writes whose callback has not been called. */
  #writes: Write[] = [];
  #written = 0;
  #sent = 0;
  #acked = 0;
  #edge: number;
  #duplicates = 0;
  /** Up to here, segments sent before a loss was noticed may be missing: they are sent again one by one. */
  #recoverTo = 0;
  #finWanted = false;
  #finSent = false;

  constructor(parts: {
    now: () => number;
    mss: number;
    sendBuffer: number;
    /** The receiver's window. */
    window: number;
    transmit: Transmit;
  }) {
    this.#now = parts.now;
    this.#mss = parts.mss;
    this.#sendBuffer = parts.sendBuffer;
    this.#edge = parts.window;
    this.#transmit = parts.transmit;
  }

  get unacked(): number {
    return Math.max(0, this.#written - this.#acked);
  }

  /** Written and not yet sent. */
  get unsent(): number {
    return Math.max(0, this.#written - this.#sent);
  }

  /** A segment was sent and is not acknowledged. */
  get outstanding(): boolean {
    return this.#inFlight.length > 0;
  }

  /** Bytes wait for a window that is closed, and no segment is in flight whose acknowledgement could open it. */
  get stalled(): boolean {
    return this.#inFlight.length === 0 && this.#pending.length > 0;
  }

  /** The receiver has everything before this position. */
  get acked(): number {
    return this.#acked;
  }

  get finAcked(): boolean {
    return this.#finSent && this.#acked > this.#written;
  }

  /** Queues bytes; `taken` is called when they fit into the send buffer. */
  write(bytes: Buffer, taken: () => void): void {
    this.#written += bytes.byteLength;
    if (bytes.byteLength > 0) this.#pending.push(bytes);
    this.#writes.push({ end: this.#written, taken });
    this.#push();
    this.#take();
  }

  /** No byte follows: FIN behind the last one. */
  end(): void {
    this.#finWanted = true;
    this.#push();
  }

  /**
   * All before `position` was acknowledged, and there is room up to `edge`. Returns the number of newly
   * acknowledged bytes and, if it could be measured, their round-trip time.
   */
  acknowledged(
    position: number,
    edge: number,
  ): { progress: boolean; bytes: number; roundTripMs?: number } {
    const before = Math.min(this.#acked, this.#written);
    let roundTripMs: number | undefined;
    const progress = position > this.#acked;
    if (progress) {
      let repeated = false;
      while (this.#inFlight.length > 0 && this.#inFlight[0].end <= position) {
        const { again, sentMs } = this.#inFlight.shift()!;
        repeated ||= again;
        roundTripMs = this.#now() - sentMs;
      }
      // Segments behind a hole were acknowledged late: that is no round trip.
      if (repeated) roundTripMs = undefined;
      this.#acked = position;
      this.#duplicates = 0;
      if (position < this.#recoverTo) this.#again();
    } else if (edge <= this.#edge && position === this.#acked && this.outstanding) {
      if (++this.#duplicates === DUP_ACK_THRESHOLD) this.retransmit();
    }
    this.#edge = Math.max(this.#edge, edge);
    this.#take();
    this.#push();
    return { progress, bytes: Math.min(this.#acked, this.#written) - before, roundTripMs };
  }

  /** Sends the first unacknowledged segment again; the others follow as holes become known. */
  retransmit(): void {
    this.#recoverTo = this.#sent;
    this.#again();
  }

  #again(): void {
    const first = this.#inFlight[0];
    if (first === undefined) return;
    first.again = true;
    this.#transmit(first.position, first.bytes, true);
  }

  #push(): void {
    while (this.#pending.length > 0 && this.#sent < this.#edge) {
      const bytes = this.#pending[0];
      const count = Math.min(bytes.byteLength, this.#mss, this.#edge - this.#sent);
      const segment = count === bytes.byteLength ? bytes : bytes.subarray(0, count);
      if (count === bytes.byteLength) this.#pending.shift();
      else this.#pending[0] = bytes.subarray(count);
      this.#send(segment, count);
    }
    if (this.#finWanted && !this.#finSent && this.#pending.length === 0) {
      this.#finSent = true;
      this.#send(undefined, 1);
    }
  }

  #send(bytes: Buffer | undefined, length: number): void {
    const position = this.#sent;
    this.#sent += length;
    this.#inFlight.push({ position, end: this.#sent, bytes, sentMs: this.#now(), again: false });
    this.#transmit(position, bytes, false);
  }

  #take(): void {
    while (this.#writes.length > 0 && this.#writes[0].end - this.#acked <= this.#sendBuffer) {
      this.#writes.shift()!.taken();
    }
  }
}
