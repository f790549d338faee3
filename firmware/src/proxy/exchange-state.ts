import type { Connector } from "./connector.ts";

/** All retries of one request begin within it, whatever the connect timeout. */
export const RETRY_DEADLINE_MS = 10_000;

/** How far an exchange has come. */
export type ExchangeState =
  /** A backend is picked, or waited for, or being connected to. */
  | "connecting"
  /** The connection to a backend is established; nothing of the request is sent yet. */
  | "connected"
  /** The request is being sent; its body is not complete yet. */
  | "sending"
  /** The request is complete; the final head of the response has not been received. */
  | "awaiting"
  /** The head of the response has been passed on; its body follows. */
  | "receiving"
  /** A 101 is passed on. */
  | "switching"
  /** A reply of the proxy is written instead of a response; the backend has been released. */
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
