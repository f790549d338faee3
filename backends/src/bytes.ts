import { Readable } from "node:stream";

/** Bytes made at a time. */
const PIECE = Buffer.alloc(16 * 1024, "0123456789abcdef");

/** `count` bytes, made as they are read; byte i is the digit of i modulo 16. */
export function bytes(count: number): Readable {
  let left = count;
  return new Readable({
    read() {
      if (left === 0) {
        this.push(null);
        return;
      }
      const piece = left < PIECE.byteLength ? PIECE.subarray(0, left) : PIECE;
      left -= piece.byteLength;
      this.push(piece);
    },
  });
}
