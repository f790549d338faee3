import { textOf } from "../text/ascii.ts";
import { brief, LEVELS_MAX, TEXT_MAX } from "./reader.ts";

/** The value of JSON text, or why the text is not JSON. */
export type Parsed = { readonly value: unknown } | { readonly complaint: string };

/** The byte-order mark of UTF-8: as a character, and as a character for each byte. */
export const BYTE_ORDER_MARKS: readonly string[] = Object.freeze(["\ufeff", "\xef\xbb\xbf"]);

const MARK_LENGTH_MAX = 3;

/** Longest word that may be a number, `true`, `false` or `null`, and that is echoed. */
const WORD_MAX = 64;

/** Longest key or text, in characters before escapes are decoded, of which each has six. */
const TEXT_LENGTH_MAX = 6 * TEXT_MAX;

/** Number of values between two checks of the free memory: they take less than the reserve. */
const VALUES_AT_ONCE = 8;

const LF = 10;
const CR = 13;
const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const APOSTROPHE = 39;
const ASTERISK = 42;
const COMMA = 44;
const SLASH = 47;
const COLON = 58;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

type Wanted = "value" | "value or ]" | "key" | "key or }" | "colon" | "comma" | "end";

/** Bytes, or the character codes of a text. */
type Codes = Uint8Array | Uint16Array;

/**
 * Reads JSON that people have typed: a complaint names line, column and the text there. `text` is UTF-8, decoded or
 * with a character for each byte.
 */
export function readJson(text: string): Parsed {
  const parser = new JsonParser();
  parser.read(Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)));
  return parser.end();
}

/**
 * Reads JSON (RFC 8259) piece by piece: neither the text nor a copy of it is in memory as a whole, only the values that
 * were read so far.
 */
export class JsonParser {
  /** The values would take memory that the board has no more: the rest of the text was not read. */
  lacksMemory = false;
  #hasRoom: (values: number) => boolean;
  #values = 0;
  #complaint: string | undefined;
  /** The first codes, until there are enough for a byte-order mark. */
  #start: number[] | undefined = [];
  /** The objects and lists that are open, and the key of each for which a value is read. */
  #open: object[] = [];
  #keys: string[] = [];
  #root: unknown;
  #wanted: Wanted = "value";
  #token: "none" | "text" | "word" = "none";
  /** The part of the token that came before the current piece. */
  #before = "";
  /** The complaint about a word at this place; `undefined` where it may be a value. */
  #misplaced: string | undefined;
  /** The text has an escape, or a control character: `JSON.parse` decodes or refuses it. */
  #isPlain = true;
  #isEscaped = false;
  #line = 1;
  /** Places, counted from the beginning: of the current piece, of the line, of the token. */
  #pieceAt = 0;
  #lineAt = 0;
  #tokenAt = 0;
  /** The last comma, if nothing but blanks came behind it; -1 if not. */
  #commaAt = -1;
  #commaLine = 1;
  #commaLineAt = 0;

  /** `hasRoom`: memory for some more than so many values is left. */
  constructor(hasRoom: (values: number) => boolean = () => true) {
    this.#hasRoom = hasRoom;
  }

  read(codes: Codes): void {
    const start = this.#start;
    if (start === undefined) {
      this.#read(codes, 0);
      return;
    }
    let at = 0;
    while (start.length < MARK_LENGTH_MAX && at < codes.length) start.push(codes[at++]);
    if (start.length < MARK_LENGTH_MAX) return;
    this.#begin(start);
    this.#read(codes, at);
  }

