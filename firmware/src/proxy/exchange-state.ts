/** All retries of one request begin within it, whatever the connect timeout. */
export const RETRY_DEADLINE_MS = 10_000;

/**
 * How far an exchange has come.
 *
 * | state        | what happens                                                              |
 * | ------------ | ------------------------------------------------------------------------- |
 * | `connecting` | a backend is picked, waited for, connected to                             |
 * | `connected`  | a backend takes the request; nothing of it is sent yet                    |
 * | `sending`    | a backend gets the request, which has not come whole                      |
 * | `awaiting`   | the whole request has come; the final head of the response has not        |
 * | `receiving`  | the head of the response has been passed on; its body follows             |
 * | `switching`  | a 101 is passed on                                                        |
 * | `replying`   | a reply of our own is written instead of a response; the backend is gone  |
 * | `complete`   | over: the client has the whole response                                   |
 * | `cut`        | over: the response cannot be completed, and the client shall see that     |
 * | `tunnel`     | over: the two speak another protocol from here on                         |
 */
export type ExchangeState =
  | "connecting"
  | "connected"
  | "sending"
  | "awaiting"
  | "receiving"
  | "switching"
  | "replying"
  | "complete"
  | "cut"
  | "tunnel";

/** HAProxy's letter for how far an exchange has come. */
export function stageOf(state: ExchangeState, queued: boolean): "Q" | "C" | "H" | "D" {
  if (state === "connecting") return queued ? "Q" : "C";
  return state === "connected" || state === "sending" || state === "awaiting" ? "H" : "D";
}

/** Nothing moves any more. */
export function isOver(state: ExchangeState): boolean {
  return state === "complete" || state === "cut" || state === "tunnel";
}
