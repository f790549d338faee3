import type { Level } from "../src/log/event.ts";

/** A parsed log line. Values are text, as in the line; a request has all of its own, the timers by their names. */
export interface LogLine {
  level: Level;
  /** Milliseconds since boot. */
  ms: number;
  on: string;
  what?: string;
  values: Record<string, string>;
}

/** Reads a line of the log; `undefined` for any other text on the serial port. */
export function parseLine(line: string): LogLine | undefined {
  const head = /^([IWE]) \((\d+)\) ([a-z]+):(?: ([a-z-]+)(?![^ ]))?/.exec(line);
  if (!head) return undefined;
  const values: Record<string, string> = {};
  for (const [, key, text] of line
    .slice(head[0].length)
    .matchAll(/ ([\w-]+)=("(?:[^"\\]|\\.)*"|[^ ]*)/g)) {
    values[key] = text.startsWith('"') ? unquoted(text) : text;
  }
  const [, level, ms, on, what] = head;
  if (on === "http" && what === "request") complete(values);
  return { level: level as Level, ms: Number(ms), on, what, values };
}

/** The timers in the order of `T`. */
const TIMERS = ["TR", "Tw", "Tc", "Tr", "Ta"];

/** Adds what the line of a request leaves out, and its timers by their names. */
function complete(values: LogLine["values"]): void {
  values.retries ??= "0";
  values.state ??= "--";
  const timers = values.T?.split("/") ?? [];
  delete values.T;
  for (const [i, timer] of timers.entries()) values[TIMERS[i] ?? "T"] = timer;
}

/** If noise on the serial line has broken the quoting, the text is returned as it is. */
function unquoted(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
