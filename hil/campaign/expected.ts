import { changed, changedMuch } from "./changes.ts";
import type { LogIndex } from "./log-index.ts";
import { machinesMayFail } from "./machines.ts";
import { MALFORMED } from "./malformed.ts";
import { namesMayFail } from "./names.ts";
import type { ClientObservation, Observations } from "./observations.ts";
import {
  type HttpClient,
  hasBody,
  isChecked,
  only,
  type PlannedRequest,
  type RawClient,
  setting,
} from "./plan.ts";

/**
 * The result that each client must get in a run without faults, losses or slow links, unless it leaves early: no
 * other outcome is allowed.
 */
export function checkCalm(seen: Observations, log: LogIndex): void {
  const { plan, lab } = seen;
  const weather = only(plan, "link").map(({ settings }) => settings);
  if (only(plan, "fault").length > 0 || seen.clientsVanish) return;
  if (weather.some(({ loss, bytesPerSecond }) => loss || bytesPerSecond)) return;
  if (seen.outOfHeap || machinesMayFail(plan) || namesMayFail(plan)) return;

  const clients = [...seen.clients.values()];
  for (const observed of clients) {
    seen.expect(
      observed.closedMs !== undefined || stalls(observed),
      "a client's connection never ended",
    );
  }
  if (!clients.some(stalls) && !isChecked(plan)) {
    seen.expect(lab.connections().length === 0, "a host still has a connection");
  }
  if (log.capacityReached || !log.healthy || changedMuch(seen)) return;
  for (const observed of clients) {
    if (observed.left || stalls(observed)) continue;
    const { part } = observed;
    if (part.does === "raw") checkRaw(seen, log, observed, part);
    else if (changed(seen))
      continue; // kept connections end with a configuration
    else if (part.does === "http") checkHttp(seen, observed, part);
    else if (part.does === "malformed") {
      const { status } = MALFORMED[part.which];
      seen.expect(observed.answers[0]?.status === status, `malformed ${part.which}: not ${status}`);
      seen.expect(observed.error === undefined, "a malformed request ended in a reset");
    } else if (part.does === "slow-loris") {
      seen.expect(observed.answers[0]?.status === 408, "a slow-loris did not get its 408");
    }
  }
}

/** True of a client that stops reading, so it never sees the end of its connection. */
function stalls({ part }: ClientObservation): boolean {
  return "reading" in part && part.reading === "stalled";
}

/** Largest upload that arrives in one piece with its keyword and the bytes behind it. */
const SEGMENT_BYTES = 1_000;

/** The `why` of each ending in the log. */
const WHY: Record<RawClient["ends"], string> = {
  client: "client-closed",
  hasty: "client-closed",
  backend: "backend-closed",
  neither: "tunnel-timeout",
  keyword: "keyword",
  "answer-keyword": "keyword",
};

/** Endings after which the backend has received everything, and those after which the client has. */
const UPLOADED: readonly RawClient["ends"][] = ["client", "hasty", "neither", "keyword"];
const DOWNLOADED: readonly RawClient["ends"][] = ["client", "neither", "backend", "answer-keyword"];

function checkRaw(
  seen: Observations,
  { endOf }: LogIndex,
  observed: ClientObservation,
  part: RawClient,
): void {
  const ends = seen.endsOf(part);
  const arrival = seen.raw.find(({ id }) => id === part.id);
  const values = endOf(observed)?.values;
  seen.expect(arrival !== undefined, "a raw client reached no backend");
  seen.expect(
    values?.why === WHY[ends],
    `a raw client's session ended by ${values?.why}, not ${WHY[ends]}`,
  );
  if (arrival === undefined || values === undefined) return;
  if (UPLOADED.includes(ends)) {
    seen.expect(arrival.received.complete, `a backend missed bytes of a client (${ends})`);
  }
  // A client that still sends when the backend has closed may be reset before it has read everything: this
  // chip cannot close one direction alone.
  const reset = ends === "backend" && part.reading === "slow" && observed.error !== undefined;
  if (DOWNLOADED.includes(ends) && !reset) {
    seen.expect(observed.received!.complete, `a raw client missed bytes of its backend (${ends})`);
  }
  if (ends === "keyword" && part.reading === "steady") {
    seen.expect(
      observed.received!.complete,
      "a raw client missed bytes of the answer to its keyword",
    );
  }
  if (ends === "keyword" && part.writing.gapMs === 0 && part.upBytes < SEGMENT_BYTES) {
    seen.expect(observed.error === undefined, "a keyword ended in a reset");
  }
  if (ends !== "client" && ends !== "neither") return;
  const header = part.upgrade ? 0 : `POT ${part.id}\n`.length;
  const right =
    Number(values.in) === arrival.received.count + header &&
    Number(values.out) === observed.received!.count;
  seen.expect(right, "the log counts other bytes than were sent");
}

function checkHttp(
  seen: Observations,
  observed: ClientObservation,
  { requests }: HttpClient,
): void {
  seen.expect(!observed.served || observed.error === undefined, "a served client met a reset");
  seen.expect(observed.answers.length > 0, "a request was not answered");
  for (const { index, status, complete } of observed.answers) {
    const request = requests[index];
    const allowed = statuses(seen, request);
    seen.expect(allowed.includes(status), `${request.mode}: ${status} instead of ${allowed}`);
    const cut = request.mode === "cut" || request.mode === "cut-chunked";
    seen.expect(complete || cut, `${request.mode}: an answer was cut`);
  }
}

function statuses(seen: Observations, request: PlannedRequest): number[] {
  const { method, upFraming, upBytes, mode } = request;
  const bytesMax = setting(seen.plan, "bodyBytesMax") ?? Number.POSITIVE_INFINITY;
  const tooLarge = upBytes > (bytesMax as number);
  if (tooLarge) return mode === "early" && upFraming === "chunked" ? [413, 200] : [413];
  switch (mode) {
    case "dies":
    case "garbage":
      return [502];
    case "dies-once":
      return !hasBody(request) && method !== "POST" ? [200, 502] : [502];
    case "never":
      return [504];
    case "empty":
      return [204];
    default:
      return [200];
  }
}
