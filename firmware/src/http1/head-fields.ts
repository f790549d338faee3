import { COLON, LF } from "../net/ascii-codes.ts";
import { textOf } from "../text/ascii.ts";
import type { Name } from "./field-names.ts";
import { decimal, HOST, isBlank, span } from "./grammar.ts";

/** Position of a field in `Head.bytes`; ends are exclusive, the value is without white space around it. */
export interface Field {
  /** One of `NAMES`. Empty if it has `_` for `-`: CGI backends treat both alike, others do not. */
  readonly name: Name;
  /** Where its line begins, and the next one. */
  readonly lineStart: number;
  readonly lineEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** CR and LF. */
export const LINE_END_BYTES = 2;

export const NOTHING = new Uint8Array(0);
const NO_FIELDS: readonly Field[] = Object.freeze([]);
const NO_TOKENS: readonly string[] = Object.freeze([]);

/** The content of a head. Its many fields are positions in its bytes: they take less memory than texts or objects. */
export class HeadFields {
  /** The bytes of the head: the piece itself if the head was received in one piece, else a copy. */
  bytes: Uint8Array = NOTHING;
  /** Bytes received so far. */
  length = 0;
  /** The fields with names of `NAMES`, in their order. */
  known: Field[] = [];
  /** Minor version: HTTP/1.`minor`, 0 or 1. */
  minor = 1;
  /** A response's status. */
  status = 0;
  /** Where the first line begins: empty lines may precede a request. */
  start = 0;
  /** Positions of a request's target in the first line; the method ends one byte before `targetStart`. */
  targetStart = 0;
  targetEnd = 0;
  /** The host of the target, if Host is not exactly the same text; set by `parseRequest`. */
  authority: string | undefined;
  /** Where the second line begins. */
  fieldsStart = 0;

  /** A request's method, once its first line is complete. */
  get method(): string {
    return this.text(this.start, this.targetStart - 1);
  }

  /** The fields of one name. */
  all(name: Name): readonly Field[] {
    const { known } = this;
    let found: Field[] | undefined;
    for (let i = 0; i < known.length; i++) {
      if (known[i].name !== name) continue;
      if (found === undefined) found = [known[i]];
      else found.push(known[i]);
    }
    return found ?? NO_FIELDS;
  }

  /** The only field of a name; `undefined` if there is none or more than one. */
  only(name: Name): Field | undefined {
    const found = this.all(name);
    return found.length === 1 ? found[0] : undefined;
  }

  /** The first field of a name if all of them have the same value; `undefined` if there is none. */
  agreed(name: Name): Field | undefined {
    const fields = this.all(name);
    if (fields.length < 2) return fields[0];
    const value = this.value(fields[0]);
    return fields.every(field => this.value(field) === value) ? fields[0] : undefined;
  }

  /**
   * The end of the line that begins at `start`. Only positions of known fields are stored; from `fieldsStart` on this
   * finds the others.
   */
  lineEnd(start: number): number {
    return this.bytes.indexOf(LF, start) + 1;
  }

  /** The name of the field whose line begins at `start`, in lower case. */
  nameAt(start: number): string {
    return this.text(start, this.bytes.indexOf(COLON, start)).toLowerCase();
  }

  /** The value of the first field of this name (in lower case), known or not. */
  lookup(name: string): string | undefined {
    const { bytes } = this;
    const fieldsEnd = this.length - LINE_END_BYTES;
    for (let start = this.fieldsStart, end = 0; start < fieldsEnd; start = end) {
      end = this.lineEnd(start);
      let valueStart = bytes.indexOf(COLON, start) + 1;
      if (valueStart - 1 - start !== name.length || this.nameAt(start) !== name) continue;
      let valueEnd = end - LINE_END_BYTES;
      while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart++;
      while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
      return this.text(valueStart, valueEnd);
    }
    return undefined;
  }

  /** Bytes as text, one character each. */
  text(start: number, end: number): string {
    return textOf(this.bytes, start, end);
  }

  value({ valueStart, valueEnd }: Field): string {
    return this.text(valueStart, valueEnd);
  }

  /** True if the token list of the fields of this name contains `token` (in lower case). */
  lists(name: Name, token: string): boolean {
    return this.tokens(name).includes(token);
  }

  /** Tokens of all fields of a name, in lower case. */
  tokens(name: Name): readonly string[] {
    const fields = this.all(name);
    if (fields.length === 0) return NO_TOKENS;
    const tokens: string[] = [];
    for (const field of fields) {
      for (const part of this.value(field).split(",")) {
        const token = part.trim().toLowerCase();
        if (token !== "") tokens.push(token);
      }
    }
    return tokens;
  }

  /** A value of 1 to 15 digits as a number; -1 for any other value. */
  number({ valueStart, valueEnd }: Field): number {
    const count = valueEnd - valueStart;
    return count >= 1 && count <= 15 ? decimal(this.bytes, valueStart, valueEnd) : -1;
  }

  /** True if the bytes are allowed in an authority: a name or address with an optional port. */
  isHost(start: number, end: number): boolean {
    return span(this.bytes, start, HOST) >= end;
  }
}
