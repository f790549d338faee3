import type { Endpoint } from "../net/endpoint.ts";
import { ascii } from "../text/ascii.ts";

/** Pieces of a body are collected up to this size, so that each write fills a segment. */
const GATHERED_BYTES = 512;

/** Bytes of a reply on their way at once. */
const WRITE_BYTES_MAX = 512;

const LAST_CHUNK = "0\r\n\r\n";

/** Writes one reply whose body is made while it is sent: only the next piece is held. All text is ASCII. */
export class ReplyWriter {
  /** The bytes that are being sent, and how many of them have been. */
  #text: string;
  #sent = 0;
  /** The pieces after it. */
  #pieces: Iterator<string> | undefined;
  #chunked: boolean;

  /** `text`: the head, and the body where it is whole. `chunked`: the pieces become chunks. */
  constructor(text: string, pieces?: Iterable<string>, chunked = false) {
    this.#text = text;
    this.#pieces = pieces?.[Symbol.iterator]();
    this.#chunked = chunked;
  }

  /** All of it has been written. */
  get isWritten(): boolean {
    return this.#pieces === undefined && this.#sent === this.#text.length;
  }

  /** Writes as much as there is room for; true when that was something. */
  write(to: Endpoint): boolean {
    let moved = false;
    while (this.hasMore() && to.writable > 0 && !to.sendQueueFull) {
      const count = Math.min(to.writable, WRITE_BYTES_MAX);
      const part = this.#text.slice(this.#sent, this.#sent + count);
      to.write(ascii(part));
      this.#sent += part.length;
      moved = true;
    }
    return moved;
  }

  /** There is something to write: the rest of `#text`, or the next pieces. */
  private hasMore(): boolean {
    if (this.#sent < this.#text.length) return true;
    if (this.#pieces === undefined) return false;
    this.#text = this.nextPieces(this.#pieces);
    this.#sent = 0;
    return this.#text !== "";
  }

  /** Joins pieces until they fill a write; after the last one, the end of the body. */
  private nextPieces(pieces: Iterator<string>): string {
    let text = "";
    while (text.length < GATHERED_BYTES) {
      const { value, done } = pieces.next();
      if (done) {
        this.#pieces = undefined;
        break;
      }
      text += value;
    }
    if (!this.#chunked) return text;
    const chunk = text === "" ? "" : `${text.length.toString(16)}\r\n${text}\r\n`;
    return this.#pieces === undefined ? `${chunk}${LAST_CHUNK}` : chunk;
  }
}
