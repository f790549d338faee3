import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";

/** An event of the firmware's log; a stray carriage return ends it. */
const EVENT = /[IWE] \(\d+\) [a-z]+:[^\r]*/;

/** A value of an event that came from outside: the firmware quotes every value with a blank in it. */
const QUOTED = /="(?:[^"\\]|\\.)*"/g;

/**
 * The line with the same length and nothing in its quoted values. Signs of the chip are looked for in this
 * text: a request may name a panic, and its name stands in quotes.
 */
export function withoutValues(text: string): string {
  return text.replace(QUOTED, quoted => `="${"·".repeat(quoted.length - 3)}"`);
}

/** The event in a line. In front of it may be noise, or what is being typed at the console. */
export function eventIn(text: string): string | undefined {
  const match = EVENT.exec(withoutValues(text));
  return match === null ? undefined : text.slice(match.index, match.index + match[0].length);
}

/** The same, read. */
export function parseEvent(text: string): LogLine | undefined {
  const event = eventIn(text);
  return event === undefined ? undefined : parseLine(event);
}
