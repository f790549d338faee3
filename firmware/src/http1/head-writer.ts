import { ascii } from "../text/ascii.ts";
import type { Name } from "./field-names.ts";
import type { Framing } from "./framing.ts";
import type { Head } from "./head.ts";
import type { Field } from "./head-fields.ts";

/** Fields that Connection cannot remove from a request: they identify it, as the log does. */
const KEPT: readonly Name[] = Object.freeze(["host", "x-request-id"]);

// Written to most heads, so converted to bytes once.
export const CONTENT_LENGTH = ascii("Content-Length: ");
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

  value(head: Head, { valueStart, valueEnd }: Field): void {
    this.piece(head.bytes, valueStart, valueEnd);
  }

  /** A value, and the end of its line. */
  line({ bytes }: Head, { valueStart, valueEnd, lineEnd }: Field): void {
    const isTrimmed = valueEnd + LINE_END.byteLength === lineEnd;
    this.piece(bytes, valueStart, isTrimmed ? lineEnd : valueEnd);
    if (!isTrimmed) this.bytes(LINE_END);
  }

  /**
   * The fields of `head`, but for known ones that are not `kept` and for those of the names in `named`, unless
   * they are in `KEPT`. What follows each other is one piece where nothing is named, which is nearly always.
   */
  fields(head: Head, named: readonly string[] | undefined, kept: (field: Field) => boolean): void {
    const { known, bytes } = head;
    const fieldsEnd = head.length - LINE_END.byteLength;
    let start = head.fieldsStart;
    let next = 0;
    if (named === undefined) {
      for (; next < known.length; next++) {
        const field = known[next];
        if (kept(field)) continue;
        if (field.lineStart > start) this.piece(bytes, start, field.lineStart);
        start = field.lineEnd;
      }
      if (fieldsEnd > start) this.piece(bytes, start, fieldsEnd);
      return;
    }
    for (let end = 0; start < fieldsEnd; start = end) {
      end = head.lineEnd(start);
      const field = known[next]?.lineStart === start ? known[next++] : undefined;
      if (field !== undefined && !kept(field)) continue;
      if (
        (field !== undefined && KEPT.includes(field.name)) ||
        !named.includes(head.nameAt(start))
      ) {
        this.piece(bytes, start, end);
      }
    }
  }

  framing(framing: Framing): void {
    if (typeof framing === "number") {
      this.bytes(CONTENT_LENGTH);
      this.text(`${framing}\r\n`);
    } else if (framing === "chunked") {
      this.bytes(CHUNKED);
    }
  }
}
