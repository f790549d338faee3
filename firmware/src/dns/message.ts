import { putTexts as putTextsByEngine } from "../http1/writing.ts";
import { DOT, SPACE } from "../net/ascii-codes.ts";
import type { PutTexts } from "../platform.ts";

/**
 * DNS messages (RFC 1035, and RFC 6762 for multicast DNS): a reader for what others have sent, which never throws and
 * never follows a pointer in a circle, and a writer that stays within its buffer.
 *
 * A name is a text: labels with dots between them and none behind, `""` for the root. It has no escapes, so a label
 * with a dot in it equals no text. Names are compared without regard to the case of ASCII letters.
 */

/** Types of records (RFC 1035 3.2.2, RFC 2782, RFC 4034), and the question for all of them. */
export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_PTR = 12;
export const TYPE_TXT = 16;
export const TYPE_SRV = 33;
export const TYPE_NSEC = 47;
export const TYPE_ANY = 255;

export const CLASS_IN = 1;
export const CLASS_ANY = 255;

/**
 * The uppermost bit of a class in multicast DNS: in a question "answer by unicast" (QU), in a record "these are all
 * records of this name and type" (cache flush).
 */
export const CLASS_TOP_BIT = 0x8000;

/** Bits of the flags. */
export const FLAG_RESPONSE = 0x8000;
export const FLAG_AUTHORITATIVE = 0x0400;
export const FLAG_TRUNCATED = 0x0200;
export const FLAG_RECURSION_DESIRED = 0x0100;
export const OPCODE_MASK = 0x7800;
export const RESPONSE_CODE_MASK = 0x000f;

/** Response codes. */
export const NO_ERROR = 0;
export const NAME_ERROR = 3;

/** The sections of a message, in their order. */
export const QUESTIONS = 0;
export const ANSWERS = 1;
export const AUTHORITIES = 2;
export const ADDITIONALS = 3;
/** `MessageReader.section` before the first entry and behind the last one. */
const NO_SECTION = -1;

export const HEADER_BYTES = 12;

/** Bytes of a name, with the lengths of its labels and the empty one of the root (RFC 1035 3.1). */
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;

/** Bytes of one string of a TXT record. */
export const TXT_STRING_BYTES_MAX = 255;

/**
 * Questions and records of a message; one with more is refused, so that a short datagram cannot keep the board busy.
 * A full datagram of known answers has about 50.
 */
export const ENTRIES_MAX = 64;

/** Pointers of one name. Writers need one for each name that ends as an earlier one does, and names have few labels. */
const POINTERS_MAX = 16;

/** Bytes of a record behind its name: type, class, time to live, length of the data. */
const RECORD_BYTES = 10;

/** Bytes of a question behind its name: type, class. */
const QUESTION_BYTES = 4;

/** Bytes of an SRV record before its target: priority, weight, port. */
const SRV_BYTES = 6;

/** The two upper bits of a length: both set, a pointer begins; both clear, a label does. */
const POINTER = 0xc0;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * A message that was received: `open` it, then `next` is called for each question and record. One reader serves any
 * number of messages, one after the other, and allocates nothing for them.
 */
export class MessageReader {
  id = 0;
  flags = 0;
  /** The section of the current entry. */
  section = NO_SECTION;
  /** Where the name of the current entry begins, for `nameIs` and `nameAt`. */
  at = 0;
  type = 0;
  /** The class without its uppermost bit, and whether that is set: a QU question, or a cache-flush record. */
  class = 0;
  hasTopBit = false;
  /** Time to live in seconds; 0 of a question. */
  ttl = 0;
  /** The data of a record; nothing in a question. */
  dataAt = 0;
  dataEnd = 0;

  #bytes = NO_BYTES;
  #next = 0;
  /** Entries of the section behind the current one. */
  #left = 0;

  /**
   * Opens a message, before its first entry. False if it is malformed: cut short, with too many entries, with a name
   * that cannot be one. It must not change while it is read.
   */
  open(bytes: Uint8Array): boolean {
    this.#bytes = bytes;
    this.rewind();
    if (bytes.length < HEADER_BYTES) return false;
    this.id = this.word(0);
    this.flags = this.word(2);
    let entries = 0;
    for (let section = QUESTIONS; section <= ADDITIONALS; section++) entries += this.count(section);
    if (entries > ENTRIES_MAX) return false;
    for (let entry = 0; entry < entries; entry++) if (!this.next()) return false;
    this.rewind();
    return true;
  }

