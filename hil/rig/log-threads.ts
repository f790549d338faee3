import type { LogLine } from "../../firmware/tools/log-line.ts";
import { parseEvent } from "./line.ts";
import type { Moment, ScenarioResult } from "./run.ts";

/** What is another value in each run, or on each board: times, ids, addresses, what chance decided. */
const CHANCE = new Set([
  ...["id", "client", "ip", "ports", "ssid", "rssi", "heap", "version", "build", "scores"],
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
  /** Without anything that is left to chance; how often a line is repeated is left to time. */
  readonly lines: readonly string[];
  /** When each one came. */
  readonly ms: readonly number[];
}

interface OpenThread extends Thread {
  readonly lines: string[];
  readonly ms: number[];
  beganMs: number;
  /** When the line came that told of the configuration in which it began, where one did. */
  configuredMs?: number;
}

interface Told {
  readonly ms: number;
  readonly line: LogLine;
}

/** The log of a run, scenario by scenario: its threads in the order in which they began. */
export function logOf(moments: readonly Moment[]): (result: ScenarioResult) => Thread[] {
  const sessions: OpenThread[] = [];
  const running = new Map<string, OpenThread>();
  const rest: Told[] = [];
  /** A scenario gives the board a configuration: when each was told of, and at which time of the board. */
  const configured: { readonly ms: number; readonly boardMs: number; readonly boot: number }[] = [];
  let boot = 0;
  for (const { source, text, ms } of moments) {
    const line = source === "serial" ? parseEvent(text) : undefined;
    if (line === undefined) continue;
    if (line.on === "boot") {
      running.clear(); // a board that starts anew counts its sessions anew
      boot++;
    }
    if (line.on === "proxy" && line.what === "ready")
      configured.push({ ms, boardMs: line.ms, boot });
    const { id, ms: lastedMs, Ta = lastedMs } = line.values;
    if (id === undefined) {
      rest.push({ ms, line });
      continue;
    }
    const thread = running.get(id) ?? begun("session", id, ms);
    if (!running.has(id)) sessions.push(thread);
    running.set(id, thread);
    add(thread, { ms, line });
    const beganAt = line.ms - Number(Ta ?? 0);
    const within = configured.findLast(told => told.boot === boot && told.boardMs <= beganAt);
    thread.configuredMs = Math.min(within?.ms ?? Infinity, thread.configuredMs ?? Infinity);
    if (line.on !== "session" || line.what !== "end") continue;
    thread.beganMs = Math.min(thread.beganMs, ms - Number(lastedMs));
    running.delete(id);
  }
  return ({ atMs, ms }) => {
    const during = (thenMs: number) => thenMs >= atMs && thenMs <= atMs + ms;
    const configuredFrom = (fromMs: number) =>
      configured.find(told => told.ms >= fromMs)?.ms ?? Infinity;
    const [firstMs, nextMs] = [configuredFrom(atMs), configuredFrom(atMs + ms)];
    // A serial line is slow: what a scenario has left to say comes when the next has begun.
    const isOfIt = ({ beganMs, configuredMs = Infinity }: OpenThread) =>
      configuredMs === Infinity
        ? during(beganMs)
        : configuredMs >= firstMs && configuredMs < nextMs;
    const others = new Map<string, OpenThread>();
    for (const told of rest) {
      if (!during(told.ms)) continue;
      const { name = "" } = told.line.values;
      const thread = others.get(name) ?? begun(name === "" ? "board" : "backend", name, told.ms);
      others.set(name, thread);
      add(thread, told);
    }
    // A session belongs to the scenario in which it began, even if its end is told later.
    return [...sessions.filter(isOfIt), ...others.values()].sort((a, b) => a.beganMs - b.beganMs);
  };
}

function begun(kind: Thread["kind"], name: string, beganMs: number): OpenThread {
  return { kind, name, lines: [], ms: [], beganMs };
}

function add(thread: OpenThread, { ms, line }: Told): void {
  const text = comparable(line);
  if (thread.lines.at(-1) === text) return;
  thread.lines.push(text);
  thread.ms.push(ms);
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
