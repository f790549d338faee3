import { COLON, LF } from "../net/ascii-codes.ts";
import { textOf } from "../text/ascii.ts";
import { NAMES, type Name } from "./field-names.ts";
import { decimal, HOST, isBlank, span } from "./grammar.ts";

/** CR and LF. */
export const LINE_END_BYTES = 2;

export const NOTHING = new Uint8Array(0);
const NO_TOKENS: readonly string[] = Object.freeze([]);

/**
 * Most fields with known names; requests of browsers have about five. The others take only their own bytes.
 */
export const KNOWN_FIELDS_MAX = 32;

// The layout of `HeadFields.fields`, an array of 16 bits: no head is longer than 16,384 bytes. First, by name, where
// the known fields are: 0 for none, else 1 + index of the first, and in the upper byte 1 + index of the last.
const ORDINAL_BITS = 8;
const ORDINAL = 0xff;
/** The number of known fields. */
const COUNT = NAMES.length;
/** Then the fields, one behind the other: */
const RECORDS = COUNT + 1;
const NAME = RECORDS;
const LINE_START = RECORDS + 1;
const LINE_END = RECORDS + 2;
const VALUE_START = RECORDS + 3;
const VALUE_END = RECORDS + 4;
const RECORD_LENGTH = 5;
const FIELDS_LENGTH = RECORDS + KNOWN_FIELDS_MAX * RECORD_LENGTH;

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
  private fields = new Uint16Array(FIELDS_LENGTH);

  /** A request's method, once its first line is complete. */
  get method(): string {
    return this.text(this.start, this.targetStart - 1);
  }

  /** The number of known fields. */
  get count(): number {
    return this.fields[COUNT];
  }

  /** The name of a known field; `OTHER` if it has `_` for `-`: CGI backends treat both alike, others do not. */
  nameOf(field: number): Name {
    return this.fields[NAME + field * RECORD_LENGTH];
  }

  /** Where the field's line begins, and the next one. */
  lineStart(field: number): number {
    return this.fields[LINE_START + field * RECORD_LENGTH];
  }

  lineEnd(field: number): number {
    return this.fields[LINE_END + field * RECORD_LENGTH];
  }

  valueStart(field: number): number {
    return this.fields[VALUE_START + field * RECORD_LENGTH];
  }

  valueEnd(field: number): number {
    return this.fields[VALUE_END + field * RECORD_LENGTH];
  }

  /** True if there is a field of this name. */
  has(name: Name): boolean {
    return this.fields[name] !== 0;
  }

  /** The first field of this name from the field `from` on; -1 if there is none. */
  find(name: Name, from = 0): number {
    const { fields } = this;
    const ordinals = fields[name];
    const first = (ordinals & ORDINAL) - 1;
    if (from <= first) return first;
    const end = ordinals >> ORDINAL_BITS;
    for (let field = from; field < end; field++) if (this.nameOf(field) === name) return field;
    return -1;
  }

  /** The only field of a name; -1 if there is none or more than one. */
  only(name: Name): number {
    const ordinals = this.fields[name];
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

  /** Adds a known field. False if there are too many. */
  protected add(
    name: Name,
    lineStart: number,
    lineEnd: number,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const { fields } = this;
    const field = fields[COUNT];
    if (field === KNOWN_FIELDS_MAX) return false;
    fields[COUNT] = field + 1;
    const at = field * RECORD_LENGTH;
    fields[NAME + at] = name;
    fields[LINE_START + at] = lineStart;
    fields[LINE_END + at] = lineEnd;
    fields[VALUE_START + at] = valueStart;
    fields[VALUE_END + at] = valueEnd;
    const first = fields[name] & ORDINAL || field + 1;
    fields[name] = first | ((field + 1) << ORDINAL_BITS);
    return true;
  }

  /** Forgets the fields. */
  protected clear(): void {
    this.fields.fill(0, 0, RECORDS);
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
    return this.has(name) && this.tokens(name).includes(token);
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
    const start = this.valueStart(field);
    const end = this.valueEnd(field);
    const count = end - start;
    return count >= 1 && count <= 15 ? decimal(this.bytes, start, end) : -1;
  }

  /** True if the bytes are allowed in an authority: a name or address with an optional port. */
  isHost(start: number, end: number): boolean {
    return span(this.bytes, start, HOST) >= end;
  }
}
