import type { LogLine } from "../../firmware/tools/log-line.ts";
import { parseEvent } from "./line.ts";
import type { Moment, ScenarioResult } from "./run.ts";

/** Values that differ from run to run or from board to board: times, ids, addresses, random choices. */
const CHANCE = new Set([
  ...["id", "client", "ip", "ports", "ssid", "rssi", "heap", "version", "build", "scores"],
  ...["ms", "retryMs", "forMs"],
]);

/** HAProxy's timers: only whether the phase was reached is the same each time. */
const TIMERS = new Set(["TR", "Tw", "Tc", "Tr", "Ta"]);

/** Endings of a raw session after the last byte, as opposed to those that cut the stream. */
const WHOLE = new Set(["keyword", "backend-closed"]);

const ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g;

/**
 * Lines of the log that belong together: those of one session, of one backend, or of the board. Their order is
 * the same in each run; the interleaving of threads is not.
 */
export interface Thread {
  readonly kind: "session" | "backend" | "board";
  readonly name: string;
  /** Lines without values that vary; repeated lines count once. */
  readonly lines: readonly string[];
  /** Time of each line. */
  readonly ms: readonly number[];
}

interface OpenThread extends Thread {
  readonly lines: string[];
  readonly ms: number[];
  beganMs: number;
  /** Time of the `proxy: ready` line of the configuration in which the session began, if there was one. */
  configuredMs?: number;
}

interface TimedLine {
  readonly ms: number;
  readonly line: LogLine;
}

/** The start of a configuration, which each scenario has one of. */
interface Configured {
  readonly ms: number;
  /** By the board's own clock, and in which of its boots. */
  readonly boardMs: number;
  readonly boot: number;
}

/** The log of a whole run. */
interface RunLog {
  readonly sessions: readonly OpenThread[];
  /** Lines of no session. */
  readonly others: readonly TimedLine[];
  readonly configured: readonly Configured[];
}

/** The threads of each scenario of a run, in the order in which they began. */
export function logOf(moments: readonly Moment[]): (result: ScenarioResult) => Thread[] {
  const log = runLogOf(moments);
  return ({ atMs, ms }) =>
    [...sessionsOf(log, atMs, ms), ...othersOf(log, atMs, ms)].sort(
      (a, b) => a.beganMs - b.beganMs,
    );
}

function runLogOf(moments: readonly Moment[]): RunLog {
  const sessions: OpenThread[] = [];
  const running = new Map<string, OpenThread>();
  const others: TimedLine[] = [];
  const configured: Configured[] = [];
  let boot = 0;
  for (const { source, text, ms } of moments) {
    const line = source === "serial" ? parseEvent(text) : undefined;
    if (line === undefined) continue;
    if (line.on === "boot") {
      running.clear(); // session ids start at 1 again
      boot++;
    }
    if (line.on === "proxy" && line.what === "ready")
      configured.push({ ms, boardMs: line.ms, boot });
    const { id, ms: lastedMs, Ta = lastedMs } = line.values;
    if (id === undefined) {
      others.push({ ms, line });
      continue;
    }
    const thread = running.get(id) ?? begun("session", id, ms);
    if (!running.has(id)) sessions.push(thread);
    running.set(id, thread);
    add(thread, { ms, line });
    const beganAt = line.ms - Number(Ta ?? 0);
    const within = configured.findLast(one => one.boot === boot && one.boardMs <= beganAt);
    thread.configuredMs = Math.min(within?.ms ?? Infinity, thread.configuredMs ?? Infinity);
    if (line.on !== "session" || line.what !== "end") continue;
    thread.beganMs = Math.min(thread.beganMs, ms - Number(lastedMs));
    running.delete(id);
  }
  return { sessions, others, configured };
}

/** A session belongs to the scenario in which it began, even if its last line is logged later. */
function sessionsOf({ sessions, configured }: RunLog, atMs: number, ms: number): OpenThread[] {
  const configuredFrom = (fromMs: number) =>
    configured.find(one => one.ms >= fromMs)?.ms ?? Infinity;
  const [firstMs, nextMs] = [configuredFrom(atMs), configuredFrom(atMs + ms)];
  // A serial line is slow: lines of a scenario may arrive after the next one has begun.
  return sessions.filter(({ beganMs, configuredMs = Infinity }) =>
    configuredMs === Infinity
      ? beganMs >= atMs && beganMs <= atMs + ms
      : configuredMs >= firstMs && configuredMs < nextMs,
  );
}

/** The lines of each backend and of the board. */
function othersOf({ others }: RunLog, atMs: number, ms: number): OpenThread[] {
  const threads = new Map<string, OpenThread>();
  for (const timed of others) {
    if (timed.ms < atMs || timed.ms > atMs + ms) continue;
    const { name = "" } = timed.line.values;
    const thread = threads.get(name) ?? begun(name === "" ? "board" : "backend", name, timed.ms);
    threads.set(name, thread);
    add(thread, timed);
  }
  return [...threads.values()];
}

function begun(kind: Thread["kind"], name: string, beganMs: number): OpenThread {
  return { kind, name, lines: [], ms: [], beganMs };
}

function add(thread: OpenThread, { ms, line }: TimedLine): void {
  const text = comparable(line);
  if (thread.lines.at(-1) === text) return;
  thread.lines.push(text);
  thread.ms.push(ms);
}

/** The line without values that vary from run to run. */
export function comparable({ level, on, what, values }: LogLine): string {
  const shown = Object.entries(values).flatMap(([key, value]) => {
    if (CHANCE.has(key) || (on === "http" && key === "request")) return [];
    if (on === "net" && (key === "name" || key === "by")) return [];
    if (TIMERS.has(key)) return value === "-1" ? `${key}=-1` : [];
    // Sizes vary: a head contains the board's address, and a stream that was cut ends anywhere.
    const counted = values.status === undefined && WHOLE.has(values.why);
    if ((key === "in" || key === "out") && !counted) return `${key}${value === "0" ? "=0" : ">0"}`;
    return `${key}=${value.replaceAll(ADDRESS, "…")}`;
  });
  return [level, `${on}:`, ...(what === undefined ? [] : [what]), ...shown].join(" ");
}
