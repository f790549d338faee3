import { answer, wantsHtml } from "../http1/answer.ts";
import { Head } from "../http1/head.ts";
import type { EndpointOwner } from "../net/endpoint.ts";
import type { Handler, HandlerOwner, Summary } from "./handler.ts";

/** The session of a refused client, as `Refusal` sees it. */
export interface RefusedSession extends HandlerOwner {
  /** The client's protocol; `undefined` while too few bytes have arrived. */
  protocol(): "http" | "tcp" | "tls" | undefined;
  /** Closes the client's socket once the answer has been acknowledged, within the deadline that is set. */
  linger(options: { waitForClientFin: boolean }): void;
  /** Ends at once, with the reason of the refusal. */
  close(): void;
}

/** Answers a client that gets no slot: 503 where its first bytes are HTTP, else a close. */
export class Refusal implements Handler, EndpointOwner {
  private session: RefusedSession;
  private answeredBytes = 0;

  constructor(session: RefusedSession) {
    this.session = session;
    session.clientSide.owner = this;
  }

  /** The answer is written. */
  get answered(): boolean {
    return this.answeredBytes > 0;
  }

  get summary(): Summary {
    return { status: this.answered ? 503 : undefined, out: this.answeredBytes };
  }

  /** Answers as soon as the client's first bytes tell what it speaks. */
  onReady(): void {
    const { session } = this;
    const { clientSide, context } = session;
    // `onWritable` is delivered after `onReadable`, possibly in the same turn.
    const protocol = clientSide.readable > 0 && clientSide.connected && session.protocol();
    if (protocol === "tcp" || protocol === "tls" || clientSide.ended) session.close();
    if (protocol !== "http") return;
    const head = new Head("request", context.config, context.platform);
    head.feed(clientSide.take(context.scratch));
    const headOnly = head.done && head.method === "HEAD";
    const reply = answer(503, { html: wantsHtml(head), headOnly });
    clientSide.discard(context.scratch);
    if (reply.byteLength <= clientSide.writable) {
      clientSide.write(reply);
      this.answeredBytes = reply.byteLength;
    }
    session.linger({ waitForClientFin: true });
  }

  failed(error: unknown): void {
    this.session.failed(error);
  }

  expired(): void {
    this.session.close();
  }

  stop(): void {
    this.session.end("stopped");
  }
}
