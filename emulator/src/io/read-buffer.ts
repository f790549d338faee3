import type { Slab } from "./slab.ts";
import type { WireReads } from "./wire.ts";

/** Bytes for which Linux is asked at once, where the peer sends much; Node asks for as many. */
const LARGE_BYTES = 64 * 1024;

/** The same, until a read has filled it: most answers are short. */
const SMALL_BYTES = 4 * 1024;

/** The object that gets what was read. */
export interface Reader {
  /** True: it needs the segment no longer, and its memory may be used again. */
  read(segment: Buffer): boolean;
}

/**
 * The buffer of a connection of the computer into which Node reads. Without one Node takes 64 KiB for each read: at the rate of
 * large bodies the engine then does little but collect that, about a third of the processor time that they take. Node has this for
 * connections that it makes, not for those that it accepts.
 */
export class ReadBuffer {
  readonly options: WireReads;
  /** Set before the first read. */
  reader: Reader | undefined;
  #slab: Slab;
  #buffer: Buffer;

  constructor(slab: Slab) {
    this.#slab = slab;
    this.#buffer = slab.take(SMALL_BYTES);
    this.options = { buffer: this.#next.bind(this), callback: this.#read.bind(this) };
  }

  #next(): Uint8Array {
    return this.#buffer;
  }

  #read(count: number): boolean {
    const buffer = this.#buffer;
    const segment = buffer.subarray(0, count);
    if (buffer.byteLength === SMALL_BYTES) {
      this.reader!.read(this.#slab.copy(segment));
      if (count === SMALL_BYTES) this.#buffer = Buffer.allocUnsafeSlow(LARGE_BYTES);
    } else if (!this.reader!.read(segment)) {
      this.#buffer = Buffer.allocUnsafeSlow(LARGE_BYTES);
    }
    return true; // where reading is paused, `pause` was called
  }
}
