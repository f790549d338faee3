/** Bytes of one slab. Writes are a kilobyte at most, so hardly anything is left over at its end. */
const SLAB_BYTES = 256 * 1024;

/**
 * Memory for the buffers of a board, those to be sent above all. A slab is filled front to back and left to the garbage
 * collector, so that pieces written one after the other lie one after the other and leave as one.
 */
export class Slab {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;

  copy(bytes: Uint8Array): Buffer {
    const copy = this.take(bytes.byteLength);
    copy.set(bytes);
    return copy;
  }

  /** Memory for `count` bytes. */
  take(count: number): Buffer {
    if (this.#used + count > this.#slab.byteLength) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, count));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += count;
    return this.#slab.subarray(start, this.#used);
  }
}
