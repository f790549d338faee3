/**
 * Text from outside (of clients, backends, documents, flash) on its way into a line, a complaint or an answer.
 * No regular expression looks at it: XS takes about 50 bytes of memory for each character that one repeats.
 */

/** What stands for the rest of a text that was cut. */
const CUT = "...";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The longest escape, such as `\u00e9`. */
const ESCAPE_CHARS_MAX = 6;

/** Characters put together at once: they pass over the engine's stack, which is small on the chip. */
const PIECE = 32;

/**
 * As it stands where it has neither blanks nor anything to escape, else in JSON's quotes; in ASCII. With more
 * than `charsMax` characters, as they are written, it ends in `...`.
 */
export function quoted(text: string, charsMax: number): string {
  if (text !== "" && text.length <= charsMax && isPlain(text)) return text;
  const inner = escaped(text, charsMax, true);
  // Nothing was escaped or cut, and no blank is in it.
  if (text !== "" && inner === text && !text.includes(" ")) return text;
  return `"${inner}"`;
}

/** For people: what has no look of its own as JSON writes it, and `...` behind the first `charsMax` characters. */
export function printable(text: string, charsMax: number): string {
  return text.length <= charsMax && isPlain(text) ? text : escaped(text, charsMax, false);
}

/** May stand in a URI as it is: true of most values, and told by one call of the engine. */
function isPlain(text: string): boolean {
  try {
    return encodeURI(text) === text;
  } catch {
    return false; // half a surrogate pair
  }
}

/**
 * Takes at most two bytes for each of `charsMax` characters beside the result, however long the text is.
 * `quotes`: for JSON's quotes, in ASCII.
 */
function escaped(text: string, charsMax: number, quotes: boolean): string {
  const codes = new Uint16Array(Math.min(charsMax, ESCAPE_CHARS_MAX * text.length));
  const count = Math.min(text.length, charsMax);
  let length = 0;
  let at = 0;
  for (; at < count; at++) {
    const code = text.charCodeAt(at);
    const mark = quotes && (code === QUOTE || code === BACKSLASH);
    const stays = (code >= 0x20 && code < 0x7f && !mark) || (!quotes && isVisible(code));
    if (stays) {
      if (length === charsMax) break;
      codes[length++] = code;
      continue;
    }
    const written = mark ? `\\${text[at]}` : escapeOf(code);
    if (length + written.length > charsMax) break;
    for (let i = 0; i < written.length; i++) codes[length++] = written.charCodeAt(i);
  }
  let result = "";
  for (let from = 0; from < length; from += PIECE) {
    const piece = codes.subarray(from, Math.min(length, from + PIECE));
    result += String.fromCharCode.apply(null, piece as unknown as number[]);
  }
  return at < text.length ? result + CUT : result;
}

/** Beyond ASCII; what ends lines or turns their direction is among U+2000 to U+206F, and half a pair is no character. */
function isVisible(code: number): boolean {
  return (code > 0x9f && code < 0x2000) || (code > 0x206f && code < 0xd800) || code > 0xdfff;
}

function escapeOf(code: number): string {
  if (code === 0x0a) return "\\n";
  if (code === 0x0d) return "\\r";
  if (code === 0x09) return "\\t";
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