  /** Releases the message. */
  close(): void {
    this.#bytes = NO_BYTES;
    this.rewind();
  }

  /** Entries of a section. */
  count(section: number): number {
    return this.word(4 + 2 * section);
  }

  /** Goes back before the first entry. */
  rewind(): void {
    this.section = NO_SECTION;
    this.#next = HEADER_BYTES;
    this.#left = 0;
  }

  /** Reads the next entry; false behind the last one. */
  next(): boolean {
    while (this.#left === 0) {
      if (this.section === ADDITIONALS) return false;
      this.section++;
      this.#left = this.count(this.section);
    }
    this.#left--;
    const bytes = this.#bytes;
    this.at = this.#next;
    const name = skipName(bytes, this.at, bytes.length);
    if (name < 0) return false;
    const isQuestion = this.section === QUESTIONS;
    const end = name + (isQuestion ? QUESTION_BYTES : RECORD_BYTES);
    if (end > bytes.length) return false;
    this.type = this.word(name);
    const topAndClass = this.word(name + 2);
    this.class = topAndClass & ~CLASS_TOP_BIT;
    this.hasTopBit = (topAndClass & CLASS_TOP_BIT) !== 0;
    this.ttl = isQuestion ? 0 : this.word(name + 4) * 65_536 + this.word(name + 6);
    this.dataAt = end;
    this.dataEnd = isQuestion ? end : end + this.word(name + 8);
    this.#next = this.dataEnd;
    return this.dataEnd <= bytes.length;
  }

  /** True if the name at `at` is `name`. */
  nameIs(name: string, at = this.at): boolean {
    const bytes = this.#bytes;
    const { length } = name;
    let place = at;
    let run = at; // where the labels without a pointer between them began
    let matched = 0; // characters of `name`
    for (let pointers = 0; ; ) {
      const label = bytes[place];
      if (label === undefined) return false;
      if (label >= POINTER) {
        place = run = pointerAt(bytes, place, run);
        if (place < 0 || ++pointers > POINTERS_MAX) return false;
        continue;
      }
      if (label > LABEL_BYTES_MAX) return false;
      if (label === 0) return matched === (length === 0 ? 0 : length + 1);
      const end = matched + label;
      // The label has to end where one of the text ends: a dot in it is no boundary.
      if (end > length || (end < length && name.charCodeAt(end) !== DOT)) return false;
      for (let i = 1; i <= label; i++, matched++) {
        const code = name.charCodeAt(matched);
        if (code === DOT || lower(bytes[place + i]) !== lower(code)) return false;
      }
      matched++; // the dot, or the end
      place += 1 + label;
    }
  }

  /**
   * The name at `at`, its case kept. `undefined` if it cannot be written as a text of printable ASCII characters, is too
   * long, or its pointers lead nowhere.
   */
  nameAt(at: number): string | undefined {
    const bytes = this.#bytes;
    let name = "";
    let place = at;
    let run = at;
    for (let pointers = 0; ; ) {
      const label = bytes[place];
      if (label === undefined) return undefined;
      if (label >= POINTER) {
        place = run = pointerAt(bytes, place, run);
        if (place < 0 || ++pointers > POINTERS_MAX) return undefined;
        continue;
      }
      if (label === 0) return name;
      if (label > LABEL_BYTES_MAX || place + label >= bytes.length) return undefined;
      // With the first label's length and the root's: two bytes more than the text has characters.
      if (name.length + label + (name === "" ? 2 : 3) > NAME_BYTES_MAX) return undefined;
      if (name !== "") name += ".";
      for (let i = 1; i <= label; i++) {
        const code = bytes[place + i];
        if (code <= SPACE || code > 126 || code === DOT) return undefined;
        name += String.fromCharCode(code);
      }
      place += 1 + label;
    }
  }

  /** The address of an A record; `undefined` if its data is none. */
  address(): string | undefined {
    if (this.type !== TYPE_A || this.dataEnd - this.dataAt !== 4) return undefined;
    const bytes = this.#bytes;
    const at = this.dataAt;
    return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  }

