import { ascii } from "../text/ascii.ts";
import { HOST, type Name, OTHER, X_REQUEST_ID } from "./field-names.ts";
import type { Framing } from "./framing.ts";
import type { Head } from "./head.ts";

/** Fields that Connection cannot remove from a request: they identify it, as the log does. */
const KEPT: readonly Name[] = Object.freeze([HOST, X_REQUEST_ID]);

// Written to most heads, so converted to bytes once.
export const LENGTH_IS = ascii("Content-Length: ");
const CHUNKED = ascii("Transfer-Encoding: chunked\r\n");
export const LINE_END = ascii("\r\n");

/** Writes text, bytes and parts of another head to a buffer, one after the other. */
export class HeadWriter {
  length = 0;
  private buffer: Uint8Array;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
  }

  text(text: string): void {
    const { buffer, length } = this;
    const count = text.length;
    for (let i = 0; i < count; i++) buffer[length + i] = text.charCodeAt(i);
    this.length = length + count;
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.length);
    this.length += bytes.byteLength;
  }

  piece(bytes: Uint8Array, start: number, end: number): void {
    this.bytes(bytes.subarray(start, end));
  }

  value(head: Head, field: number): void {
    this.piece(head.bytes, head.valueStart(field), head.valueEnd(field));
  }

  /** A value, and the end of its line. */
  line(head: Head, field: number): void {
    const { bytes } = head;
    const valueStart = head.valueStart(field);
    const valueEnd = head.valueEnd(field);
    const lineEnd = head.lineEnd(field);
    const isTrimmed = valueEnd + LINE_END.byteLength === lineEnd;
    this.piece(bytes, valueStart, isTrimmed ? lineEnd : valueEnd);
    if (!isTrimmed) this.bytes(LINE_END);
  }

  /**
   * The fields of `head`, but for known ones that are not `kept` and for those of the names in `named`, unless
   * they are in `KEPT`. What follows each other is one piece where nothing is named, which is nearly always.
   */
  fields(head: Head, named: readonly string[] | undefined, kept: (field: number) => boolean): void {
    const { bytes, count } = head;
    const fieldsEnd = head.length - LINE_END.byteLength;
    let start = head.fieldsStart;
    let next = 0;
    if (named === undefined) {
      for (; next < count; next++) {
        if (kept(next)) continue;
        const lineStart = head.lineStart(next);
        if (lineStart > start) this.piece(bytes, start, lineStart);
        start = head.lineEnd(next);
      }
      if (fieldsEnd > start) this.piece(bytes, start, fieldsEnd);
      return;
    }
    for (let end = 0; start < fieldsEnd; start = end) {
      end = head.nextLine(start);
      let name: Name = OTHER;
      if (next < count && head.lineStart(next) === start) {
        const field = next++;
        if (!kept(field)) continue;
        name = head.nameOf(field);
      }
      if (KEPT.includes(name) || !named.includes(head.nameAt(start))) this.piece(bytes, start, end);
    }
  }

  framing(framing: Framing): void {
    if (typeof framing === "number") {
      this.bytes(LENGTH_IS);
      this.text(`${framing}\r\n`);
    } else if (framing === "chunked") {
      this.bytes(CHUNKED);
    }
  }
}
