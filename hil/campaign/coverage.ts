import type { LogLine } from "../../firmware/tools/log-line.ts";
import { indexLog, type LogIndex } from "./log-index.ts";
import type { Observations } from "./observations.ts";

type Goal = (log: LogIndex, seen: Observations) => boolean;

const request =
  (wanted: (values: LogLine["values"]) => boolean): Goal =>
  ({ requests }) =>
    requests.some(({ values }) => wanted(values));

const state = (state: string, status: number) =>
  request(values => values.state === state && values.status === String(status));

const end =
  (wanted: (values: LogLine["values"]) => boolean): Goal =>
  ({ ends }) =>
    ends.some(({ values }) => wanted(values));

const why = (why: string) => end(values => values.why === why);

/** An event of the log. */
const event =
  (on: string, what: string, why?: string): Goal =>
  ({ lines }) =>
    lines.some(
      line => line.on === on && line.what === what && (why ?? line.values.why) === line.values.why,
    );

const config =
  (what: string): Goal =>
  ({ lines }) =>
    lines.some(line => line.on === "config" && line.what === what);

/**
 * Rare branches, and how to see that a run has taken them. A campaign that never takes one of them
 * proves nothing about it, and fails.
 */
const SOMETIMES: Readonly<Record<string, Goal>> = {
  "a retry that helped": request(v => Number(v.retries) > 0 && v.status === "200"),
  "two retries": request(v => Number(v.retries) > 1),
  "a kept connection died under a request, and another one served": (_log, seen) =>
    [...seen.requests.values()].some(
      arrivals => arrivals.length > 1 && arrivals.some(({ fresh }) => !fresh),
    ),
  "a backend's connection served a second request": (_log, seen) =>
    [...seen.requests.values()].some(arrivals => arrivals.some(({ fresh }) => !fresh)),
  "502, every backend refused": state("SC", 502),
  "502, the backend left before its answer": state("SH", 502),
  "502, invalid response": state("PH", 502),
  "503, full": end(v => v.why === "full" && v.status === "503"),
  "refused, memory was low": end(v => v.why === "no-memory" && v.backend === undefined),
  "ended, memory was low": end(v => v.why === "no-memory" && v.backend !== undefined),
  "a slow body or stream gave its slot to another": (log, seen) =>
    why("slow")(log, seen) || request(v => v.why === "slow")(log, seen),
  "503, waited too long": end(v => v.why === "queue-timeout" && v.status === "503"),
  "a close for a raw client, full": end(v => v.why === "full" && v.status === undefined),
  "waited for a slot and was served": request(v => Number(v.Tw) > 0 && v.status === "200"),
  "504, no backend took the connection in time": state("sC", 504),
  "504, no answer in time": state("sH", 504),
  "408, a slow-loris": state("cR", 408),
  "400, a malformed head": state("PR", 400),
  "400, a malformed body": state("PD", 400),
  "413, too large": request(v => v.status === "413"),
  "431, too long": state("PR", 431),
  "an answer cut by its backend": state("SD", 200),
  "an answer cut because its client stopped reading": state("cD", 200),
  "an answer cut because its backend stopped sending": state("sD", 200),
  "a client left before its answer": state("CH", 499),
  "a client left while a backend was connected": state("CC", 499),
  "a client left during its answer": state("CD", 200),
  "a client left during its head": state("CR", 499),
  "a backend was down, and came back": ({ lines }) =>
    ["down", "up"].every(what => lines.some(e => e.on === "backend" && e.what === what)),
  "a backend was ejected": ({ lines }) =>
    lines.some(({ on, what }) => on === "backend" && what === "ejected"),
  "503, no backend had room": request(v => v.state === "sQ" || v.state === "SQ"),
  "the board had no heap left": (_log, seen) => seen.outOfHeap,
  "a keyword": why("keyword"),
  "an upgrade": request(v => v.status === "101"),
  "a half-open session was reaped": why("tunnel-timeout"),
  "a silent client was closed": why("idle"),
  "a raw client found no backend": why("refused"),
  "a raw client's backends did not answer": why("connect-timeout"),
  "a raw client's backend closed": why("backend-closed"),
  "a raw client closed": why("client-closed"),
  "another backend took a raw client": ({ failures, ends }) =>
    ends.some(
      ({ values }) =>
        values.backend !== undefined && failures.some(({ values: v }) => v.id === values.id),
    ),
  "a second request in one segment was answered": (_log, seen) =>
    [...seen.clients.values()].some(
      ({ part, answers }) => part.does === "http" && part.pipelined > 1 && answers.length > 1,
    ),
  "a change was in force at once": (_log, { effects }) => [...effects.values()].includes("done"),
  "a change was refused": (_log, { effects }) => [...effects.values()].includes("refused"),
  "a document waited for the next start": (_log, { effects }) =>
    [...effects.values()].includes("next-start"),
  "a document was kept": config("saved"),
  "a document was rolled back": config("rolled-back"),
  "a reset rolled back a document on trial": ({ lines }) =>
    lines.some(
      ({ on, what, values }) => on === "config" && what === "rolled-back" && values.why === "reset",
    ),
  "a connection that could not be accepted": ({ lines }) =>
    lines.some(({ on, what }) => on === "proxy" && what === "accept-failed"),
  "a request was held until its machine was awake": request(
    v => Number(v.held) > 0 && v.status === "200",
  ),
  "a raw client was held until its machine was awake": end(
    v => Number(v.held) > 0 && v.protocol === "raw" && v.backend !== undefined,
  ),
  "503, its machine did not wake": request(v => v.why === "wake-failed" && v.status === "503"),
  "503, it may wake no machine": request(v => v.why === "asleep" && v.status === "503"),
  "503, no more may be held": request(v => v.why === "held-full" && v.status === "503"),
  "a client left while it was held": request(v => Number(v.held) > 0 && v.status === "499"),
  "a power button was pressed": event("machine", "pressed"),
  "a machine was not awake in time": event("machine", "failed"),
  "a machine fell asleep by itself": event("machine", "asleep", "unreachable"),
  "a name could not be resolved": event("backend", "unresolved"),
  "a name has moved": ({ lines }) =>
    lines.some(
      (line, at) =>
        line.what === "resolved" &&
        lines
          .slice(0, at)
          .some(
            ({ what, values }) =>
              what === "resolved" &&
              values.name === line.values.name &&
              values.addresses !== line.values.addresses,
          ),
    ),
  "went on after a loss of Wi-Fi": (_log, seen) =>
    seen.outages.some(({ fromMs, toMs }) =>
      [...seen.clients.values()].some(
        ({ served, openMs, closedMs, error }) =>
          served && error === undefined && openMs! < fromMs && closedMs! > toMs,
      ),
    ),
  "served again after a reboot": ({ boots }) =>
    boots
      .slice(1)
      .some(boot => boot.some(({ on, values }) => on === "http" && values.status === "200")),
};

/** Goals of machines and names: on a lab that has them. */
export const HOST_GOALS: readonly string[] = [
  "a request was held until its machine was awake",
  "a raw client was held until its machine was awake",
  "503, its machine did not wake",
  "503, it may wake no machine",
  "503, no more may be held",
  "a client left while it was held",
  "a power button was pressed",
  "a machine was not awake in time",
  "a machine fell asleep by itself",
  "a name could not be resolved",
  "a name has moved",
];

/** Names of all coverage goals. */
export const COVERAGE_GOALS: readonly string[] = Object.keys(SOMETIMES);

/** The goals that a finished run has reached. */
export function goalsReached(seen: Observations): string[] {
  const log = indexLog(seen);
  return COVERAGE_GOALS.filter(name => SOMETIMES[name](log, seen));
}