  /** Where the name in the data of a CNAME, PTR or SRV record begins; -1 if there is none. */
  targetAt(): number {
    const at = this.type === TYPE_SRV ? this.dataAt + SRV_BYTES : this.dataAt;
    if (this.type !== TYPE_SRV && this.type !== TYPE_PTR && this.type !== TYPE_CNAME) return -1;
    return skipName(this.#bytes, at, this.dataEnd) === this.dataEnd ? at : -1;
  }

  /** The port of an SRV record; `undefined` if its data is none. */
  port(): number | undefined {
    if (this.type !== TYPE_SRV || this.targetAt() < 0) return undefined;
    return this.word(this.dataAt + 4);
  }

  /** True if the data is that of a TXT record of these strings. */
  textsAre(texts: readonly string[]): boolean {
    if (this.type !== TYPE_TXT) return false;
    const bytes = this.#bytes;
    let at = this.dataAt;
    for (const text of texts) {
      if (at + text.length >= this.dataEnd || bytes[at++] !== text.length) return false;
      for (let i = 0; i < text.length; i++) if (bytes[at++] !== text.charCodeAt(i)) return false;
    }
    return at === this.dataEnd;
  }

  private word(at: number): number {
    const bytes = this.#bytes;
    return (bytes[at] << 8) | bytes[at + 1];
  }
}

/**
 * Writes a message at the start of a buffer: `begin`, then questions and records in the order of the sections. What does
 * not fit, or is no name or address, is not written, and the method returns false. Names are not compressed.
 */
export class MessageWriter {
  /** Bytes of the message so far. */
  length = 0;
  #bytes: Uint8Array;
  #putTexts: PutTexts;
  #failed = false;

  /** `bytes` is a whole buffer; `putTexts` the platform's, where it has one: then no text costs memory of the engine. */
  constructor(bytes: Uint8Array, putTexts: PutTexts = putTextsByEngine) {
    this.#bytes = bytes;
    this.#putTexts = putTexts;
  }

  /** Begins a message without entries. The buffer has room for a header at least. */
  begin(id: number, flags: number): void {
    this.length = 0;
    this.#failed = false;
    this.word(id);
    this.word(flags);
    for (let section = QUESTIONS; section <= ADDITIONALS; section++) this.word(0);
  }

  /** `top`: `CLASS_TOP_BIT` for an answer by unicast, or 0. */
  question(name: string, type: number, top = 0): boolean {
    const start = this.length;
    this.name(name);
    this.word(type);
    this.word(CLASS_IN | top);
    return this.close(QUESTIONS, start);
  }

  /** `top`: `CLASS_TOP_BIT` for cache flush, or 0; `ttl` in seconds. So below. */
  a(section: number, name: string, top: number, ttl: number, address: string): boolean {
    const start = this.length;
    const data = this.head(name, TYPE_A, top, ttl);
    this.address(address);
    return this.closeRecord(section, start, data);
  }

  ptr(section: number, name: string, top: number, ttl: number, target: string): boolean {
    const start = this.length;
    const data = this.head(name, TYPE_PTR, top, ttl);
    this.name(target);
    return this.closeRecord(section, start, data);
  }

  /** With priority and weight 0. */
  srv(
    section: number,
    name: string,
    top: number,
    ttl: number,
    port: number,
    target: string,
  ): boolean {
    const start = this.length;
    const data = this.head(name, TYPE_SRV, top, ttl);
    this.word(0);
    this.word(0);
    this.word(port);
    this.name(target);
    return this.closeRecord(section, start, data);
  }

  /** `texts`: strings of ASCII characters; none at all is written as one empty string (RFC 6763 6.1). */
  txt(section: number, name: string, top: number, ttl: number, texts: readonly string[]): boolean {
    const start = this.length;
    const data = this.head(name, TYPE_TXT, top, ttl);
    if (texts.length === 0) this.byte(0);
    for (const text of texts) {
      if (text.length > TXT_STRING_BYTES_MAX) this.#failed = true;
      this.byte(text.length);
      this.text(text);
    }
    return this.closeRecord(section, start, data);
  }

  /** Says that the name has records of these types only, in ascending order and below 256 (RFC 6762 6.1). */
  nsec(section: number, name: string, top: number, ttl: number, types: readonly number[]): boolean {
    const start = this.length;
    const data = this.head(name, TYPE_NSEC, top, ttl);
    this.name(name);
    const bitmapBytes = (types[types.length - 1] >> 3) + 1;
    this.byte(0); // the block of the types below 256
    this.byte(bitmapBytes);
    const bitmap = this.length;
    for (let i = 0; i < bitmapBytes; i++) this.byte(0);
    if (!this.#failed) {
      for (const type of types) this.#bytes[bitmap + (type >> 3)] |= 0x80 >> (type & 7);
    }
    return this.closeRecord(section, start, data);
  }

