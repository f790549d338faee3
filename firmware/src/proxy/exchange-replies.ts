import type { Machine } from "../backend/machine.ts";
import { deepFreeze } from "../deep-freeze.ts";
import type { AnswerStatus } from "../http1/answer.ts";
import type { Head, HeadLimits } from "../http1/head.ts";
import { reloadSeconds, secondsUntilReady, waitingPage } from "../http1/waiting-page.ts";
import type { AnswerRefusal, HoldRefusal } from "../log/event.ts";
import type { ConnectFailure } from "./connector.ts";
import type { Exchange } from "./exchange.ts";

/** The reply to a client whose request no backend took, and HAProxy's termination state. */
export const UNREACHABLE: Record<ConnectFailure, [AnswerStatus, string]> = deepFreeze({
  refused: [502, "SC"],
  unanswered: [502, "SH"],
  "connect-timeout": [504, "sC"],
  "no-socket": [503, "RC"],
  "no-backend": [503, "SC"],
  full: [503, "SQ"],
  "queue-timeout": [503, "sQ"],
  asleep: [503, "SC"],
  "held-full": [503, "SQ"],
  "no-memory": [503, "RQ"],
  "wake-failed": [503, "sQ"],
  waking: [503, "LQ"],
});

/** The text of the reply to a client that is not held, or no longer, for a machine that sleeps. */
const NOT_HELD: Record<HoldRefusal, string> = Object.freeze({
  asleep: "The server sleeps, and this request does not wake it.",
  "held-full": "The server is waking up, and no more requests may wait for it now.",
  "no-memory": "The server is waking up, and this proxy has no memory to let the request wait.",
  "wake-failed": "The server was woken up, but was not ready in time.",
  waking: "The server is waking up.",
});

/** Retry-After for a client that may not wake the machine, in seconds. */
const ASLEEP_S = 60;

/** Replies to a client that is not held, or no longer, for `machine`. */
export function replyNotHeld(exchange: Exchange, why: HoldRefusal, machine: Machine): void {
  const nowMs = exchange.context.clock.now();
  const { lastBootMs } = machine;
  const isWaking = machine.state === "waking";
  const progress = {
    elapsedMs: isWaking ? nowMs - machine.sinceMs : (lastBootMs ?? 0),
    lastBootMs,
  };
  let retryAfterS = secondsUntilReady(progress);
  if (why === "asleep") retryAfterS = ASLEEP_S;
  if (why === "waking") retryAfterS = reloadSeconds(progress);
  if (why === "wake-failed") retryAfterS = Math.max(1, Math.ceil(machine.pauseMs(nowMs) / 1000));
  if (why === "no-memory") exchange.request.keepAlive = false; // its memory is needed
  exchange.refusal = why;
  const [status, termination] = UNREACHABLE[why];
  const page = why === "waking" ? waitingPage(progress) : undefined;
  exchange.reply(status, termination, NOT_HELD[why], { page, retryAfterS });
}

export const NO_ANSWER = "The backend closed the connection instead of answering.";

export const INCOMPLETE_REQUEST = "The client's stream ended before this request did.";

export const NO_ROOM =
  "This proxy has no memory for such a long request head at the moment. Try again later.";

/** The text of the reply instead of a response that is not passed on. */
export const REFUSED_RESPONSE: Record<AnswerRefusal, string> = Object.freeze({
  "invalid-answer":
    "The backend's answer is not HTTP/1.1 as this proxy accepts it, so it was not passed on.",
  headBytesMax: "The backend's answer has a longer head than this proxy's headBytesMax allows.",
  headLinesMax: "The backend's answer has more header lines than this proxy's headLinesMax allows.",
  "no-memory": "This proxy has no memory for the long head of the backend's answer at the moment.",
});

/** Why a response with this head is not passed on. */
export function refusalOf(head: Head, { headBytesMax, headLinesMax }: HeadLimits): AnswerRefusal {
  if (head.error === 503) return "no-memory";
  if (head.error !== 431) return "invalid-answer";
  if (head.length >= headBytesMax) return "headBytesMax";
  return head.lines > headLinesMax ? "headLinesMax" : "invalid-answer";
}
