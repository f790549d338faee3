import { REFUSALS_MAX } from "../../firmware/src/net/connection-budget.ts";
import type { LogLine } from "../../firmware/tools/log-line.ts";
import { changed, checkInForce, recordBudget } from "./changes.ts";
import { checkCalm } from "./expected.ts";
import { indexLog, type LogIndex } from "./log-index.ts";
import type { Observations } from "./observations.ts";
import { hasBody, isChecked, only, type PlannedRequest, setting } from "./plan.ts";

/** Checks of backends at once, where there are any. */
const CHECKS_MAX = 1;

/** Methods that may be sent twice with the effect of once (RFC 9110 section 9.2.2). */
const IDEMPOTENT = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];

/** Invariants that hold at any time, with any fault. */
export function checkAlways(seen: Observations): void {
  const { board, app } = seen.lab;
  seen.expect(board.fatal === undefined, `the board has died: ${board.fatal}`);
  if (!board.isRunning) return;
  recordBudget(seen);
  const { sessionsMax, queueMax } = seen;
  const { sessions } = app!.proxy;
  const checks = isChecked(seen.plan) ? CHECKS_MAX : 0;
  seen.sessionsPeak = Math.max(seen.sessionsPeak, sessions);
  seen.heapFloorBytes = Math.min(seen.heapFloorBytes, board.heap.floorBytes);
  const { objects, controlBlocks } = seen.lab.sockets;
  seen.expect(controlBlocks <= board.kind.connectionsMax, "more connections than the board has");
  seen.expect(
    objects <= 2 * sessionsMax + queueMax + REFUSALS_MAX + checks,
    "more sockets than the proxy's budget",
  );
  seen.expect(
    sessions <= sessionsMax + queueMax + REFUSALS_MAX,
    "more sessions than the proxy's budget",
  );
  checkInForce(seen);
  seen.machines.checkAlways();
}

/** Invariants that hold at the end of the quiet phase. */
export function checkFinally(seen: Observations): void {
  checkAlways(seen);
  checkSessions(seen);
  const rests =
    !isChecked(seen.plan) && !seen.names.used && setting(seen.plan, "time") === undefined;
  if (rests) checkNothingLeft(seen);
  const log = indexLog(seen);
  checkLog(seen, log);
  checkRequests(seen);
  checkStreams(seen, log);
  checkBalance(seen, log);
  checkCalm(seen, log);
  seen.machines.checkFinally(log.lines);
}

function checkSessions(seen: Observations): void {
  const { proxy } = seen.lab.app!;
  seen.expect(proxy.sessions === 0, "a session is left");
  seen.expect(proxy.pool.connections === 0, "a connection to a backend is still counted");
  // A check of a backend that serves one connection at a time occupies its slot.
  const checked = isChecked(seen.plan);
  const held = proxy.pool.backends.some(
    ({ counters, servesOneAtATime }) => counters.sessions > (checked && servesOneAtATime ? 1 : 0),
  );
  seen.expect(!held, "a backend still counts a session");
}

/** Invariants that hold after the proxy was stopped: nothing is left. */
export function checkNothingLeft(seen: Observations): void {
  const held = seen.lab.app!.proxy.pool.backends.some(({ counters }) => counters.sessions !== 0);
  seen.expect(!held, "a backend still counts a session");
  for (const what of seen.lab.leftovers()) seen.expect(false, what);
}

