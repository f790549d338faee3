import type { SocketFailure } from "../platform.ts";
import { quoted } from "../text/quoting.ts";
import type { Ending } from "./ending.ts";
import { VALUE_CHARS_MAX } from "./line-format.ts";

/** ESP-IDF's letters: I is information, W a warning, E an error (a bug, or something that needs a person). */
export type Level = "I" | "W" | "E";

/** Why a backend's response was not forwarded: it is invalid, or exceeds this limit of the configuration. */
export type AnswerRefusal = "invalid-answer" | "headBytesMax" | "headLinesMax" | "no-memory";

/**
 * Why a client is not held, or no longer, for a machine that sleeps: it may not wake the machine; `heldMax` clients are held already;
 * memory is low; the machine was not ready in time. `waking`: it is a browser, and gets a page that asks again.
 */
export type HoldRefusal = "asleep" | "held-full" | "no-memory" | "wake-failed" | "waking";

/** Why there is no connection to a backend. With the SDK's sockets all but a timeout are `refused`. */
export type ConnectError = Exclude<SocketFailure, "memory">;

/**
 * All events that are logged. A line begins with `on`, the part concerned, and `what` happened. The lines of requests,
 * of sessions and of dropped lines are written by the formats of line-format.ts, the others by `formatLine`.
 */
export type Event =
  | { level: "I"; on: "boot"; version: string; build?: string; reset?: string; heap?: number }
  /** The board has an address: from DHCP, or that of the configuration. `name`: its host name. */
  | {
      level: "I";
      on: "net";
      ip: string;
      name?: string;
      by?: "dhcp" | "static";
      rssi?: number;
    }
  | { level: "I"; on: "net"; what: "joining"; ssid: string }
  | { level: "I"; on: "net"; what: "leaving"; retryMs: number }
  | { level: "W"; on: "net"; what: "lost" | "join-failed"; retryMs: number; error?: string }
  /** Another network is joined and on trial; it is saved when a request, with the token if one is set, arrives over it. */
  | { level: "I"; on: "net"; what: "trial"; ssid: string; ms: number }
  | { level: "I"; on: "net"; what: "saved"; ssid: string }
  | { level: "W"; on: "net"; what: "rolled-back"; ssid: string; why: string }
  /** The board has this name by multicast DNS, or another host has it. */
  | { level: "I"; on: "mdns"; what: "claimed"; name: string; ip: string }
  | { level: "W"; on: "mdns"; what: "conflict"; name: string }
  /** Multicast DNS could not be opened; it is tried again. */
  | { level: "W"; on: "mdns"; what: "failed"; error: string }
  /** The board knows the time now (`utc`), or has corrected it by `stepMs`: `utc` is the time of this line's milliseconds. */
  | { level: "I"; on: "time"; what: "set"; utc: string; server: string; stepMs?: number }
  /** The first failed request after a success or the start; tried again after `retryMs`. */
  | { level: "W"; on: "time"; what: "failed"; server: string; why: string; retryMs: number }
  /** Another token is on trial. */
  | { level: "I"; on: "admin"; what: "token-trial"; ms: number }
  | { level: "I"; on: "admin"; what: "token-saved" }
  | { level: "W"; on: "admin"; what: "token-rolled-back"; why: string }
  | { level: "E"; on: "net"; what: "no-ssid"; error: string }
  | { level: "E"; on: "listener"; what: "open-failed"; port: number; error: string }
  | { level: "I"; on: "listener"; what: "opened"; port: number }
  | { level: "E"; on: "config"; what: "refused"; error: string }
  /** Which configuration runs; logged once per start. */
  | { level: "I"; on: "config"; what: "in-force"; source: string; rolledBack?: string }
  /** The settings `keys` are new in this build and override the saved configuration once. */
  | { level: "I"; on: "config"; what: "build-settings"; keys: string }
  | { level: "I"; on: "config"; what: "next-start" }
  /** Everything saved in flash is erased. */
  | { level: "W"; on: "config"; what: "factory-reset" }
  | { level: "I"; on: "config"; what: "trial"; ms: number }
  | { level: "I"; on: "config"; what: "saved" }
  /** Clients get 503 until an operator applies a configuration; `resumed` ends that. */
  | { level: "I" | "W"; on: "config"; what: "suspended" | "resumed" }
  | { level: "W"; on: "config"; what: "save-failed"; error: string }
  | { level: "W"; on: "config"; what: "rolled-back"; why: string; reset?: string; error?: string }
  /** The board was reset while a configuration was on trial; that configuration is dropped. */
  | { level: "W"; on: "storage"; what: "ignored" | "failed"; key: string; error: string }
  /** Flash has an older partition table: `documentBytesMax` is less than on a board with the current one. */
  | { level: "W"; on: "storage"; what: "small"; bytes: number; documentBytesMax: number }
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
      on: "proxy" | "session" | "admin" | "console" | "net" | "listener" | "mdns";
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
      why: ConnectError;
    }
  | {
      level: "I" | "W";
      on: "backend";
      /** A change by health checks or requests. `drain`: a check was answered with 404; `drain-end`: no longer. */
      what: "up" | "down" | "ejected" | "drain" | "drain-end";
      name: string;
      /** HAProxy's code of the check or request that caused it. */
      check?: string;
      forMs?: number;
    }
  | { level: "I"; on: "backend"; what: "ready" | "drain" | "maint"; name: string }
  | {
      level: "I";
      on: "backend";
      /** The host name has its first addresses or others, or is resolved again after a failure. */
      what: "resolved";
      name: string;
      host: string;
      addresses: string;
      /** In seconds. */
      ttl: number;
    }
  | {
      level: "W";
      on: "backend";
      /** The first failure to resolve the host name after a success or the start. */
      what: "unresolved";
      name: string;
      host: string;
      why: string;
      /** The addresses that are still used. */
      addresses?: string;
    }
  | {
      level: "I" | "W";
      on: "machine";
      /** A change of its state. `failed`: no backend of it was ready in time. */
      what: "waking" | "awake" | "asleep" | "failed";
      name: string;
      why: string;
      /** How long it was in the state before. */
      ms: number;
      /** The session whose client wakes it. */
      id?: number;
    }
  /** A machine was asked to sleep: the status of its answer, or why there is none. */
  | {
      level: "I" | "W";
      on: "machine";
      what: "sleep-request";
      name: string;
      result: string;
      ms: number;
    }
  /** The power button was pressed. */
  | { level: "I"; on: "machine"; what: "pressed"; name: string; gpio: number }
  /** A magic packet could not be sent, or the power button not be pressed; logged once each time that it is woken. */
  | { level: "W"; on: "machine"; what: "wake-error"; name: string; error: string }
  | { level: "I"; on: "backend"; what: "weight"; name: string; weight: number }
  | {
      level: "I";
      on: "backend";
      what: "pick";
      /** The id of the session. */
      id: number;
      /** The chosen backend, `full` or `none`. */
      picked: string;
      /** The strategy, or `sticky`. */
      by: string;
      /** Each backend's score (the lowest wins), or why it could not be picked. */
      scores: string;
    }
  | {
      level: "I";
      on: "http";
      what: "request";
      /** The id of the session. */
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
      /** Further attempts; absent if there was none. */
      retries?: number;
      /** How long the client was held for a machine that sleeps; absent if it was not. */
      held?: number;
      /**
       * HAProxy's timers TR/Tw/Tc/Tr/Ta in milliseconds, -1 for a phase that was not reached: request head, queue,
       * connection, response head, and total.
       */
      T: string;
      /** HAProxy's termination state; absent if the request ended normally. */
      state?: string;
      why?: AnswerRefusal | HoldRefusal | "slow";
    }
  /** Lines that the serial port did not get since the last such line. */
  | { level: "W"; on: "log"; what: "dropped"; requests: number; board: number }
  | {
      level: "I" | "W";
      on: "session";
      what: "end";
      id: number;
      client: string;
      /** Raw TCP, an upgraded HTTP connection, or TLS; absent when nothing was forwarded. */
      protocol?: "raw" | "upgraded" | "tls";
      backend?: string;
      /** The server name that a TLS client wants, and the application protocols that it offers, such as `h2,http/1.1`. */
      sni?: string;
      alpn?: string;
      status?: number;
      in: number;
      out: number;
      /** Further backends that were tried with a TLS hello; absent if there was none. */
      retries?: number;
      /** How long the client was held for a machine that sleeps; absent if it was not. */
      held?: number;
      ms: number;
      why: Ending;
    }
  /** A control byte arrived: the search for keywords in this direction has ended. */
  | { level: "I"; on: "session"; what: "binary"; id: number; from: "client" | "backend" };

