import type { Status } from "../../firmware/src/admin/status.ts";
import type { LogLine } from "../../firmware/tools/log-line.ts";
import type { ScriptedBackend } from "./scripted-backend.ts";

/** One client's connection: it sent a unique word, and received the name of its backend. */
export interface Visit {
  readonly endpoint: string | undefined;
  readonly word: string;
  readonly received: string;
}

export interface Evidence {
  readonly visits: readonly Visit[];
  readonly backends: readonly Pick<ScriptedBackend, "name" | "received" | "connections">[];
  /** Ends of sessions, as the board logged them. */
  readonly log: readonly LogLine[];
  /** The board's counters before the first visit and after the last. */
  readonly before: Status;
  readonly after: Status;
}

/**
 * For each connection there are four witnesses: what its client saw, which backend received it, what the
 * board logged, and what the board counted. Returns a sentence for each of them that says otherwise
 * than the client; none is missing when it is empty. As many lines may be missing as the board has dropped.
 */
export function disagreements({ visits, backends, log, before, after }: Evidence): string[] {
  const found: string[] = [];
  let dropped = after.logDropped.requests - before.logDropped.requests;
  for (const { endpoint, word, received } of visits) {
    const who = `${endpoint} ("${word}")`;
    const hearers = backends.filter(backend => backend.received.includes(word));
    const heardBy = hearers.map(({ name }) => name).join(" and ") || "no client";
    if (heardBy !== received)
      found.push(`${who} was answered by ${received}, and received by ${heardBy}`);
    const logged = log.filter(({ values }) => values.client === endpoint);
    const names = logged.map(({ values }) => values.backend ?? "none").join(" and ");
    const isDropped = logged.length === 0 && dropped-- > 0;
    if (names !== received && !isDropped) {
      found.push(`${who} was answered by ${received}, and the log says ${names || "nothing"}`);
    }
  }
  for (const { name } of backends) {
    const served = visits.filter(({ received }) => received === name).length;
    const counted = completed(after, name) - completed(before, name);
    if (counted !== served) {
      found.push(`${name} answered ${served} clients, and the board counted ${counted}`);
    }
  }
  return found;
}

/** Sessions of a backend that came to something: one that it did not take is counted as a failure, too. */
function completed({ backends }: Status, name: string): number {
  const { sessionsTotal = 0, failures = 0 } = backends.find(known => known.name === name) ?? {};
  return sessionsTotal - failures;
}