  /** The value; it is called once, at the end of the text. */
  end(): Parsed {
    if (this.#start !== undefined) this.#begin(this.#start);
    if (this.#complaint === undefined && this.#token === "text") this.#fault(UNCLOSED);
    if (this.#complaint === undefined && this.#token === "word") this.#endWord("");
    if (this.#complaint === undefined && this.#wanted !== "end") {
      this.#tokenAt = this.#pieceAt;
      this.#fault(`the text ends; wanted ${this.#next}`);
    }
    const complaint = this.#complaint;
    return complaint === undefined ? { value: this.#root } : { complaint };
  }

  #begin(start: readonly number[]): void {
    this.#start = undefined;
    if (isUtf16(start)) {
      this.#complaint = "it is UTF-16; wanted UTF-8";
      return;
    }
    const text = String.fromCharCode(...start);
    const mark = BYTE_ORDER_MARKS.find(known => text.startsWith(known)) ?? "";
    this.#read(Uint16Array.from(start.slice(mark.length)), 0);
  }

  #read(codes: Codes, from: number): void {
    /** Where the part of the token begins that lies in this piece. */
    let part = from;
    const base = this.#pieceAt - from;
    for (let at = from; at < codes.length && this.#complaint === undefined; at++) {
      const code = codes[at];
      if (this.#token === "text") {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (code === QUOTE) this.#endText(this.#before + textOf(codes, part, at));
        else if (code === BACKSLASH) this.#isEscaped = true;
        else if (code === LF || code === CR) {
          const length = this.#before.length + at - part;
          this.#fault(length > TEXT_LENGTH_MAX ? TOO_LONG : UNCLOSED);
        }
        if (code < SPACE || code === BACKSLASH) this.#isPlain = false;
        continue;
      }
      if (this.#token === "word") {
        const isComment = base + at === this.#tokenAt + 1 && (code === SLASH || code === ASTERISK);
        if (isComment && this.#isSlash(codes, at)) this.#fault(COMMENT);
        if (!isWordEnd(code)) continue;
        this.#endWord(textOf(codes, part, Math.min(at, part + WORD_MAX)));
        if (this.#complaint !== undefined) return;
      }
      this.#tokenAt = base + at;
      if (code === LF) {
        this.#line++;
        this.#lineAt = this.#tokenAt + 1;
      } else if (!isBlank(code)) {
        this.#sign(code);
        part = at + (code === QUOTE ? 1 : 0); // of a text without its quotes
      }
    }
    this.#pieceAt = base + codes.length;
    if (this.#token === "none" || this.#complaint !== undefined) return;
    const room = this.#token === "word" ? WORD_MAX : TEXT_LENGTH_MAX + 1;
    this.#before += textOf(codes, part, Math.min(codes.length, part + room));
    if (this.#token === "text" && this.#before.length > TEXT_LENGTH_MAX) this.#fault(TOO_LONG);
  }

  /** The word's first character, which is before `at`, is a slash. */
  #isSlash(codes: Codes, at: number): boolean {
    return at > 0 && this.#before === "" ? codes[at - 1] === SLASH : this.#before === "/";
  }

  /** The first character of a token. */
  #sign(code: number): void {
    const wanted = this.#wanted;
    const isClosing = code === this.#closing;
    if (code === APOSTROPHE) {
      this.#fault("a single quote; JSON has double quotes");
    } else if (code === HASH) {
      this.#fault(COMMENT);
    } else if (isClosing && wanted !== "colon" && wanted !== "end") {
      this.#close(code);
    } else if (wanted === "end") {
      if (code === SLASH) this.#beginWord(" behind the end");
      else this.#fault(`${brief(String.fromCharCode(code))} behind the end`);
    } else if (wanted === "colon" && code === COLON) {
      this.#wanted = "value";
      this.#commaAt = -1;
    } else if (wanted === "comma" && code === COMMA) {
      this.#wanted = this.#closing === CLOSE_OBJECT ? "key" : "value";
      this.#commaAt = this.#tokenAt;
      this.#commaLine = this.#line;
      this.#commaLineAt = this.#lineAt;
    } else if (wanted === "colon" || wanted === "comma" || (isKey(wanted) && code !== QUOTE)) {
      if (code === QUOTE) this.#fault(`a text; wanted ${this.#next}`);
      else this.#beginWord(`; wanted ${this.#next}`);
    } else if (code === QUOTE) {
      this.#token = "text";
      this.#isPlain = true;
      this.#isEscaped = false;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      this.#openOne(code === OPEN_OBJECT ? {} : []);
    } else {
      this.#beginWord();
    }
  }

  /** The code that closes what is open. */
  get #closing(): number {
    const inner = this.#open.at(-1);
    if (inner === undefined) return -1;
    return Array.isArray(inner) ? CLOSE_LIST : CLOSE_OBJECT;
  }

  #openOne(container: object): void {
    if (this.#open.length === LEVELS_MAX) {
      this.#fault(`more than ${LEVELS_MAX} brackets deep`);
      return;
    }
    this.#add(container);
    this.#open.push(container);
    this.#keys.push("");
    this.#wanted = Array.isArray(container) ? "value or ]" : "key or }";
    this.#commaAt = -1;
  }

  #close(code: number): void {
    const sign = String.fromCharCode(code);
    if (this.#wanted === "key" || (this.#wanted === "value" && this.#commaAt >= 0)) {
      this.#tokenAt = this.#commaAt;
      this.#line = this.#commaLine;
      this.#lineAt = this.#commaLineAt;
      this.#fault(`a comma before ${sign}, which JSON does not allow`);
    } else if (this.#wanted === "value") {
      this.#fault(`${sign}; wanted a value`);
    } else {
      this.#open.pop();
      this.#keys.pop();
      this.#ended();
    }
  }

  #beginWord(misplaced?: string): void {
    this.#token = "word";
    this.#misplaced = misplaced;
  }

