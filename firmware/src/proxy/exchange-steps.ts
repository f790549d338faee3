import type { AnswerStatus } from "../http1/answer.ts";
import { isRedirect } from "../http1/route.ts";
import { countAnswer } from "../log/traffic.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { hasRoom } from "../net/memory-reserve.ts";
import type { PipeOutcome } from "../net/pipe.ts";
import { Connector, nextBackend } from "./connector.ts";
import type { Exchange } from "./exchange.ts";
import {
  INCOMPLETE_REQUEST,
  NO_ANSWER,
  NO_ROOM,
  REFUSED_RESPONSE,
  refusalOf,
} from "./exchange-replies.ts";
import { isOver, stageOf } from "./exchange-state.ts";
import { learnFromResponse } from "./feedback.ts";
import type { BodyProgress } from "./response-side.ts";

/**
 * The functions that move an exchange from state to state. Nothing here calls upward: the owner of the exchange calls when an endpoint or
 * the connector has moved, or when `timeoutMs` is over. Functions instead of methods, because a call of a method looks for it in the object first.
 */

/** The request's head is complete: looks for a backend that accepts it. */
export function begin(exchange: Exchange): void {
  const context = exchange.context;
  const request = exchange.request;
  const owner = exchange.owner!;
  const head = request.head!;
  const status = head.error ?? request.understand();
  if (status !== undefined) {
    refuseRequest(exchange, status);
    return;
  }
  const group = request.route!.group;
  if (context.stickTable !== undefined) {
    exchange.sticky = context.stickTable.get(exchange.client, group);
  } else if (context.stickyCookie !== undefined) {
    exchange.sticky = context.stickyCookie.read(head, group);
  }
  const choice = nextBackend(owner.session, group, exchange);
  // An idle connection may be closing: only what may be sent twice goes there.
  const reuse = request.isRepeatable;
  if (reuse && choice !== undefined && choice !== "full") {
    const kept = context.idle.take(choice);
    if (kept !== undefined) {
      context.pool.acquire(choice);
      exchange.take(choice, kept, exchange.headMs);
      return;
    }
  }
  exchange.enter("connecting");
  exchange.connector = new Connector(owner, group, context.retryLimits, exchange.sticky);
  exchange.connector.connectTo(choice, reuse);
}

function refuseRequest(exchange: Exchange, status: AnswerStatus): void {
  if (status === 404) exchange.context.admission.refusals.noRoute++;
  if (status === 503) exchange.refuse("no-memory", 503, "RR", NO_ROOM);
  else exchange.reply(status, isRedirect(status) ? "LR" : "PR");
}

/** Moves what can be moved. True when the exchange is over. */
export function step(exchange: Exchange, nowMs: number): boolean {
  if (exchange.state === "connected") sendHead(exchange);
  const backendSide = exchange.backendSide;
  if (backendSide !== undefined) {
    const request = exchange.request;
    if (request.body.wanted > 0 || request.pending !== undefined) {
      const outcome = request.move(exchange.owner!.session.clientSide, backendSide);
      if (outcome !== undefined) requestPiped(exchange, outcome);
    }
    if (exchange.state === "awaiting" || exchange.state === "sending") {
      const hasCome = backendSide.readable > 0 || backendSide.state !== "open";
      if (hasCome || exchange.response.pending !== undefined) moveHeads(exchange, nowMs);
    }
  }
  switch (exchange.state) {
    case "complete":
      return true;
    case "awaiting":
      return false;
    case "receiving":
      moveBody(exchange);
      break;
    case "switching":
    case "replying":
      flush(exchange);
      break;
    case "connecting":
      exchange.connector?.clientSent();
  }
  return isOver(exchange.state);
}

function sendHead(exchange: Exchange): void {
  const request = exchange.request;
  const owner = exchange.owner!;
  const backendSide = exchange.backendSide!;
  exchange.enter(request.body.done ? "awaiting" : "sending");
  const closes = !exchange.backend!.keepsConnections && request.upgrade === undefined;
  if (!request.begin(backendSide, owner.session.client.address, owner.trusted, closes)) {
    exchange.refuse("no-memory", 503, "RH", NO_ROOM);
    return;
  }
  // Bytes that arrive on an idle connection that was dead already are no response to this request.
  const isDead = backendSide.state !== "open" && backendSide.writeClosed;
  if (isDead && exchange.isReused && retry(exchange)) return;
  if (!request.isRepeatable) request.settle();
}

/** The pipe from this endpoint has ended. */
export function piped(exchange: Exchange, from: Endpoint, outcome: PipeOutcome): void {
  if (from !== exchange.backendSide) requestPiped(exchange, outcome);
  else responseMoved(exchange, exchange.response.progress(from, outcome));
}

/** After `from-error` the client is lost, after `to-error` a response may still come from the backend. */
function requestPiped(exchange: Exchange, outcome: PipeOutcome): void {
  if (outcome === "done") {
    exchange.request.sent();
    if (exchange.state !== "sending") return;
    exchange.sentMs = exchange.context.clock.now();
    exchange.enter("awaiting");
  } else if (outcome === "bad-framing") {
    refuseBody(exchange, 400, "PD");
  } else if (outcome === "too-large") {
    refuseBody(exchange, 413, "PD");
  } else if (outcome === "end" && !exchange.owner!.session.clientSide.writeClosed) {
    refuseBody(exchange, 400, `C${stageOf(exchange.state)}`, INCOMPLETE_REQUEST);
  }
}

