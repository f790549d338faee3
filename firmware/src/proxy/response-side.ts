import type { Backend } from "../backend/backend.ts";
import { type AnswerStatus, answer, KEEPS_ALIVE, type Wait } from "../http1/answer.ts";
import { type Body, PlainBody, SENT_BODY } from "../http1/body.ts";
import { UPGRADE } from "../http1/field-names.ts";
import { bodyOf, type Framing, responseFraming } from "../http1/framing.ts";
import type { Head } from "../http1/head.ts";
import { HAS_CLOSE } from "../http1/head-layout.ts";
import { secureUrl } from "../http1/request.ts";
import {
  CLOSE,
  KEEP_ALIVE,
  REWRITE_BYTES,
  rewriteResponse,
  setCookieLines,
} from "../http1/rewrite.ts";
import { isRedirect } from "../http1/route.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { PipeOutcome } from "../net/pipe.ts";
import { send } from "../net/send.ts";
import { MessageSide } from "./message-side.ts";
import type { RequestSide } from "./request-side.ts";

/**
 * The progress of a response's head:
 *
 * - `waiting`: not complete yet
 * - `unanswered`: the backend has closed instead
 * - `refused`: not passed on (`head.error` is 503 if the board has no memory for it)
 * - `switching`: a 101 was passed on
 * - `receiving`: a final head was passed on, and its body follows
 * - `complete`: a final head was passed on, and all of its body with it
 */
export type HeadProgress =
  | "waiting"
  | "unanswered"
  | "refused"
  | "switching"
  | "receiving"
  | "complete";

/** The progress of a response's body; `incomplete`: the backend has closed before its end, or has reset. */
export type BodyProgress = "waiting" | "complete" | "broken" | "incomplete";

/** Interim responses (1xx) to one request; Go's client takes five, and a 102 may come each 20 s (RFC 2518). */
const INTERIM_RESPONSES_MAX = 10;

const REUSABLE = 1;
const STARTED = 2;
const ENDS_WITH_CLOSE = 4;
/** Part of a head was written, and there was no memory for the rest. */
const TORN = 8;
/** One interim response: this bit and the higher ones are their count. */
const INTERIM = 16;

/** A backend's response on its way to the client, or a reply of the proxy instead of one. */
export class ResponseSide extends MessageSide {
  /** The status of the last head, or of the proxy's own reply; 0 before. */
  declare status: number;
  /** Once the final head has been passed on. */
  declare body: Body | undefined;
  /** `REUSABLE`, `STARTED`, `ENDS_WITH_CLOSE`, `TORN`, and the interim responses: five fields would take 80 bytes of each live session. */
  declare private flags: number;

  override reset(): void {
    super.reset();
    this.status = 0;
    this.body = undefined;
    this.flags = 0;
  }

  /** Part of a head is out: nothing but the rest of it may follow. */
  get isPartial(): boolean {
    return this.pending !== undefined || (this.flags & TORN) !== 0;
  }

  /** The backend's connection may serve another request after this one. */
  get isReusable(): boolean {
    return (this.flags & REUSABLE) !== 0;
  }

  /** The first byte was received: no other backend gets the request. */
  get hasStarted(): boolean {
    return (this.flags & STARTED) !== 0;
  }

  /** The end of the body is the end of the client's connection. */
  get endsWithClose(): boolean {
    return (this.flags & ENDS_WITH_CLOSE) !== 0;
  }

  /** Passes heads on until the final one. `cookieFor`: the client shall come back to this backend. */
  moveHeads(
    from: Endpoint,
    client: Endpoint,
    request: RequestSide,
    cookieFor: Backend | undefined,
  ): HeadProgress {
    const context = this.context;
    while (this.pending === undefined || this.flush(client)) {
      if (from.readable === 0) return from.ended ? "unanswered" : "waiting";
      let head = this.head;
      if (head === undefined) this.head = head = context.heads.take("response");
      const piece = from.take(context.scratch);
      this.flags |= STARTED;
      const used = head.feed(piece);
      const rest = piece.byteLength - used;
      const isFinal = head.done && head.status >= 200;
      if (!isFinal) {
        request.settle();
        if (rest > 0) from.unread(piece.subarray(used));
        head.keep(); // `piece` lies in the scratch buffer
        if (head.error !== undefined) return "refused";
        if (!head.done) continue;
        if (head.status !== 101) {
          if (!this.passInterim(client, head, request)) return "refused";
          continue;
        }
      }
      const cookie =
        cookieFor === undefined
          ? undefined
          : context.stickyCookie!.setCookie(request.route!, cookieFor);
      if (!isFinal) {
        if (!this.passSwitch(client, head, request, cookie)) return "refused";
        this.status = 101;
        return "switching";
      }
      // Bytes of the body that arrived with a head in one piece leave so, too, if they can.
      const gone = this.passFinal(client, head, request, used === head.length ? rest : 0, cookie);
      if (gone < 0) return "refused";
      this.status = head.status;
      this.head = undefined;
      context.heads.give(head);
      request.releaseHead(); // last: the next request takes it, with the buffer that it has
      if (gone < rest) from.unread(piece.subarray(used + gone));
      return this.body!.wanted > 0 || this.pending !== undefined ? "receiving" : "complete";
    }
    return "waiting";
  }

