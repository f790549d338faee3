import type { Level } from "../src/log/event.ts";

/** A parsed log line. Values are text, as in the line. */
export interface LogLine {
  level: Level;
  /** Milliseconds since boot. */
  ms: number;
  on: string;
  what?: string;
  values: Record<string, string>;
}

/** Reads a line of `formatLine`; `undefined` for any other text on the serial port. */
export function parseLine(line: string): LogLine | undefined {
  const head = /^([IWE]) \((\d+)\) ([a-z]+):(?: ([a-z-]+)(?![^ ]))?/.exec(line);
  if (!head) return undefined;
  const values: Record<string, string> = {};
  for (const [, key, text] of line
    .slice(head[0].length)
    .matchAll(/ ([\w-]+)=("(?:[^"\\]|\\.)*"|[^ ]*)/g)) {
    values[key] = text.startsWith('"') ? unquoted(text) : text;
  }
  return { level: head[1] as Level, ms: Number(head[2]), on: head[3], what: head[4], values };
}

/** If noise on the serial line has broken the quoting, the text is returned as it is. */
function unquoted(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
