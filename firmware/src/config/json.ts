import { brief, LEVELS_MAX, parseJsonBounded } from "./reader.ts";

/** The value of JSON text, or why the text is not JSON. */
export type Parsed = { readonly value: unknown } | { readonly complaint: string };

/** The byte-order mark of UTF-8: as a character, and as a character for each byte. */
export const BYTE_ORDER_MARKS: readonly string[] = Object.freeze(["\ufeff", "\xef\xbb\xbf"]);

/**
 * Reads JSON that people have typed: a complaint names line, column and the text there. `text` is UTF-8, decoded or
 * with a character for each byte.
 */
export function readJson(text: string): Parsed {
  if (isUtf16(text)) return { complaint: "it is UTF-16; wanted UTF-8" };
  const mark = BYTE_ORDER_MARKS.find(known => text.startsWith(known)) ?? "";
  const json = mark === "" ? text : text.slice(mark.length);
  try {
    return { value: parseJsonBounded(json) };
  } catch {
    return { complaint: faultOf(json) };
  }
}

/** True if it begins with a byte-order mark of UTF-16, a character for each byte, or every other byte is 0. */
function isUtf16(text: string): boolean {
  const [first, second] = [text.charCodeAt(0), text.charCodeAt(1)];
  const isMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return isMark || (text.length > 1 && (first === 0) !== (second === 0));
}

type Wanted = "value" | "value or ]" | "key" | "key or }" | "colon" | "comma" | "end";

/** The first place where `text` violates RFC 8259. */
function faultOf(text: string): string {
  const open: string[] = [];
  let wanted: Wanted = "value";
  let commaAt = -1;
  for (let at = 0; ; ) {
    while (isBlank(text[at])) at++;
    const character = text[at];
    if (character === undefined) return fault(text, at, `the text ends; wanted ${next()}`);
    if (isComment(text, at)) return fault(text, at, "a comment, which JSON does not have");
    if (character === "'") return fault(text, at, "a single quote; JSON has double quotes");
    if (character === open.at(-1) && wanted !== "colon" && wanted !== "end") {
      if (wanted === "key" || (wanted === "value" && commaAt >= 0)) {
        return fault(text, commaAt, `a comma before ${character}, which JSON does not allow`);
      }
      if (wanted === "value") return fault(text, at, `${character}; wanted a value`);
      open.pop();
      at++;
      wanted = open.length > 0 ? "comma" : "end";
      continue;
    }
    switch (wanted) {
      case "end":
        return fault(text, at, `${brief(character)} behind the end`);
      case "colon":
        if (character !== ":") return fault(text, at, `${wordAt(text, at)}; wanted a colon`);
        wanted = "value";
        commaAt = -1;
        at++;
        continue;
      case "comma":
        if (character !== ",") return fault(text, at, `${wordAt(text, at)}; wanted ${next()}`);
        wanted = open.at(-1) === "}" ? "key" : "value";
        commaAt = at++;
        continue;
      case "key":
      case "key or }":
        if (character !== '"') return fault(text, at, `${wordAt(text, at)}; wanted ${next()}`);
    }
    if (character === "{" || character === "[") {
      open.push(character === "{" ? "}" : "]");
      if (open.length > LEVELS_MAX) return fault(text, at, `more than ${LEVELS_MAX} brackets deep`);
      wanted = character === "{" ? "key or }" : "value or ]";
      commaAt = -1;
      at++;
      continue;
    }
    const end = character === '"' ? endOfText(text, at) : endOfWord(text, at);
    if (typeof end === "string") return fault(text, at, end);
    at = end;
    if (wanted === "key" || wanted === "key or }") wanted = "colon";
    else wanted = open.length > 0 ? "comma" : "end";
  }

  function next(): string {
    if (wanted === "colon") return "a colon";
    if (wanted === "comma") return `a comma or ${open.at(-1)}`;
    return wanted.startsWith("key") ? "a key in double quotes" : "a value";
  }
}

/** The end of the text in double quotes that begins at `from`, or what is wrong with it. */
function endOfText(text: string, from: number): number | string {
  for (let at = from + 1; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      return isJson(text.slice(from, at + 1))
        ? at + 1
        : "a text with an escape that JSON does not have";
    }
    if (character === "\n" || character === "\r") break;
    if (character === "\\") at++;
  }
  return "a text without its closing quote in this line";
}

/** The end of the number, `true`, `false` or `null` at `from`, or what is wrong with it. */
function endOfWord(text: string, from: number): number | string {
  const end = wordEnd(text, from);
  if (isJson(text.slice(from, end))) return end;
  return `${wordAt(text, from)} is not a value; a text needs double quotes`;
}

/** The word or the sign at `from`, for a complaint. */
function wordAt(text: string, from: number): string {
  return text[from] === '"' ? "a text" : brief(text.slice(from, wordEnd(text, from + 1)));
}

function wordEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && !isBlank(text[at]) && !',:[]{}"'.includes(text[at])) at++;
  return at;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isComment(text: string, at: number): boolean {
  if (text[at] === "#") return true;
  return text[at] === "/" && (text[at + 1] === "/" || text[at + 1] === "*");
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\n" || character === "\t" || character === "\r";
}

function fault(text: string, at: number, what: string): string {
  let line = 1;
  let column = 1;
  for (let i = 0; i < at; i++) {
    if (text[i] === "\n") {
      line++;
      column = 1;
    } else {
      column++;
    }
  }
  return `line ${line}, column ${column}: ${what}`;
}
