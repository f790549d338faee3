import { chunked } from "../../backends/src/http.ts";
import { type Message, MessageReader } from "../../backends/src/http-reader.ts";
import type { WireSocket } from "../../emulator/src/io/wire.ts";
import { RawClient, unawaited } from "./raw-client.ts";

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent by its length, a list in chunks. */
  readonly body?: string | readonly string[];
}

/** What came of a request. */
export interface Reply {
  /** Not there when the connection ended before the answer's head. */
  readonly status: number | undefined;
  /** The backend that answered. */
  readonly by: string | undefined;
  /** By their names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The connection ended before the answer did. */
  readonly cutShort: boolean;
  /** From the request to the end of its answer, in the target's time. */
  readonly ms: number;
}

interface Asked {
  readonly sinceMs: number;
  /** The answer, as far as it has come. */
  answer: Message | undefined;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** A client that speaks HTTP too: request after request on one connection, or several at once. */
export class Client extends RawClient {
  /** Requests without a whole answer, in their order. */
  #asked: Asked[] = [];
  #socket: WireSocket | undefined;
  #reader = new MessageReader("response");

  get(path: string, options: RequestOptions = {}): Promise<Reply> {
    return this.request(path, options);
  }

  /** Sends a request now, behind others that are still to be answered. */
  request(
    path: string,
    { method = "GET", headers = {}, body }: RequestOptions = {},
  ): Promise<Reply> {
    const { clock, journal } = this.parts;
    const socket = this.open();
    if (socket !== this.#socket) this.#read(socket);
    this.note(`asks ${method} ${path}`);
    this.#reader.expects(method);
    const sinceMs = clock.now();
    socket.write(Buffer.from(render(path, method, { Host: "board", ...headers }, body), "latin1"));
    return unawaited(
      journal.waiting(`${this.name} to be answered ${method} ${path}`, (resolve, reject) => {
        this.#asked.push({ sinceMs, answer: undefined, resolve, reject });
      }),
    );
  }

  #read(socket: WireSocket): void {
    const reader = new MessageReader(
      "response",
      message => {
        if (isInterim(message)) return;
        const asked = this.#asked.shift();
        if (asked !== undefined) asked.resolve(this.#reply(asked, message, false));
      },
      message => {
        const [asked] = this.#asked;
        if (!isInterim(message) && asked !== undefined) asked.answer = message;
      },
    );
    this.#socket = socket;
    this.#reader = reader;
    socket.on("data", (bytes: Buffer) => {
      if (this.#asked.length === 0) return; // no HTTP any more, or no request is open
      reader.feed(bytes);
      if (reader.broken === undefined) return;
      const error = new Error(`${this.name} was answered what is no HTTP: ${reader.broken}`);
      for (const asked of this.#asked.splice(0)) asked.reject(error);
    });
    socket.on("end", () => reader.end());
    socket.on("close", () => {
      for (const asked of this.#asked.splice(0)) {
        asked.resolve(this.#reply(asked, asked.answer, true));
      }
    });
  }

  #reply({ sinceMs }: Asked, answer: Message | undefined, cutShort: boolean): Reply {
    const ms = this.parts.clock.now() - sinceMs;
    if (answer === undefined) {
      return { status: undefined, by: undefined, headers: {}, body: "", cutShort, ms };
    }
    const headers = Object.fromEntries(
      answer.fields.map(([name, value]) => [name.toLowerCase(), value]),
    );
    return {
      status: Number(answer.line.slice(9, 12)),
      by: headers["x-backend"],
      headers,
      body: answer.body.toString("latin1"),
      cutShort,
      ms,
    };
  }
}

/** An interim response (1xx): another response follows. */
function isInterim({ line }: Message): boolean {
  return line.startsWith("HTTP/1.1 1");
}

/** A request as it is sent. */
function render(
  path: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: RequestOptions["body"],
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (typeof body === "string") lines.push(`Content-Length: ${body.length}`);
  else if (body !== undefined) lines.push("Transfer-Encoding: chunked");
  const head = `${[`${method} ${path} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`;
  return head + (body === undefined || typeof body === "string" ? (body ?? "") : chunked(body));
}
