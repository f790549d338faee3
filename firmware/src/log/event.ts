import { quoted } from "../text/quoting.ts";
import type { Ending } from "./ending.ts";

/** I: worth knowing, W: worth a look, E: a bug or a dead end. ESP-IDF's letters. */
export type Level = "I" | "W" | "E";

/** Why a backend's answer was not passed on: it is invalid, or exceeds this limit of the configuration. */
export type AnswerRefusal = "invalid-answer" | "headBytesMax" | "headLinesMax" | "no-memory";

/** Everything worth reporting. The first word of a line is `on`, the second `what`. */
export type Event =
  | { level: "I"; on: "boot"; version: string; build?: string; reset?: string; heap?: number }
  | { level: "I"; on: "net"; ip: string; rssi?: number }
  | { level: "I"; on: "net"; what: "joining"; ssid: string }
  | { level: "W"; on: "net"; what: "lost" | "join-failed"; retryMs: number }
  /** Another network has given an address; it is kept when a request with the token comes. */
  | { level: "I"; on: "net"; what: "trial"; ssid: string; ms: number }
  | { level: "I"; on: "net"; what: "saved"; ssid: string }
  | { level: "W"; on: "net"; what: "rolled-back"; ssid: string; why: string }
  /** Another token is tried. */
  | { level: "I"; on: "admin"; what: "token-trial"; ms: number }
  | { level: "I"; on: "admin"; what: "token-saved" }
  | { level: "W"; on: "admin"; what: "token-rolled-back"; why: string }
  | { level: "E"; on: "net"; what: "no-ssid"; error: string }
  | { level: "E"; on: "listener"; what: "open-failed"; port: number; error: string }
  | { level: "E"; on: "config"; what: "refused"; error: string }
  /** Which configuration runs, after each start. */
  | { level: "I"; on: "config"; what: "in-force"; source: string; rolledBack?: string }
  /** These settings are new with this build: they are laid over what flash keeps. */
  | { level: "I"; on: "config"; what: "build-settings"; keys: string }
  | { level: "I"; on: "config"; what: "next-start" }
  /** All that was kept is forgotten now. */
  | { level: "W"; on: "config"; what: "factory-reset" }
  | { level: "I"; on: "config"; what: "trial"; ms: number }
  | { level: "I"; on: "config"; what: "saved" }
  /** Clients get 503 until an operator has decided on a document, or do not any more. */
  | { level: "I" | "W"; on: "config"; what: "suspended" | "resumed" }
  | { level: "W"; on: "config"; what: "save-failed"; error: string }
  | { level: "W"; on: "config"; what: "rolled-back"; why: string; error?: string }
  /** The board was reset during the trial of a configuration, which is not in force any more. */
  | { level: "W"; on: "config"; what: "dropped"; why: string; reset?: string }
  | { level: "W"; on: "storage"; what: "ignored" | "failed"; key: string; error: string }
  | { level: "W"; on: "admin"; what: "refused"; client: string; request: string; status: number }
  | {
      level: "I";
      on: "proxy";
      what: "ready";
      ports: string;
      backends: number;
      sessionsMax: number;
      queueMax: number;
    }
  | { level: "I"; on: "proxy"; what: "stopped" }
  | { level: "W"; on: "proxy" | "admin"; what: "accept-failed"; error: string }
  | { level: "I" | "W"; on: "proxy"; what: "memory-low" | "memory-ok"; free: number }
  | { level: "W"; on: "console"; what: "no-port"; error: string }
  | {
      level: "E";
      on: "proxy" | "session" | "admin" | "console" | "net" | "listener";
      what: "exception";
      id?: number;
      port?: number;
      error: string;
    }
  | {
      level: "W";
      on: "backend";
      what: "connect-failed";
      name: string;
      id: number;
      why: "refused" | "timeout";
    }
  | {
      level: "I" | "W";
      on: "backend";
      /** What checks and requests made of it, and `drain-end`: it asks for sessions again. */
      what: "up" | "down" | "ejected" | "drain" | "drain-end";
      name: string;
      /** HAProxy's code for the evidence. */
      check?: string;
      forMs?: number;
    }
  | { level: "I"; on: "backend"; what: "ready" | "drain" | "maint"; name: string }
  | { level: "I"; on: "backend"; what: "weight"; name: string; weight: number }
  | {
      level: "I";
      on: "backend";
      what: "pick";
      /** Of the session. */
      id: number;
      /** A backend, `full` or `none`. */
      picked: string;
      /** The strategy, or `sticky`. */
      by: string;
      /** Each backend's score, the lowest wins, or why it was left out. */
      scores: string;
    }
  | {
      level: "I";
      on: "http";
      what: "request";
      /** Of the session. */
      id: number;
      /** X-Request-Id. */
      request?: string;
      client: string;
      backend?: string;
      method: string;
      path: string;
      status: number;
      in: number;
      out: number;
      retries: number;
      /**
       * HAProxy's timers in milliseconds, -1 where it did not come to that: until the head was
       * there, for a slot, for a connection, for the answer's head, and in all.
       */
      TR: number;
      Tw: number;
      Tc: number;
      Tr: number;
      Ta: number;
      /** HAProxy's termination state. */
      state: string;
      why?: AnswerRefusal | "slow";
    }
  | {
      level: "I" | "W";
      on: "session";
      what: "end";
      id: number;
      client: string;
      /** Raw TCP, or what an HTTP connection was upgraded to; not there where nothing was passed on. */
      protocol?: "raw" | "upgraded";
      backend?: string;
      status?: number;
      in: number;
      out: number;
      ms: number;
      why: Ending;
    }
  /** A control byte came: keywords are no longer looked for in the bytes from there. */
  | { level: "I"; on: "session"; what: "binary"; id: number; from: "client" | "backend" };

/** Takes an event to wherever events go. */
export type Report = (event: Event) => void;

/** One log line as read back. Values are text, as they stand in the line. */
export interface LogLine {
  level: Level;
  /** Milliseconds since boot. */
  ms: number;
  on: string;
  what?: string;
  values: Record<string, string>;
}

/**
 * Characters of a value as it is written: 160 of them take 14 ms at 115200 baud, in which nothing else runs.
 * Strangers choose some values; these two are the board's own words.
 */
const CHARS_MAX = 160;
const ERROR_CHARS_MAX = 400;
/** 32 backends with names of 32 characters. */
const SCORES_CHARS_MAX = 1_400;

function written(key: string, value: string): string {
  if (value.length <= CHARS_MAX || (key !== "error" && key !== "scores")) {
    return quoted(value, CHARS_MAX);
  }
  return quoted(value, key === "error" ? ERROR_CHARS_MAX : SCORES_CHARS_MAX);
}

/** `I (12345) session: end id=17 why=keyword`: for people, and for `parseLine`. */
export function formatLine(ms: number, event: Event): string {
  let line = `${event.level} (${Math.floor(ms)}) ${event.on}:`;
  if ("what" in event) line += ` ${event.what}`;
  for (const key in event) {
    if (key === "level" || key === "on" || key === "what") continue;
    const value = event[key as keyof Event] as string | number | undefined;
    if (value === undefined) continue;
    line += ` ${key}=${typeof value === "number" ? value : written(key, value)}`;
  }
  return line;
}

/** What `formatLine` wrote; `undefined` for anything else that a serial line may hold. */
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

/** A disturbed line may have broken the quoting: then the text counts as it stands. */
function unquoted(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
