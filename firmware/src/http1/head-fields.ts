import { COLON, LF } from "../net/ascii-codes.ts";
import { textOf } from "../text/ascii.ts";
import type { Name } from "./field-names.ts";
import { decimal, HOST, isBlank, span } from "./grammar.ts";
import {
  COUNT,
  FIELDS_START,
  FORM,
  IS_HTTP_1_1,
  LINE_END,
  LINE_START,
  LINES,
  METHOD,
  METHODS,
  MINOR,
  NAME,
  ORDINAL,
  ORDINAL_BITS,
  RECORD_LENGTH,
  START,
  STATUS,
  TARGET_END,
  TARGET_START,
  VALUE_END,
  VALUE_START,
  WORDS,
} from "./head-layout.ts";
import { LINE_END_BYTES } from "./head-reader.ts";

export const NOTHING = new Uint8Array(0);
const NO_TOKENS: readonly string[] = Object.freeze([]);

/**
 * The content of a head: positions in its bytes, in one array that is used again for the next head. It takes less
 * memory than texts, or an object for each field.
 *
 * A known field is its index among them, -1 is none. Ends are exclusive; a value is without white space around it.
 */
export class HeadFields {
  /** The bytes of the head: the piece itself if the head was received in one piece, else a copy. */
  bytes: Uint8Array = NOTHING;
  /** Bytes received so far. */
  length = 0;
  /** The description of these bytes (head-layout.ts). A look at a word takes fewer steps than a call of a method below. */
  readonly words = new Uint16Array(WORDS);
  /** For native code: the buffer of `bytes`, which begin at its first byte, and the buffer of `words`. */
  buffer: ArrayBuffer = NOTHING.buffer;
  readonly positions = this.words.buffer;
  /** The host of the target, if Host is not exactly the same text; set by `parseRequest`. */
  authority: string | undefined;

  /** Minor version: HTTP/1.`minor`, 0 or 1. */
  get minor(): number {
    return this.words[MINOR];
  }

  /** A response's status. */
  get status(): number {
    return this.words[STATUS];
  }

  /** Lines so far, including the first line, without the empty one. */
  get lines(): number {
    return this.words[LINES];
  }

  /** Where the first line begins: empty lines may precede a request. */
  get start(): number {
    return this.words[START];
  }

  /** A request's method, once its first line is complete. */
  get method(): string {
    const known = this.words[METHOD];
    return known > 0 ? METHODS[known] : this.text(this.start, this.targetStart - 1);
  }

  /** Where the target begins in the first line; the method ends one byte before. */
  get targetStart(): number {
    return this.words[TARGET_START];
  }

  get targetEnd(): number {
    return this.words[TARGET_END];
  }

  /** The first line says exactly HTTP/1.1. */
  get isHttp11(): boolean {
    return (this.words[FORM] & IS_HTTP_1_1) !== 0;
  }

  /** Where the second line begins. */
  get fieldsStart(): number {
    return this.words[FIELDS_START];
  }

  /** The number of known fields. */
  get count(): number {
    return this.words[COUNT];
  }

  /** The name of a known field; `OTHER` if it has `_` for `-`: CGI backends treat both alike, others do not. */
  nameOf(field: number): Name {
    return this.words[NAME + field * RECORD_LENGTH];
  }

  /** Where the field's line begins, and the next one. */
  lineStart(field: number): number {
    return this.words[LINE_START + field * RECORD_LENGTH];
  }

  lineEnd(field: number): number {
    return this.words[LINE_END + field * RECORD_LENGTH];
  }

  valueStart(field: number): number {
    return this.words[VALUE_START + field * RECORD_LENGTH];
  }

  valueEnd(field: number): number {
    return this.words[VALUE_END + field * RECORD_LENGTH];
  }

  /** True if there is a field of this name. */
  has(name: Name): boolean {
    return this.words[name] !== 0;
  }

  /** The first field of this name from the field `from` on; -1 if there is none. */
  find(name: Name, from = 0): number {
    const ordinals = this.words[name];
    const first = (ordinals & ORDINAL) - 1;
    if (from <= first) return first;
    const end = ordinals >> ORDINAL_BITS;
    for (let field = from; field < end; field++) if (this.nameOf(field) === name) return field;
    return -1;
  }

  /** The only field of a name; -1 if there is none or more than one. */
  only(name: Name): number {
    const ordinals = this.words[name];
    const first = ordinals & ORDINAL;
    return first === ordinals >> ORDINAL_BITS ? first - 1 : -1;
  }

  /** The first field of a name if all of them have the same value; -1 if there is none, or they differ. */
  agreed(name: Name): number {
    const first = this.find(name);
    const only = this.only(name);
    if (first === only) return first;
    const value = this.value(first);
    for (let field = first; field >= 0; field = this.find(name, field + 1))
      if (this.value(field) !== value) return -1;
    return first;
  }

  /**
   * The end of the line that begins at `start`. Only positions of known fields are stored; from `fieldsStart` on this
   * finds the others.
   */
  nextLine(start: number): number {
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
      end = this.nextLine(start);
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

  value(field: number): string {
    return this.text(this.valueStart(field), this.valueEnd(field));
  }

  /** True if the token list of the fields of this name contains `token` (in lower case). */
  lists(name: Name, token: string): boolean {
    return this.tokens(name).includes(token);
  }

  /** True if Connection lists one of these options (`HAS_CLOSE` and the like of head-layout.ts). */
  hasOption(options: number): boolean {
    return (this.words[FORM] & options) !== 0;
  }

  /** Tokens of all fields of a name, in lower case. */
  tokens(name: Name): readonly string[] {
    if (!this.has(name)) return NO_TOKENS;
    const tokens: string[] = [];
    for (let field = this.find(name); field >= 0; field = this.find(name, field + 1)) {
      for (const part of this.value(field).split(",")) {
        const token = part.trim().toLowerCase();
        if (token !== "") tokens.push(token);
      }
    }
    return tokens;
  }

  /** A value of 1 to 15 digits as a number; -1 for any other value. */
  number(field: number): number {
    const words = this.words;
    const at = field * RECORD_LENGTH;
    const start = words[VALUE_START + at];
    const end = words[VALUE_END + at];
    const count = end - start;
    return count >= 1 && count <= 15 ? decimal(this.bytes, start, end) : -1;
  }

  /** True if the bytes are allowed in an authority: a name or address with an optional port. */
  isHost(start: number, end: number): boolean {
    return span(this.bytes, start, HOST) >= end;
  }
}
