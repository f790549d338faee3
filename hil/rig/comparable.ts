import { type LogLine, parseLine } from "../../firmware/src/admin/event.ts";
import type { Moment } from "./run.ts";

/** What is another value in each run, or on each board: times, ids, addresses, what chance decided. */
const CHANCE = new Set([
  ...["id", "client", "ip", "ports", "ssid", "rssi", "heap", "version", "scores"],
  ...["ms", "retryMs", "forMs"],
]);

/** HAProxy's timers: only whether it came to that is the same each time. */
const TIMERS = new Set(["TR", "Tw", "Tc", "Tr", "Ta"]);

/** Endings of a raw session that come after the last byte, and not amid them. */
const WHOLE = new Set(["keyword", "backend-closed"]);

const ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g;

/**
 * Lines of the log that follow from one another: those of one session, of one backend, or of the board.
 * Their order is the same in each run; how those of two sessions mingle is chance.
 */
export interface Thread {
  readonly kind: "session" | "backend" | "board";
  readonly name: string;
  /** Without anything that is left to chance. */
  readonly lines: readonly string[];
  /** When each one came. */
  readonly ms: readonly number[];
}

/** The log of a stretch of a run as threads, in the order of their first lines. */
export function threads(moments: readonly Moment[]): Thread[] {
  const found = new Map<
    string,
    { kind: Thread["kind"]; name: string; lines: string[]; ms: number[] }
  >();
  let boots = 0;
  for (const { source, text, ms } of moments) {
    const line = source === "serial" ? parseLine(text) : undefined;
    if (line === undefined) continue;
    if (line.on === "boot") boots++; // a board that starts anew counts its sessions anew
    const { kind, name } = threadOf(line);
    const key = `${kind === "session" ? boots : ""} ${kind} ${name}`;
    const thread = found.get(key) ?? { kind, name, lines: [], ms: [] };
    found.set(key, thread);
    thread.lines.push(comparable(line));
    thread.ms.push(ms);
  }
  return [...found.values()];
}

function threadOf({ values: { id, name } }: LogLine): Pick<Thread, "kind" | "name"> {
  if (id !== undefined) return { kind: "session", name: id };
  if (name !== undefined) return { kind: "backend", name };
  return { kind: "board", name: "" };
}

/** A line of the log as every run has it that goes the same way. */
export function comparable({ level, on, what, values }: LogLine): string {
  const told = Object.entries(values).flatMap(([key, value]) => {
    if (CHANCE.has(key) || (on === "http" && key === "request")) return [];
    if (TIMERS.has(key)) return value === "-1" ? `${key}=-1` : [];
    // A head is longer where the board's address is, and a stream that was cut ends anywhere.
    const counted = values.status === undefined && WHOLE.has(values.why);
    if ((key === "in" || key === "out") && !counted) return `${key}${value === "0" ? "=0" : ">0"}`;
    return `${key}=${value.replaceAll(ADDRESS, "…")}`;
  });
  return [level, `${on}:`, ...(what === undefined ? [] : [what]), ...told].join(" ");
}
