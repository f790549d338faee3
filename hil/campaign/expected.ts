import { changed, changedMuch } from "./changes.ts";
import { anybodyVanishes, outOfHeap } from "./invariants.ts";
import type { Chronicle } from "./log-index.ts";
import { MALFORMED } from "./malformed.ts";
import type { Book, ClientStory } from "./observations.ts";
import {
  type HttpClient,
  hasBody,
  only,
  type PlannedRequest,
  type RawClient,
  setting,
} from "./plan.ts";

/**
 * What must happen in a world without faults, losses or slow links, to each client that does not
 * leave: there is no excuse for anything else.
 */
export function checkCalm(book: Book, log: Chronicle): void {
  const { world, lab } = book;
  const weather = only(world, "weather").map(({ settings }) => settings);
  if (only(world, "fault").length > 0 || anybodyVanishes(book)) return;
  if (weather.some(({ loss, bytesPerSecond }) => loss || bytesPerSecond)) return;
  if (outOfHeap(book)) return;

  const stories = [...book.clients.values()];
  for (const story of stories) {
    book.expect(story.closedMs !== undefined || stalls(story), "a client's connection never ended");
  }
  if (!stories.some(stalls) && setting(world, "health") === undefined) {
    const rows = lab.network.netstat().filter(({ state }) => state !== "listen");
    book.expect(rows.length === 0, "a host still has a connection");
  }
  if (log.crowded || !log.healthy || changedMuch(book)) return;
  for (const story of stories) {
    if (story.left || stalls(story)) continue;
    const { part } = story;
    if (part.does === "raw") checkRaw(book, log, story, part);
    else if (changed(book))
      continue; // kept connections end with a configuration
    else if (part.does === "http") checkHttp(book, story, part);
    else if (part.does === "malformed") {
      const { status } = MALFORMED[part.which];
      book.expect(story.answers[0]?.status === status, `malformed ${part.which}: not ${status}`);
      book.expect(story.error === undefined, "a malformed request ended in a reset");
    } else if (part.does === "slow-loris") {
      book.expect(story.answers[0]?.status === 408, "a slow-loris did not get its 408");
    }
  }
}

/** It never reads to the end, so it never sees the end. */
function stalls({ part }: ClientStory): boolean {
  return "reading" in part && part.reading === "stalled";
}

/** What comes in one piece with the keyword at its end, and what stands behind it. */
const SEGMENT_BYTES = 1_000;

/** Which log line each ending has. */
const WHY: Record<RawClient["ends"], string> = {
  client: "client-closed",
  hasty: "client-closed",
  backend: "backend-closed",
  nobody: "tunnel-timeout",
  keyword: "keyword",
  "answer-keyword": "keyword",
};

/** Endings after which the backend has heard everything, and those after which the client has. */
const UPLOADED: readonly RawClient["ends"][] = ["client", "hasty", "nobody", "keyword"];
const DOWNLOADED: readonly RawClient["ends"][] = ["client", "nobody", "backend", "answer-keyword"];

function checkRaw(book: Book, { endOf }: Chronicle, story: ClientStory, part: RawClient): void {
  const ends = book.endsOf(part);
  const arrival = book.raw.find(({ id }) => id === part.id);
  const values = endOf(story)?.values;
  book.expect(arrival !== undefined, "a raw client reached no backend");
  book.expect(
    values?.why === WHY[ends],
    `a raw client's session ended by ${values?.why}, not ${WHY[ends]}`,
  );
  if (arrival === undefined || values === undefined) return;
  if (UPLOADED.includes(ends)) {
    book.expect(arrival.heard.complete, `a backend missed bytes of a client (${ends})`);
  }
  // Whoever still sends when the backend has closed may be reset before it has read to the end: this
  // chip cannot close one direction alone.
  const reset = ends === "backend" && part.reading === "slow" && story.error !== undefined;
  if (DOWNLOADED.includes(ends) && !reset) {
    book.expect(story.heard!.complete, `a raw client missed bytes of its backend (${ends})`);
  }
  if (ends === "keyword" && part.reading === "steady") {
    book.expect(story.heard!.complete, "a raw client missed bytes of the answer to its keyword");
  }
  if (ends === "keyword" && part.writing.gapMs === 0 && part.upBytes < SEGMENT_BYTES) {
    book.expect(story.error === undefined, "a keyword ended in a reset");
  }
  if (ends !== "client" && ends !== "nobody") return;
  const header = part.upgrade ? 0 : `POT ${part.id}\n`.length;
  const right =
    Number(values.in) === arrival.heard.count + header && Number(values.out) === story.heard!.count;
  book.expect(right, "the log counts other bytes than were sent");
}

function checkHttp(book: Book, story: ClientStory, { requests }: HttpClient): void {
  book.expect(!story.served || story.error === undefined, "a served client met a reset");
  book.expect(story.answers.length > 0, "a request was not answered");
  for (const { index, status, complete } of story.answers) {
    const request = requests[index];
    const allowed = statuses(book, request);
    book.expect(allowed.includes(status), `${request.mode}: ${status} instead of ${allowed}`);
    const cut = request.mode === "cut" || request.mode === "cut-chunked";
    book.expect(complete || cut, `${request.mode}: an answer was cut`);
  }
}

function statuses(book: Book, request: PlannedRequest): number[] {
  const { method, upFraming, upBytes, mode } = request;
  const bytesMax = setting(book.world, "bodyBytesMax") ?? Number.POSITIVE_INFINITY;
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
