import { REFUSALS_MAX } from "../../firmware/src/net/connection-budget.ts";
import { changed, checkInForce, noteBudget } from "./changes.ts";
import { checkCalm } from "./expected.ts";
import { type Chronicle, chronicle } from "./log-index.ts";
import type { Book } from "./observations.ts";
import { hasBody, only, type PlannedRequest, setting } from "./plan.ts";

/** Checks of backends at once, where there are any. */
const CHECKS_MAX = 1;

/** Methods that may be sent twice with the effect of once (RFC 9110 section 9.2.2). */
const IDEMPOTENT = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];

/** What holds at any moment, whatever the weather. */
export function checkAlways(book: Book): void {
  const { board, app } = book.lab;
  const { stack, kind } = board;
  noteBudget(book);
  const { sessionsMax, queueMax } = book;
  const { sessions } = app!.proxy;
  const checks = setting(book.world, "health") === undefined ? 0 : CHECKS_MAX;
  book.sessionsPeak = Math.max(book.sessionsPeak, sessions);
  book.heapFloorBytes = Math.min(book.heapFloorBytes, board.heap.floorBytes);
  book.expect(board.fatal === undefined, `the board has died: ${board.fatal}`);
  book.expect(stack.controlBlocks <= kind.connectionsMax, "more connections than the board has");
  book.expect(
    stack.objects <= 2 * sessionsMax + queueMax + REFUSALS_MAX + checks,
    "more sockets than the proxy's budget",
  );
  book.expect(
    sessions <= sessionsMax + queueMax + REFUSALS_MAX,
    "more sessions than the proxy's budget",
  );
  checkInForce(book);
}

/** What holds when all is over. */
export function checkFinally(book: Book): void {
  checkAlways(book);
  checkSessions(book);
  if (setting(book.world, "health") === undefined) checkNothingLeft(book);
  const log = chronicle(book);
  checkLog(book, log);
  checkRequests(book);
  checkStreams(book, log);
  checkBalance(book, log);
  checkCalm(book, log);
}

function checkSessions(book: Book): void {
  const { proxy } = book.lab.app!;
  book.expect(proxy.sessions === 0, "a session is left");
  book.expect(proxy.pool.connections === 0, "a connection to a backend is still counted");
  // A check of a backend that serves one connection at a time occupies its slot.
  const checked = setting(book.world, "health") !== undefined;
  const held = proxy.pool.backends.some(
    ({ sessions, servesOneAtATime }) => sessions > (checked && servesOneAtATime ? 1 : 0),
  );
  book.expect(!held, "a backend still counts a session");
}

/** What holds when the proxy was told to stop, and its checks of backends are over, too. */
export function checkNothingLeft(book: Book): void {
  const { board } = book.lab;
  const held = book.lab.app!.proxy.pool.backends.some(({ sessions }) => sessions !== 0);
  book.expect(!held, "a backend still counts a session");
  book.expect(board.stack.objects === 0, "a socket object is left");
  book.expect(board.stack.connections === 0, "a control block is left");
  book.expect(board.alarms === 0, "an alarm is left");
  book.expect(board.heap.freeBytes === board.kind.heapBytes, "heap is still taken");
}

/** The log says each thing once, and what it says of an answer is what its client saw. */
function checkLog(book: Book, { lives, lines, requests, endOf }: Chronicle): void {
  for (const { level, what, values } of lines) {
    book.expect(level !== "E", `the log has an error: ${what} ${values.error}`);
  }
  for (const life of lives) {
    const ended = new Set<string>();
    const tried = new Set<string>();
    for (const { on, what, values } of life) {
      const { id, name } = values;
      if (on === "backend" && what === "connect") {
        book.expect(!tried.has(`${id} ${name}`), "a backend was tried twice for one request");
        tried.add(`${id} ${name}`);
      } else if (on === "http" && what === "request") {
        for (const key of [...tried]) if (key.startsWith(`${id} `)) tried.delete(key);
      } else if (on === "session" && what === "end") {
        book.expect(!ended.has(id), "a session ended twice");
        ended.add(id);
      }
    }
  }
  const ids = requests.flatMap(({ values }) => values.request ?? []);
  book.expect(new Set(ids).size === ids.length, "two requests have one X-Request-Id");

  const told = new Set(requests.map(({ values }) => `${values.path} ${values.status}`));
  for (const story of book.clients.values()) {
    if (story.part.does !== "http") continue;
    for (const { index, status, complete } of story.answers) {
      // A session that is refused has its line when it is over: a reboot may come before.
      const rebooted = lives.length > 1;
      const refused = status === 503 && (rebooted || endOf(story)?.values.status === "503");
      const logged = told.has(`/${story.part.id}/${index} ${status}`);
      book.expect(!complete || logged || refused, "an answer is not in the log");
    }
  }
}