/** Logs an event. */
export type Report = (event: Event) => void;

/** The firmware itself writes these values; they may be longer than others. */
const ERROR_CHARS_MAX = 400;
/** 32 backends with names of 32 characters. */
const SCORES_CHARS_MAX = 1_400;

function longValue(key: string, value: string): string {
  if (key === "error") return quoted(value, ERROR_CHARS_MAX);
  return quoted(value, key === "scores" ? SCORES_CHARS_MAX : VALUE_CHARS_MAX);
}

/** The log line of an event, such as `I (12345) session: end id=17 why=keyword`. */
export function formatLine(ms: number, event: Event): string {
  let line = `${event.level} (${Math.round(ms)}) ${event.on}:`;
  if ("what" in event) line += ` ${event.what}`;
  let written = 0; // of these three; they come first, so the other keys are not compared
  for (const key in event) {
    if (written < 3 && (key === "level" || key === "on" || key === "what")) {
      written++;
      continue;
    }
    const value = event[key as keyof Event] as string | number | undefined;
    if (value === undefined) continue;
    if (typeof value === "number") line += ` ${key}=${value}`;
    else if (value.length > VALUE_CHARS_MAX) line += ` ${key}=${longValue(key, value)}`;
    else line += ` ${key}=${quoted(value, VALUE_CHARS_MAX)}`;
  }
  return line;
}
