import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";
import type { ClientObservation, Observations } from "./observations.ts";

/** Events of a backend that changes its state. */
const HEALTH = ["up", "down", "ejected", "drain", "drain-end"];

/** Termination states of requests for which there was no room: no socket, no backend with room. */
const CAPACITY_STATES = ["RC", "SQ", "sQ"];

/** The board's log of a run, by kind of event. */
export interface LogIndex {
  /** Every line, by the boot of the board in which it was written. */
  readonly boots: readonly (readonly LogLine[])[];
  readonly lines: readonly LogLine[];
  /** `session: end`. */
  readonly ends: readonly LogLine[];
  /** `http: request`. */
  readonly requests: readonly LogLine[];
  /** `backend: connect-failed`: a backend did not take a connection. */
  readonly failures: readonly LogLine[];
  /** No backend was taken out of the balance, or brought back. */
  readonly healthy: boolean;
  /** A client was queued or refused, or memory was low. */
  readonly capacityReached: boolean;
  endOf(client: ClientObservation): LogLine | undefined;
}

export function indexLog(seen: Observations): LogIndex {
  const { lines: texts, app } = seen.lab;
  const lines = texts.flatMap(text => parseLine(text) ?? []);
  const boots: LogLine[][] = [[]];
  for (const line of lines) {
    // Each boot logs its configuration first.
    if (line.on === "config" && line.what === "in-force") boots.push([]);
    boots.at(-1)!.push(line);
  }
  if (boots.length > 1) boots.splice(0, 2, [...boots[0], ...boots[1]]);
  const of = (on: string, what: string) => lines.filter(e => e.on === on && e.what === what);
  const ends = of("session", "end");
  const requests = of("http", "request");
  const turnedAway = ["full", "queue-timeout", "no-socket", "held-full"];
  const byAddress = new Map(ends.map(end => [end.values.client.split(":")[0], end]));
  return {
    boots,
    lines,
    ends,
    requests,
    failures: of("backend", "connect-failed"),
    healthy: !lines.some(({ on, what }) => on === "backend" && HEALTH.includes(what ?? "")),
    capacityReached:
      lines.some(({ on, what }) => on === "proxy" && what === "memory-low") ||
      seen.sessionsPeak >= app!.proxy.budget.sessionsMax ||
      ends.some(({ values }) => turnedAway.includes(values.why)) ||
      requests.some(
        ({ values }) => CAPACITY_STATES.includes(values.state) || Number(values.Tw) > 0,
      ),
    endOf: ({ address }) => byAddress.get(address),
  };
}