  /** Writes a record up to its data, whose place it returns. */
  private head(name: string, type: number, top: number, ttl: number): number {
    this.name(name);
    this.word(type);
    this.word(CLASS_IN | top);
    this.word(ttl >>> 16);
    this.word(ttl);
    this.word(0); // the length of the data, until it is known
    return this.length;
  }

  private closeRecord(section: number, start: number, data: number): boolean {
    if (!this.#failed) this.wordAt(data - 2, this.length - data);
    return this.close(section, start);
  }

  /** Counts the entry that begins at `start`, or takes it back. */
  private close(section: number, start: number): boolean {
    if (this.#failed) {
      this.#failed = false;
      this.length = start;
      return false;
    }
    const count = 4 + 2 * section;
    const bytes = this.#bytes;
    this.wordAt(count, ((bytes[count] << 8) | bytes[count + 1]) + 1);
    return true;
  }

  /** The dots of the text are where the lengths of the labels belong. */
  private name(name: string): void {
    const bytes = this.#bytes;
    const start = this.length;
    if (name !== "") {
      this.byte(0); // the length of the first label
      this.text(name);
    }
    this.byte(0);
    if (this.#failed || name === "") return;
    const end = this.length - 1;
    if (end - start > NAME_BYTES_MAX - 1) this.#failed = true;
    let length = start; // where the length of the current label belongs
    for (let at = start + 1; at <= end; at++) {
      if (at < end && bytes[at] !== DOT) continue;
      const label = at - length - 1;
      if (label === 0 || label > LABEL_BYTES_MAX) this.#failed = true;
      bytes[length] = label;
      length = at;
    }
  }

  /** The text is written where its four bytes belong, and is longer. */
  private address(address: string): void {
    const bytes = this.#bytes;
    const start = this.length;
    this.text(address);
    if (this.#failed) return;
    let octets = 0;
    let octet = -1; // no digit yet
    for (let at = start; at <= this.length; at++) {
      const code = at === this.length ? DOT : bytes[at];
      if (code === DOT) {
        if (octet < 0 || octet > 255) this.#failed = true;
        bytes[start + octets++] = octet;
        octet = -1;
      } else if (code >= ZERO && code <= NINE && octet < 256) {
        octet = (octet < 0 ? 0 : octet * 10) + code - ZERO;
      } else {
        this.#failed = true;
      }
    }
    if (octets !== 4) this.#failed = true;
    this.length = start + 4;
  }

  private text(text: string): void {
    if (this.#failed) return;
    const bytes = this.#bytes;
    const start = this.length;
    const end = this.#putTexts(
      bytes.buffer as ArrayBuffer,
      start,
      bytes.length,
      text,
      "",
      "",
      "",
      "",
    );
    if (end > bytes.length) {
      this.#failed = true;
      return;
    }
    this.length = end;
    for (let at = start; at < end; at++) if (bytes[at] > 126) this.#failed = true;
  }

  private word(word: number): void {
    this.byte(word >> 8);
    this.byte(word);
  }

  private byte(byte: number): void {
    if (this.#failed) return;
    if (this.length < this.#bytes.length) this.#bytes[this.length++] = byte;
    else this.#failed = true;
  }

  private wordAt(at: number, word: number): void {
    this.#bytes[at] = word >> 8;
    this.#bytes[at + 1] = word;
  }
}

const ZERO = 48;
const NINE = 57;

/** An ASCII letter in lower case; any other byte as it is. */
function lower(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code;
}

/** The end of the name at `at`, within `end`, its pointer not followed; -1 if it is cut short or cannot be one. */
function skipName(bytes: Uint8Array, at: number, end: number): number {
  let place = at;
  while (place < end) {
    const label = bytes[place];
    if (label >= POINTER)
      return place + 2 <= end && pointerAt(bytes, place, at) >= 0 ? place + 2 : -1;
    if (label > LABEL_BYTES_MAX) return -1;
    place += 1 + label;
    if (place - at > NAME_BYTES_MAX) return -1;
    if (label === 0) return place <= end ? place : -1;
  }
  return -1;
}

/**
 * The place that the pointer at `at` leads to; -1 unless it lies behind the header and before `run`, where the labels began
 * that the pointer ends: so no pointers go in a circle.
 */
function pointerAt(bytes: Uint8Array, at: number, run: number): number {
  if (at + 1 >= bytes.length) return -1;
  const place = ((bytes[at] & ~POINTER) << 8) | bytes[at + 1];
  return place >= HEADER_BYTES && place < run ? place : -1;
}
