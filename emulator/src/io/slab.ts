/** Bytes of one slab. Writes are a kilobyte at most, so hardly anything is left over at its end. */
const SLAB_BYTES = 256 * 1024;

/**
 * Copies for the send buffers of a board. A slab is filled front to back and left to the garbage
 * collector, so that pieces written one after the other lie one after the other and leave as one.
 */
export class Slab {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;

  copy(bytes: Uint8Array): Buffer {
    const count = bytes.byteLength;
    if (this.#used + count > this.#slab.byteLength) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, count));
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + count);
    copy.set(bytes);
    this.#used += count;
    return copy;
  }
}