  #endWord(rest: string): void {
    const word = (this.#before + rest).slice(0, WORD_MAX);
    this.#before = "";
    this.#token = "none";
    const value =
      this.#misplaced === undefined && word.length < WORD_MAX ? parsed(word) : undefined;
    if (value === undefined) {
      const why = this.#misplaced ?? " is not a value; a text needs double quotes";
      this.#fault(`${brief(word)}${why}`);
      return;
    }
    this.#add(value);
    this.#ended();
  }

  #endText(raw: string): void {
    this.#before = "";
    this.#token = "none";
    if (raw.length > TEXT_LENGTH_MAX) {
      this.#fault(TOO_LONG);
      return;
    }
    const text = this.#isPlain ? raw : parsed(`"${raw}"`);
    if (text === undefined) {
      this.#fault("a text with an escape that JSON does not have");
    } else if (isKey(this.#wanted)) {
      this.#keys[this.#keys.length - 1] = text as string;
      this.#wanted = "colon";
    } else {
      this.#add(text);
      this.#ended();
    }
  }

  /** A value is complete. */
  #ended(): void {
    this.#wanted = this.#open.length > 0 ? "comma" : "end";
  }

  #add(value: unknown): void {
    const inner = this.#open.at(-1);
    if (inner === undefined) this.#root = value;
    else if (Array.isArray(inner)) inner.push(value);
    else put(inner as Record<string, unknown>, this.#keys.at(-1)!, value);
    if (++this.#values % VALUES_AT_ONCE !== 0 || this.#hasRoom(this.#values)) return;
    this.lacksMemory = true;
    this.#fault("the board has no memory for more");
  }

  get #next(): string {
    if (this.#wanted === "colon") return "a colon";
    if (this.#wanted === "comma") return `a comma or ${String.fromCharCode(this.#closing)}`;
    return isKey(this.#wanted) ? "a key in double quotes" : "a value";
  }

  /** Something is wrong with the token; all that was read is dropped. */
  #fault(what: string): void {
    this.#complaint = `line ${this.#line}, column ${this.#tokenAt - this.#lineAt + 1}: ${what}`;
    this.#open = [];
    this.#root = undefined;
  }
}

const UNCLOSED = "a text without its closing quote in this line";
const TOO_LONG = `a text of more than ${TEXT_LENGTH_MAX} characters`;
const COMMENT = "a comment, which JSON does not have";

/** True if it begins with a byte-order mark of UTF-16, a character for each byte, or every other byte is 0. */
function isUtf16([first, second]: readonly number[]): boolean {
  const isMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return isMark || (second !== undefined && (first === 0) !== (second === 0));
}

function isKey(wanted: Wanted): boolean {
  return wanted === "key" || wanted === "key or }";
}

function isBlank(code: number): boolean {
  return code === SPACE || code === LF || code === TAB || code === CR;
}

function isWordEnd(code: number): boolean {
  if (code === COMMA || code === COLON || code === QUOTE || isBlank(code)) return true;
  return (code & ~SPACE) === OPEN_LIST || (code & ~SPACE) === CLOSE_LIST;
}

/** `undefined` if it is not JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** As `JSON.parse` does it: `__proto__` is a key like any other. */
function put(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") object[key] = value;
  else
    Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
}
