import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";

/** An event of the firmware's log; a stray carriage return ends it. */
const EVENT = /[IWE] \(\d+\) [a-z]+:[^\r]*/;

/**
 * A quoted value of an event, which may come from outside: the firmware quotes every value that contains a
 * blank.
 */
const QUOTED = /="(?:[^"\\]|\\.)*"/g;

/**
 * Blanks out quoted values; the length stays. Signs of faults are looked for in this text: a request may
 * contain the text of a panic, but only in quotes.
 */
export function withoutValues(text: string): string {
  return text.replace(QUOTED, quoted => `="${"·".repeat(quoted.length - 3)}"`);
}

/** The event in a line, without noise or typed text before it. */
export function eventIn(text: string): string | undefined {
  const match = EVENT.exec(withoutValues(text));
  return match === null ? undefined : text.slice(match.index, match.index + match[0].length);
}

/** The event in a line, parsed. */
export function parseEvent(text: string): LogLine | undefined {
  const event = eventIn(text);
  return event === undefined ? undefined : parseLine(event);
}
