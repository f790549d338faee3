import type { Endpoint } from "../net/endpoint.ts";
import { ascii } from "../text/ascii.ts";
import { type Body, bodyBytes } from "./body.ts";
import { bodyOf, requestFraming } from "./framing.ts";
import { Head, type HeadError, type HeadLimits } from "./head.ts";
import { namesHost, pathStart } from "./request.ts";

const CONTINUE = ascii("HTTP/1.1 100 Continue\r\n\r\n");

/** Gets the body of a request, piece by piece. */
export interface BodyReader {
  read(bytes: Uint8Array): void;
}

/** Reads one request for a server that answers it by itself: the head, and the body as it arrives. */
export class RequestReader<T extends BodyReader> {
  readonly head: Head;
  /** Created when the first bytes of the body arrive; `undefined` where the body is ignored. */
  body: T | undefined;
  #newBody: () => T | undefined;
  #bodyBytesMax: number;
  #hasBody = false;
  /** Once the head is complete. */
  #reader: Body | undefined;
  /** The client waits for `CONTINUE` before it sends its body. */
  #awaitsContinue = false;

  constructor(limits: HeadLimits, bodyBytesMax: number, newBody: () => T | undefined) {
    this.head = new Head("request", limits);
    this.#bodyBytesMax = bodyBytesMax;
    this.#newBody = newBody;
  }

  /** Reads on; gives the status that refuses a request which is invalid or too large. */
  read(client: Endpoint, scratch: Uint8Array): "waiting" | "complete" | HeadError | 413 {
    while (client.readable > 0 && this.#reader?.done !== true) {
      const piece = client.take(scratch);
      const refusal = this.#reader === undefined ? this.readHead(piece) : this.readBody(piece);
      if (refusal !== undefined) return refusal;
    }
    if (this.#reader?.done) return "complete";
    if (this.#awaitsContinue && client.writable >= CONTINUE.byteLength) {
      this.#awaitsContinue = false;
      client.write(CONTINUE);
    }
    return "waiting";
  }

  /** The target without scheme and host, `*` for OPTIONS included; `undefined` where it is none, or Host is another. */
  get target(): string | undefined {
    const { head } = this;
    const start = pathStart(head, head.method);
    if (start < 0) return undefined;
    if (start > head.targetStart) {
      const host = head.lookup("host");
      if (host !== undefined && !namesHost(head, start, host)) return undefined;
    }
    const target = head.text(start, head.targetEnd);
    return target === "" || target[0] === "?" ? `/${target}` : target;
  }

  private readHead(piece: Uint8Array): HeadError | 413 | undefined {
    const { head } = this;
    const rest = piece.subarray(head.feed(piece));
    head.keep(); // `piece` may lie in the scratch buffer
    if (head.error !== undefined || !head.done) return head.error;
    const framing = requestFraming(head, head.method);
    if (framing === undefined) return head.error;
    if (typeof framing === "number" && framing > this.#bodyBytesMax) return 413;
    this.#reader = bodyOf(framing, undefined, this.#bodyBytesMax);
    const expects = head.minor > 0 && head.lookup("expect")?.toLowerCase() === "100-continue";
    this.#awaitsContinue = expects && !this.#reader.done;
    return rest.byteLength > 0 ? this.readBody(rest) : undefined;
  }

  private readBody(piece: Uint8Array): 400 | 413 | undefined {
    const reader = this.#reader!;
    this.#awaitsContinue = false;
    const bytes = bodyBytes(reader, piece);
    if (bytes.byteLength > 0) {
      if (!this.#hasBody) this.body = this.#newBody();
      this.#hasBody = true;
      this.body?.read(bytes);
    }
    if (!reader.broken) return undefined;
    return reader.tooLarge ? 413 : 400;
  }
}
