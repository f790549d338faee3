import type { Connector } from "./connector.ts";

/** All retries of one request begin within it, whatever the connect timeout. */
export const RETRY_DEADLINE_MS = 10_000;

/** How far an exchange has come. */
export type ExchangeState =
  /** A backend is picked, waited for, connected to. */
  | "connecting"
  /** A backend takes the request; nothing of it is sent yet. */
  | "connected"
  /** A backend gets the request, which has not come whole. */
  | "sending"
  /** The whole request has come; the final head of the response has not. */
  | "awaiting"
  /** The head of the response has been passed on; its body follows. */
  | "receiving"
  /** A 101 is passed on. */
  | "switching"
  /** A reply of our own is written instead of a response; the backend has been released. */
  | "replying"
  /** Over: the client has the whole response. */
  | "complete"
  /** Over: the response cannot be completed, and the client shall see that. */
  | "cut"
  /** Over: client and backend have changed to another protocol. */
  | "tunnel";

/** HAProxy's letter for how far an exchange has come. */
export function stageOf(state: ExchangeState, connector?: Connector): "Q" | "C" | "H" | "D" {
  if (state === "connecting") return connector?.queueEntry === undefined ? "C" : "Q";
  return state === "connected" || state === "sending" || state === "awaiting" ? "H" : "D";
}

/** Nothing moves any more. */
export function isOver(state: ExchangeState): boolean {
  return state === "complete" || state === "cut" || state === "tunnel";
}
