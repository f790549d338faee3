import type { ServerResponse } from "node:http";
import { Readable, type Writable } from "node:stream";

/** Most bytes that one answer has: who asks for more by mistake is done some day. */
export const BYTES_MAX = 2 ** 30;

/** Bytes made at a time. */
const PIECE = Buffer.alloc(16 * 1024, "0123456789abcdef");

/** Answers a request with `count` bytes; to HEAD, Node sends none of them. */
export function answerBytes(count: number, response: ServerResponse): void {
  response.setHeader("Content-Type", "application/octet-stream");
  response.setHeader("Content-Length", count);
  pour(count, response);
}

/** Sends `count` bytes as fast as `sink` takes them, then ends it; makes no more when it closes. */
export function pour(count: number, sink: Writable): void {
  bytes(count).pipe(sink);
}

/** `count` bytes, made as they are read; byte i is the digit of i modulo 16. */
function bytes(count: number): Readable {
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
