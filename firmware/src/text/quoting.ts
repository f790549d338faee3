/**
 * Quotes and shortens text from clients, backends, documents and flash before it goes into a log line, an error
 * message or a response. Regular expressions are avoided: on XS a repetition costs about 50 bytes of memory for each
 * character it matches.
 */

/** Marks text that was cut. */
const CUT = "...";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The longest escape, such as `\u00e9`. */
const ESCAPE_CHARS_MAX = 6;

/** Characters converted per call: they are passed on the engine's stack, which is small on the chip. */
const PIECE = 32;

/**
 * The text unchanged if it has neither spaces nor characters that need an escape, else as a JSON string; always
 * ASCII. Output longer than `charsMax` characters is cut and ends in `...`.
 */
export function quoted(text: string, charsMax: number): string {
  if (text !== "" && text.length <= charsMax && isPlain(text)) return text;
  const inner = escaped(text, charsMax, true);
  // Nothing was escaped or cut, and no blank is in it.
  if (text !== "" && inner === text && !text.includes(" ")) return text;
  return `"${inner}"`;
}

/** For people: characters without a glyph become JSON escapes; text is cut to `charsMax` characters and `...`. */
export function printable(text: string, charsMax: number): string {
  return text.length <= charsMax && isPlain(text) ? text : escaped(text, charsMax, false);
}

/** True of text that a URI takes unchanged, as most values are; the check is one native call. */
function isPlain(text: string): boolean {
  try {
    return encodeURI(text) === text;
  } catch {
    return false; // a lone surrogate
  }
}

/**
 * Needs at most two bytes for each of `charsMax` characters besides the result, however long the text is.
 * `quotes`: the result goes between JSON quotes and must be ASCII.
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

/** Non-ASCII with a glyph. U+2000 to U+206F holds line separators and direction marks; lone surrogates are excluded. */
function isVisible(code: number): boolean {
  return (code > 0x9f && code < 0x2000) || (code > 0x206f && code < 0xd800) || code > 0xdfff;
}

function escapeOf(code: number): string {
  if (code === 0x0a) return "\\n";
  if (code === 0x0d) return "\\r";
  if (code === 0x09) return "\\t";
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
