import { resetSocket } from "../../emulator/src/io/reset-socket.ts";
import { chunked } from "./http.ts";
import { type Message, MessageReader } from "./http-reader.ts";
import type { Socket, Timing } from "./steps.ts";
import { Waits } from "./waits.ts";

/** `node:net`, or an object with the same interface. */
export interface ClientNetwork {
  connect(options: {
    host: string;
    port: number;
    allowHalfOpen: boolean;
    noDelay: boolean;
  }): Socket;
}

/** A record of what a client does, and of what it waits for. */
export interface ClientJournal {
  note(what: string): void;
  waiting<T>(
    what: string,
    begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T>;
}

const NO_JOURNAL: ClientJournal = {
  note() {},
  waiting: (_what, begin) => new Promise(begin),
};

export interface ClientOptions {
  readonly name: string;
  readonly net: ClientNetwork;
  /** The client's IPv4 address, as the server sees it. */
  readonly address?: string;
  readonly clock: Timing & { now(): number };
  /** Where the server is found. */
  server(): { readonly host: string; readonly port: number };
  readonly journal?: ClientJournal;
  /** Longest wait for an answer or for bytes, after which the connection is closed; without it for ever. */
  readonly patienceMs?: number;
  /** Bodies of answers are counted, and `received` has what is no HTTP: for clients that ask very often. */
  readonly forgetful?: boolean;
}

/** How a connection ended: cleanly, or with the code of an error. */
export interface Ended {
  readonly received: string;
  readonly error: string | undefined;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent by its length, a list in chunks. */
  readonly body?: string | readonly string[];
}

/** The outcome of a request. */
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
  /** From the request to the end of its answer. */
  readonly ms: number;
}

interface Asked {
  readonly sinceMs: number;
  /** The answer, as far as it was received. */
  answer: Message | undefined;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** The error after `patienceMs`. */
export const NO_ANSWER = "no answer";

/**
 * A client that sends and receives raw bytes, or HTTP: request after request, or several at once. It connects by
 * itself with the first bytes that it sends, and again when that connection is over.
 */
export class Client {
  readonly name: string;
  /** All bytes received on the current connection, as characters. */
  received = "";
  /** The client's end of its last connection, as the server should see it: `10.0.0.9:49152`. */
  endpoint: string | undefined;
  #options: ClientOptions;
  #journal: ClientJournal;
  #socket: Socket | undefined;
  #reader = new MessageReader("response");
  /** Requests without a whole answer, in their order. */
  #asked: Asked[] = [];
  /** Characters of `received` that a `receive` has returned. */
  #taken = 0;
  #receiving = false;
  #connected = false;
  #ended: Ended | undefined;
  #outOfPatience = false;
  #left = false;
  /** Waits for bytes or for the end. */
  #waits = new Waits();

  constructor(options: ClientOptions) {
    this.name = options.name;
    this.#options = options;
    this.#journal = options.journal ?? NO_JOURNAL;
  }

  /** The client's IPv4 address, as the server sees it. */
  get address(): string {
    return this.#options.address ?? "";
  }

  /** The client has a connection for another request. */
  get isOpen(): boolean {
    return this.#socket !== undefined && this.#ended === undefined && !this.#socket.readableEnded;
  }

  /** The code of the error that ended its last connection. */
  get error(): string | undefined {
    return this.#ended?.error;
  }