function refuseBody(
  exchange: Exchange,
  status: AnswerStatus,
  termination: string,
  advice?: string,
): void {
  if (exchange.response.body !== undefined) exchange.cut(termination);
  else exchange.reply(status, termination, advice);
}

/** Interim responses are no progress: with them a backend could keep a client waiting for ever. */
function moveHeads(exchange: Exchange, nowMs: number): void {
  const request = exchange.request;
  const response = exchange.response;
  const backend = exchange.backend!;
  const context = exchange.context;
  const session = exchange.owner!.session;
  // A client that sent this backend's cookie needs no other.
  const needsCookie = context.stickyCookie !== undefined && exchange.sticky !== backend;
  const from = exchange.backendSide!;
  const cookieFor = needsCookie ? backend : undefined;
  const progress = response.moveHeads(from, session.clientSide, request, cookieFor);
  if (progress === "waiting") return;
  if (progress === "refused") {
    refuseResponse(exchange);
  } else if (progress === "unanswered") {
    unanswered(exchange);
  } else {
    const status = response.status;
    const group = request.route!.group;
    exchange.respondedMs = nowMs;
    countAnswer(backend.counters, status);
    learnFromResponse(context, backend, group, session.client, exchange.sentMs, nowMs, status);
    exchange.enter(progress);
  }
}

/** The backend has closed or reset where a response was due. */
function unanswered(exchange: Exchange): void {
  const { context } = exchange;
  const { failure } = exchange.backendSide!;
  // The SDK's sockets do not tell.
  const short = failure === undefined ? !hasRoom(context.platform, 0) : failure === "memory";
  // An idle connection may have been closing.
  if (!exchange.isReused && !short) context.checks.requestFailed(exchange.backend!, "L7RSP");
  if (retry(exchange)) return;
  if (short) exchange.reply(503, "RH");
  else exchange.reply(502, "SH", NO_ANSWER);
}

/** The backend has left before the first byte of a response: another one, where that does no harm. */
function retry(exchange: Exchange): boolean {
  const { context, request, response } = exchange;
  const owner = exchange.owner!;
  if (response.hasStarted || !request.isRepeatable || owner.stopping) return false;
  exchange.leaveBackend();
  exchange.enter("connecting");
  const { group } = request.route!;
  exchange.connector ??= new Connector(owner, group, context.retryLimits, exchange.sticky);
  exchange.connector.connect("unanswered");
  return true;
}

/**
 * The backend's response is not passed on. That says nothing against the backend: it may be this proxy that
 * is too strict or too small.
 */
function refuseResponse(exchange: Exchange): void {
  const why = refusalOf(exchange.response.head!, exchange.context.config);
  exchange.refuse(why, 502, why === "no-memory" ? "RH" : "PH", REFUSED_RESPONSE[why]);
}

function moveBody(exchange: Exchange): void {
  const { clientSide } = exchange.owner!.session;
  responseMoved(exchange, exchange.response.moveBody(exchange.backendSide!, clientSide));
}

function responseMoved(exchange: Exchange, progress: BodyProgress): void {
  if (progress === "complete") exchange.enter("complete");
  else if (progress === "broken") exchange.cut("PD");
  else if (progress === "incomplete") {
    exchange.cut(exchange.backendSide!.failure === "memory" ? "RD" : "SD");
  }
}

/** Writes what is left of a 101 or of a reply. */
function flush(exchange: Exchange): void {
  if (!exchange.response.flush(exchange.owner!.session.clientSide)) return;
  exchange.enter(exchange.state === "switching" ? "tunnel" : "complete");
}

/** Sets `timeoutMs` again if part of it has passed while the client was held for a machine that sleeps. */
function goesOn(exchange: Exchange): boolean {
  exchange.enter("connecting");
  const nowMs = exchange.context.clock.now();
  exchange.timeoutMs = exchange.connector!.restMs(exchange.timeoutMs, nowMs);
  return exchange.timeoutMs > 0;
}

/** `timeoutMs` is over. */
export function expired(exchange: Exchange): void {
  if (exchange.isMoving()) return;
  const { request, response } = exchange;
  const { stopping, session } = exchange.owner!;
  switch (exchange.state) {
    case "connecting":
      if (!stopping && goesOn(exchange)) return;
      exchange.reply(503, stopping ? "LC" : "sC");
      return;
    case "sending":
    case "awaiting":
      if (stopping) exchange.reply(503, "LH");
      else if (
        request.sender?.waitsFor === "bytes" &&
        !request.body.done &&
        !exchange.backendSide!.writeClosed
      )
        exchange.reply(408, "cD");
      else {
        exchange.context.checks.requestFailed(exchange.backend!, "L7TOUT");
        exchange.reply(504, "sH");
      }
      return;
    default: {
      const { writable } = session.clientSide;
      const isClientSlow =
        response.sender === undefined
          ? writable === 0 || response.pending !== undefined
          : response.sender.waitsFor === "room";
      exchange.cut(stopping ? "LD" : isClientSlow ? "cD" : "sD");
    }
  }
}
