import { deepFreeze } from "../deep-freeze.ts";
import type { AnswerStatus } from "../http1/answer.ts";
import type { Head, HeadLimits } from "../http1/head.ts";
import type { AnswerRefusal } from "../log/event.ts";
import type { ConnectFailure } from "./connector.ts";

/** The reply to a client whose request no backend took, and HAProxy's termination state. */
export const UNREACHABLE: Record<ConnectFailure, [AnswerStatus, string]> = deepFreeze({
  refused: [502, "SC"],
  unanswered: [502, "SH"],
  "connect-timeout": [504, "sC"],
  "no-socket": [503, "RC"],
  "no-backend": [503, "SC"],
  full: [503, "SQ"],
  "queue-timeout": [503, "sQ"],
});

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
