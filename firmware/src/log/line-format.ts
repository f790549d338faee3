/**
 * The format of a line that is written without strings for its parts: text, in which a control character stands for a
 * value. `writeLine` gets the values: up to seven texts, which it quotes as `quoted` does, and up to twelve numbers,
 * which it rounds.
 */

/** Most texts of a line. */
export const TEXTS = 7;

/** Longest text in a line, in characters. Clients choose some texts. */
export const VALUE_CHARS_MAX = 160;

/** The characters for the first text and the first number. */
export const FIRST_TEXT = 0x01;
export const FIRST_NUMBER = 0x10;

/**
 * Stands before a value's character and is followed by text that ends in this character again: all of it is left out if
 * the value is 0 or empty.
 */
export const OPTIONAL = 0x1f;

function text(index: number): string {
  return String.fromCharCode(FIRST_TEXT + index);
}

function number(index: number): string {
  return String.fromCharCode(FIRST_NUMBER + index);
}

/** A field that is left out if its value is 0 or empty. */
function optional(key: string, value: string): string {
  return `${String.fromCharCode(OPTIONAL)}${value} ${key}=${value}`;
}

function requestLine(client: string, held: string): string {
  return [
    `I (${number(0)}) http: request id=${number(1)}${optional("request", text(0))}`,
    ` client=${client}${optional("backend", text(2))} method=${text(3)} path=${text(4)}`,
    ` status=${number(3)} in=${number(4)} out=${number(5)}${optional("retries", number(6))}${held}`,
    ` T=${number(7)}/${number(8)}/${number(9)}/${number(10)}/${number(11)}`,
    `${optional("state", text(5))}${optional("why", text(6))}`,
  ].join("");
}

/** Texts: request, address, backend, method, path, state, why. Numbers: ms, id, port, status, in, out, retries, timers. */
export const REQUEST_LINE = requestLine(`${text(1)}:${number(2)}`, "");

/**
 * The same of a client that was held for a machine that sleeps: a line has room for twelve numbers, so address and port are one
 * text, and number 2 is how long it was held.
 */
export const HELD_REQUEST_LINE = requestLine(text(1), optional("held", number(2)));

/** Texts: level, address, protocol, backend, why, sni, alpn. Numbers: ms, id, port, status, in, out, duration, retries, held. */
export const SESSION_LINE = [
  `${text(0)} (${number(0)}) session: end id=${number(1)} client=${text(1)}:${number(2)}`,
  `${optional("protocol", text(2))}${optional("backend", text(3))}`,
  `${optional("sni", text(5))}${optional("alpn", text(6))}${optional("status", number(3))}`,
  ` in=${number(4)} out=${number(5)}${optional("retries", number(7))}${optional("held", number(8))}`,
  ` ms=${number(6)} why=${text(4)}`,
].join("");

/** Numbers: ms, requests, board. */
export const DROPPED_LINE = `W (${number(0)}) log: dropped requests=${number(1)} board=${number(2)}`;