/** No request reaches more backends than it may. */
function checkRequests(book: Book): void {
  for (const [path, arrivals] of book.requests) {
    const planned = book.planned(path);
    if (planned === undefined) continue;
    const repeatable = isRepeatable(planned.request);
    book.expect(arrivals.length <= 1 || repeatable, "a request was sent again that must not be");
    const complete = arrivals.filter(arrival => arrival.complete).length;
    book.expect(complete <= 1 || repeatable, "a body reached two backends");
    const fresh = arrivals.filter(arrival => arrival.fresh).map(({ backend }) => backend);
    book.expect(new Set(fresh).size === fresh.length, "a request went to one backend twice");
    book.expect(arrivals.length - fresh.length <= 1, "a request went over two kept connections");
  }
  const raw = book.raw.map(({ id }) => id);
  book.expect(new Set(raw).size === raw.length, "a raw client reached two backends");
}

function isRepeatable(request: PlannedRequest): boolean {
  return !hasBody(request) && IDEMPOTENT.includes(request.method);
}

/** No byte lost, invented or out of order; none lost at all where a session ended well. */
function checkStreams(book: Book, { endOf }: Chronicle): void {
  for (const { heard } of book.raw) {
    book.expect(heard.sound, "a backend read what a raw client did not send");
  }
  if (outOfHeap(book)) return;
  const faultless = only(book.world, "fault").length === 0;
  for (const arrival of book.raw) {
    const story = book.clients.get(arrival.id)!;
    const { part, heard, left, error, ended, closedMs } = story;
    if (part.does !== "raw" || heard === undefined) continue;
    if (left || error !== undefined || arrival.error !== undefined) continue;
    const why = endOf(story)?.values.why;
    if (why === "client-closed" && arrival.ended && closedMs !== undefined) {
      book.expect(arrival.heard.complete, "the end of an upload was lost");
    }
    if (why === "backend-closed" && ended && faultless && !anybodyVanishes(book)) {
      book.expect(heard.complete, "the end of a download was lost");
    }
  }
}

/** A segment and what lwIP keeps with it: with less heap than that, it refuses to send. */
const SEGMENT_BYTES = 1_600;

/** The board had no memory for what it should have sent: it ends sessions then, as if they were lost. */
export function outOfHeap(book: Book): boolean {
  return book.heapFloorBytes < SEGMENT_BYTES;
}

/** Does a client disappear, so that packets get lost? */
export function anybodyVanishes(book: Book): boolean {
  return only(book.world, "client").some(({ leaves }) => leaves?.how === "vanish");
}

/** Round robin is exact where every backend took what it was given. */
function checkBalance(book: Book, { failures, lives, requests, healthy }: Chronicle): void {
  const retried = requests.some(({ values }) => values.retries !== "0");
  if (failures.length > 0 || retried || !healthy || lives.length > 1 || changed(book)) return;
  const inTurn = setting(book.world, "balance") ?? "round-robin";
  const limited = only(book.world, "backend").some(({ maxSessions }) => maxSessions !== undefined);
  if (inTurn !== "round-robin" || limited || setting(book.world, "sticky") !== undefined) return;
  const picks = book.lab.app!.proxy.pool.backends.map(({ load }) => load.sessionsTotal);
  book.expect(Math.max(...picks) - Math.min(...picks) <= 1, "the balance is not exact");
}