  /** Resolves when the connection is established; rejects when it is refused. */
  connect(): Promise<void> {
    this.#open();
    return unawaited(this.#until("to be connected", () => this.#connected));
  }

  send(bytes: string | Buffer): void {
    this.#open().write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /**
   * The bytes since the last `receive`, up to this text or this many; rejects when the connection
   * ends before. One at a time: two would take each other's bytes.
   */
  receive(until: string | number): Promise<string> {
    return unawaited(this.#receive(until));
  }

  get(path: string, options: RequestOptions = {}): Promise<Reply> {
    return this.request(path, options);
  }

  /** Sends a request now, behind others that are still to be answered. */
  request(
    path: string,
    { method = "GET", headers = {}, body }: RequestOptions = {},
  ): Promise<Reply> {
    const socket = this.#open();
    this.#note(`asks ${method} ${path}`);
    this.#reader.expects(method);
    const sinceMs = this.#options.clock.now();
    socket.write(Buffer.from(render(path, method, { Host: "board", ...headers }, body), "latin1"));
    return unawaited(
      this.#waiting<Reply>(`to be answered ${method} ${path}`, (resolve, reject) => {
        this.#asked.push({ sinceMs, answer: undefined, resolve, reject });
      }),
    );
  }

  /**
   * A request that browsers would send again: once more on a new connection, when the idle one that it was sent on
   * had been closed meanwhile.
   */
  async ask(path: string, options: RequestOptions = {}): Promise<Reply> {
    const { isOpen } = this;
    const reply = await this.request(path, options);
    const isStale = isOpen && reply.status === undefined && !this.#left;
    return isStale ? this.request(path, options) : reply;
  }

  /** Ends its sending side; it still receives. */
  end(): void {
    this.#note("ends");
    this.#open().end();
  }

  /** Closes the connection with a reset. */
  reset(): void {
    this.#note("resets");
    resetSocket(this.#open());
  }

  /** Closes the connection at once. */
  leave(): void {
    this.#left = true;
    this.#socket?.destroy();
  }

  /** Reads nothing more, until `resume`. */
  pause(): void {
    this.#open().pause();
  }

  resume(): void {
    this.#open().resume();
  }

  /** Waits for the connection's end. */
  closed(): Promise<Ended> {
    return this.#wait("to be closed", () => this.#ended);
  }

  /** The current connection, or a new one. */
  #open(): Socket {
    if (this.#socket !== undefined && this.#ended === undefined) return this.#socket;
    const { net, server } = this.#options;
    const socket = net.connect({ ...server(), allowHalfOpen: true, noDelay: true });
    this.#socket = socket;
    this.#reader = this.#newReader();
    this.#connected = false;
    this.#ended = undefined;
    this.#outOfPatience = false;
    this.#left = false;
    this.received = "";
    this.#taken = 0;
    let error: string | undefined;
    socket.on("connect", () => {
      this.#connected = true;
      this.endpoint = `${this.address}:${socket.localPort}`;
      this.#waits.changed();
    });
    socket.on("data", (bytes: Buffer) => this.#hear(bytes));
    socket.on("end", () => {
      this.#note("hears the end");
      this.#reader.end();
      socket.end();
    });
    socket.on("error", (failure: NodeJS.ErrnoException) => {
      error = failure.code;
    });
    socket.on("close", () => {
      if (this.#outOfPatience) error = NO_ANSWER;
      this.#note(`is closed${error === undefined ? "" : ` by ${error}`}`);
      this.#ended = { received: this.received, error };
      this.#waits.changed();
      for (const asked of this.#asked.splice(0)) {
        asked.resolve(this.#reply(asked, asked.answer, true));
      }
    });
    return socket;
  }

  #note(what: string): void {
    this.#journal.note(`${this.name} ${what}`);
  }

  // HTTP

  #newReader(): MessageReader {
    return new MessageReader(
      "response",
      message => {
        if (isInterim(message)) return;
        const asked = this.#asked.shift();
        asked?.resolve(this.#reply(asked, message, false));
      },
      message => {
        const [asked] = this.#asked;
        if (!isInterim(message) && asked !== undefined) asked.answer = message;
      },
      this.#options.forgetful !== true,
    );
  }

  #hear(bytes: Buffer): void {
    const http = this.#asked.length > 0;
    if (!http || this.#options.forgetful !== true) this.received += bytes.toString("latin1");
    this.#waits.changed();
    if (!http) return; // no HTTP any more, or no request is open
    this.#reader.feed(bytes);
    if (this.#reader.broken === undefined) return;
    const error = new Error(`${this.name} was answered what is no HTTP: ${this.#reader.broken}`);
    for (const asked of this.#asked.splice(0)) asked.reject(error);
  }

  #reply({ sinceMs }: Asked, answer: Message | undefined, cutShort: boolean): Reply {
    const ms = this.#options.clock.now() - sinceMs;
    const fields = answer?.fields ?? [];
    const headers = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
    return {
      status: answer && Number(answer.line.slice(9, 12)),
      by: headers["x-backend"],
      headers,
      body: answer?.body.toString("latin1") ?? "",
      cutShort,
      ms,
    };
  }

  // Waits

  async #receive(until: string | number): Promise<string> {
    const bytes = typeof until === "number";
    const end = () =>
      bytes ? this.#taken + until : this.received.indexOf(until, this.#taken) + until.length;
    const there = () =>
      bytes ? this.received.length >= end() : this.received.indexOf(until, this.#taken) >= 0;
    if (this.#receiving) throw new Error(`${this.name} is receiving already: await that first`);
    this.#receiving = true;
    try {
      await this.#until(`to hear ${bytes ? `${until} bytes` : JSON.stringify(until)}`, there);
    } finally {
      this.#receiving = false;
    }
    const from = this.#taken;
    this.#taken = end();
    return this.received.slice(from, this.#taken);
  }

  async #until(what: string, there: () => boolean): Promise<void> {
    const outcome = await this.#wait(what, () => (there() ? "there" : this.#ended));
    if (outcome === "there") return;
    const { received, error } = outcome;
    throw new Error(
      `${this.name} waited ${what}, and the connection ended${error ? ` by ${error}` : ""}; ` +
        `it had received ${brief(received.slice(this.#taken))}`,
    );
  }

  #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    return this.#waiting(what, resolve => this.#waits.until(look, resolve));
  }

  /** Recorded in the journal, and no longer than `patienceMs`. */
  async #waiting<T>(
    what: string,
    begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    const { clock, patienceMs } = this.#options;
    const giveUp = () => {
      this.#outOfPatience = true;
      this.leave();
    };
    const cancel = patienceMs === undefined ? undefined : clock.after(patienceMs, giveUp);
    try {
      return await this.#journal.waiting(`${this.name} ${what}`, begin);
    } finally {
      cancel?.();
    }
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

/** A scenario that has failed elsewhere no longer awaits it: no unhandled rejection then. */
function unawaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Characters of what a client received that an error echoes. */
const ECHOED_MAX = 80;

function brief(text: string): string {
  const shown = JSON.stringify(text.slice(0, ECHOED_MAX));
  return text.length <= ECHOED_MAX ? shown : `${shown}…`;
}