/** Each event is logged once, and the logged answers are those that the clients saw. */
function checkLog(seen: Observations, { boots, lines, requests, endOf }: LogIndex): void {
  for (const [index, { level, on, what, values }] of lines.entries()) {
    if (level !== "E") continue;
    // Without memory a port cannot be opened; it is opened later.
    const isOpened = (line: LogLine) =>
      line.on === "listener" && line.what === "opened" && line.values.port === values.port;
    const isMended = on === "listener" && lines.slice(index).some(isOpened);
    seen.expect(isMended, `the log has an error: ${what} ${values.error}`);
  }
  for (const boot of boots) {
    const ended = new Set<string>();
    const tried = new Set<string>();
    for (const { on, what, values } of boot) {
      const { id, name } = values;
      if (on === "backend" && what === "connect-failed") {
        seen.expect(!tried.has(`${id} ${name}`), "a backend was tried twice for one request");
        tried.add(`${id} ${name}`);
      } else if (on === "http" && what === "request") {
        for (const key of [...tried]) if (key.startsWith(`${id} `)) tried.delete(key);
      } else if (on === "session" && what === "end") {
        seen.expect(!ended.has(id), "a session ended twice");
        ended.add(id);
      }
    }
  }
  const ids = requests.flatMap(({ values }) => values.request ?? []);
  seen.expect(new Set(ids).size === ids.length, "two requests have one X-Request-Id");

  const told = new Set(requests.map(({ values }) => `${values.path} ${values.status}`));
  for (const observed of seen.clients.values()) {
    if (observed.part.does !== "http") continue;
    for (const { index, status, complete } of observed.answers) {
      // A refused session is logged when it ends: a reboot may come first.
      const rebooted = boots.length > 1;
      const refused = status === 503 && (rebooted || endOf(observed)?.values.status === "503");
      const logged = told.has(`/${observed.part.id}/${index} ${status}`);
      seen.expect(!complete || logged || refused, "an answer is not in the log");
    }
  }
}

/** No request reaches more backends than it may. */
function checkRequests(seen: Observations): void {
  for (const [path, arrivals] of seen.requests) {
    const planned = seen.planned(path);
    if (planned === undefined) continue;
    const repeatable = isRepeatable(planned.request);
    seen.expect(arrivals.length <= 1 || repeatable, "a request was sent again that must not be");
    const complete = arrivals.filter(arrival => arrival.complete).length;
    seen.expect(complete <= 1 || repeatable, "a body reached two backends");
    const fresh = arrivals.filter(arrival => arrival.fresh).map(({ backend }) => backend);
    seen.expect(new Set(fresh).size === fresh.length, "a request went to one backend twice");
    seen.expect(arrivals.length - fresh.length <= 1, "a request went over two kept connections");
  }
  const raw = seen.raw.map(({ id }) => id);
  seen.expect(new Set(raw).size === raw.length, "a raw client reached two backends");
}

function isRepeatable(request: PlannedRequest): boolean {
  return !hasBody(request) && IDEMPOTENT.includes(request.method);
}

/** No byte invented or out of order, and none lost where a session ended regularly. */
function checkStreams(seen: Observations, { endOf }: LogIndex): void {
  for (const { received } of seen.raw) {
    seen.expect(received.correct, "a backend read what a raw client did not send");
  }
  if (seen.outOfHeap) return;
  const faultless = only(seen.plan, "fault").length === 0 && only(seen.plan, "power").length === 0;
  for (const arrival of seen.raw) {
    const observed = seen.clients.get(arrival.id)!;
    const { part, received, left, error, ended, closedMs } = observed;
    if (part.does !== "raw" || received === undefined) continue;
    if (left || error !== undefined || arrival.error !== undefined) continue;
    const why = endOf(observed)?.values.why;
    if (why === "client-closed" && arrival.ended && closedMs !== undefined) {
      seen.expect(arrival.received.complete, "the end of an upload was lost");
    }
    if (why === "backend-closed" && ended && faultless && !seen.clientsVanish) {
      seen.expect(received.complete, "the end of a download was lost");
    }
  }
}

/** Round robin is exact where every backend accepted its connections. */
function checkBalance(seen: Observations, { failures, boots, requests, healthy }: LogIndex): void {
  const retried = requests.some(({ values }) => values.retries !== "0");
  if (failures.length > 0 || retried || !healthy || boots.length > 1 || changed(seen)) return;
  const inTurn = setting(seen.plan, "balance") ?? "round-robin";
  if (only(seen.plan, "machine").length > 0 || seen.names.used) return;
  const limited = only(seen.plan, "backend").some(({ maxSessions }) => maxSessions !== undefined);
  if (inTurn !== "round-robin" || limited || setting(seen.plan, "sticky") !== undefined) return;
  const picks = seen.lab.app!.proxy.pool.backends.map(({ counters }) => counters.sessionsTotal);
  seen.expect(Math.max(...picks) - Math.min(...picks) <= 1, "the balance is not exact");
}