  /** Sends what waits of the head; then a pipe moves the body. */
  moveBody(from: Endpoint, client: Endpoint): BodyProgress {
    const body = this.body!;
    if (this.pending !== undefined && !this.flush(client)) return "waiting";
    if (body.done) return "complete";
    if (this.sender === undefined) {
      this.sender = from;
      const outcome = from.pipe(client, body);
      if (outcome !== undefined) return this.progress(from, outcome);
    }
    // The loss of the connection may be reported after the outcome of its pipe.
    const isLost = !from.isPiping && from.ended && !client.writeClosed;
    return isLost ? "incomplete" : "waiting";
  }

  /** The pipe has ended. */
  progress(from: Endpoint, outcome: PipeOutcome): BodyProgress {
    switch (outcome) {
      case "done":
        return "complete";
      case "end":
        return this.body!.endsWithStream ? "complete" : "incomplete";
      case "from-error":
        return from.ended ? "incomplete" : "waiting";
      case "to-error":
        return "waiting"; // the client is lost
      default:
        return "broken";
    }
  }

  /** Writes a reply of the proxy; the connection stays open where that is safe. */
  reply(
    client: Endpoint,
    request: RequestSide,
    status: AnswerStatus,
    advice?: string,
    wait?: Wait,
  ): void {
    if (!request.body.done || !KEEPS_ALIVE.includes(status)) request.keepAlive = false;
    const reply = answer(status, {
      advice,
      html: request.prefersHtml,
      headOnly: request.method === "HEAD",
      keepAlive: request.keepAlive,
      wait,
      location: isRedirect(status) ? secureUrl(request.head!) : undefined,
    });
    this.headBytes += reply.byteLength;
    this.pending = send(client, reply);
  }

  /**
   * Passes the final head on, and with it the next `rest` bytes if they can leave at once. Returns how many of these have
   * left; -1 where the head is not passed on.
   */
  private passFinal(
    client: Endpoint,
    head: Head,
    request: RequestSide,
    rest: number,
    cookie: string | undefined,
  ): number {
    const framing = responseFraming(head, request.method);
    if (framing === undefined) return -1;
    const context = this.context;
    const isLength = typeof framing === "number";
    const isEndless = !isLength && framing !== "none";
    const isHttp10 = request.isHttp10;
    // After a refused upgrade the client may be speaking the other protocol already. What is left of a
    // request that is answered early is not read, and another request behind it would not be either.
    if (
      (isEndless && isHttp10) ||
      request.upgrade !== undefined ||
      request.body.wanted > 0 ||
      context.shouldClose()
    ) {
      request.keepAlive = false;
    }
    let lines = "";
    if (!request.keepAlive) lines = CLOSE;
    else if (isHttp10) lines = KEEP_ALIVE;
    let clientFraming = framing;
    if (isEndless) clientFraming = isHttp10 ? "close" : "chunked";
    const along = isLength && rest <= framing ? rest : 0;
    if (cookie !== undefined) lines = setCookieLines(cookie) + lines;
    const gone = this.passHead(client, head, clientFraming, lines, along);
    if (gone < 0) return gone;
    if (framing !== "close" && head.minor === 1 && !head.hasOption(HAS_CLOSE)) {
      this.flags |= REUSABLE;
    }
    if (isLength) {
      // Most often all of a small body has gone: it needs no object.
      this.body = gone === framing ? SENT_BODY : new PlainBody(framing - gone, context.scratch);
      return gone;
    }
    this.body = bodyOf(framing, context.scratch);
    if (clientFraming === "chunked") this.body.toFraming = "chunked";
    else if (clientFraming === "close") this.flags |= ENDS_WITH_CLOSE;
    return gone;
  }

  private passSwitch(
    client: Endpoint,
    head: Head,
    request: RequestSide,
    cookie: string | undefined,
  ): boolean {
    const protocol = head.agreed(UPGRADE);
    if (protocol < 0 || !request.offers(head.value(protocol))) return false;
    const lines = cookie === undefined ? "" : setCookieLines(cookie);
    return this.passHead(client, head, "none", lines, 0) >= 0;
  }

  /** Another head follows. HTTP/1.0 knows no interim responses. */
  private passInterim(client: Endpoint, head: Head, request: RequestSide): boolean {
    this.flags += INTERIM;
    if (this.flags >= (INTERIM_RESPONSES_MAX + 1) * INTERIM) return false;
    if (!request.isHttp10 && this.passHead(client, head, "none", "", 0) < 0) return false;
    head.reset();
    return true;
  }

  /**
   * Passes a head on, and with it the next `rest` bytes behind it if all of that can leave at once: a small response is one
   * segment. Returns how many of these have left; -1 where the board has no memory for the head, which is its error then.
   */
  private passHead(
    client: Endpoint,
    head: Head,
    framing: Framing,
    lines: string,
    rest: number,
  ): number {
    const headEnd = head.length;
    const writer = this.writerFor(headEnd + REWRITE_BYTES);
    if (writer !== undefined) {
      const writable = client.writable;
      const end = writer.end;
      let length = rewriteResponse(writer, head, framing, lines);
      let gone = 0;
      const whole = length + rest;
      if (rest > 0 && whole <= end && whole <= writable && !client.sendQueueFull) {
        length = writer.putBytes(writer.to, length, end, head.buffer, headEnd, headEnd + rest);
        gone = rest;
      }
      this.headBytes += length;
      if (this.sendHead(client, writer, length)) return gone;
      if (client.writable < writable) this.flags |= TORN;
    }
    head.error = 503;
    return -1;
  }
}
