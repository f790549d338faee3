import type { MockSocket } from "net-mock-socket";

/** One HTTP message as it came. */
export interface Message {
  /** The first line. */
  readonly line: string;
  /** Names as they were spelled, values without blanks around. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Values of a field, spelled in any case. */
  all(name: string): string[];
  /** The body without its framing. */
  readonly body: Buffer;
  readonly framing: "none" | "length" | "chunked" | "close";
  /** Its end came: the last byte, the last chunk, or the close that ends it. */
  readonly complete: boolean;
}

class Parts implements Message {
  readonly line: string;
  readonly fields: (readonly [string, string])[];
  framing: Message["framing"] = "none";
  complete = false;
  /** Bytes until the end of the body or of the chunk; the two bytes behind a chunk included. */
  left = 0;
  readonly pieces: Buffer[] = [];

  constructor(head: string) {
    const [line, ...fields] = head.split("\r\n");
    this.line = line;
    this.fields = fields.map(field => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon), field.slice(colon + 1).trim()] as const;
    });
  }

  all(name: string): string[] {
    return this.fields.flatMap(([other, value]) =>
      other.toLowerCase() === name.toLowerCase() ? [value] : [],
    );
  }

  get body(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

/**
 * Reads messages off one connection, written apart from the firmware's reader so that the two can
 * disagree: what it cannot read is `broken`, and nothing behind it is read.
 */
export class MessageReader {
  readonly messages: Message[] = [];
  broken: string | undefined;
  #kind: "request" | "response";
  #rest: Buffer = Buffer.alloc(0);
  #open: Parts | undefined;
  #methods: string[] = [];
  #ready: (message: Message) => void;
  #head: (message: Message) => void;

  /** `head` hears of each message whose head is there, `ready` of each one that is complete. */
  constructor(
    kind: "request" | "response",
    ready: (message: Message) => void = () => {},
    head: (message: Message) => void = () => {},
  ) {
    this.#kind = kind;
    this.#ready = ready;
    this.#head = head;
  }

  /** Of responses: the method of a request that was sent. */
  expects(method: string): void {
    this.#methods.push(method);
  }

  feed(bytes: Buffer): void {
    this.#rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.broken === undefined && this.#step());
  }

  /** The sender has closed. */
  end(): void {
    if (this.#open?.framing === "close") this.#finish(this.#open);
    else if (this.#open !== undefined || this.#rest.byteLength > 0) this.broken ??= "cut";
  }

  #step(): boolean {
    const open = this.#open;
    if (open === undefined) return this.#beginning();
    if (open.framing === "chunked") return this.#chunk(open);
    const count =
      open.framing === "close" ? this.#rest.byteLength : Math.min(open.left, this.#rest.byteLength);
    if (count > 0) open.pieces.push(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    open.left -= count;
    if (open.framing === "close" || open.left > 0) return false;
    this.#finish(open);
    return true;
  }

  #beginning(): boolean {
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const message = new Parts(this.#rest.subarray(0, end).toString("latin1"));
    this.#rest = this.#rest.subarray(end + 4);
    this.#open = message;
    const good =
      this.#kind === "request"
        ? /^[!-~]+ [^ ]+ HTTP\/1\.[01]$/.test(message.line)
        : /^HTTP\/1\.[01] \d{3}( .*)?$/.test(message.line);
    if (!good) {
      this.broken = `first line ${JSON.stringify(message.line)}`;
      return false;
    }
    this.#frame(message);
    this.#head(message);
    return true;
  }

  #frame(message: Parts): void {
    const lengths = message.all("content-length");
    const codings = message.all("transfer-encoding");
    if (lengths.length + codings.length > 1) this.broken = "two framings";
    if (this.#kind === "response") {
      const status = Number(message.line.slice(9, 12));
      const method = status < 200 ? undefined : this.#methods.shift();
      if (status < 200 || status === 204 || status === 304 || method === "HEAD") return;
      message.framing = "close";
    }
    if (codings.length > 0) {
      message.framing = "chunked";
      if (codings[0] !== "chunked") this.broken = `coding ${codings[0]}`;
    } else if (lengths.length > 0) {
      message.framing = "length";
      message.left = Number(lengths[0]);
      if (!/^\d+$/.test(lengths[0])) this.broken = `length ${lengths[0]}`;
    }
  }

  #chunk(message: Parts): boolean {
    if (message.left > 0) {
      const count = Math.min(message.left, this.#rest.byteLength);
      const data = Math.min(count, Math.max(0, message.left - 2));
      if (data > 0) message.pieces.push(this.#rest.subarray(0, data));
      const end = this.#rest.subarray(data, count).toString("latin1");
      const expected = "\r\n".slice(2 - (message.left - data), 2 - (message.left - count));
      if (end !== expected) this.broken = `behind a chunk ${JSON.stringify(end)}`;
      this.#rest = this.#rest.subarray(count);
      message.left -= count;
      return count > 0;
    }
    const end = this.#rest.indexOf("\r\n");
    if (end < 0) return false;
    const line = this.#rest.subarray(0, end).toString("latin1");
    if (!/^[0-9a-fA-F]{1,8}$/.test(line)) {
      this.broken = `chunk ${JSON.stringify(line)}`;
      return false;
    }
    const size = Number.parseInt(line, 16);
    if (size > 0) {
      this.#rest = this.#rest.subarray(end + 2);
      message.left = size + 2;
      return true;
    }
    if (this.#rest.byteLength < end + 4) return false;
    if (this.#rest.subarray(end, end + 4).toString("latin1") !== "\r\n\r\n") {
      this.broken = "a trailer"; // none is ever passed on
      return false;
    }
    this.#rest = this.#rest.subarray(end + 4);
    this.#finish(message);
    return true;
  }

  #finish(message: Parts): void {
    message.complete = true;
    this.#open = undefined;
    this.messages.push(message);
    this.#ready(message);
  }
}

/** What a backend does with a request: gives the bytes of its answer, or sees to it by itself. */
export type Answerer = (request: Message, socket: MockSocket) => string | Buffer | undefined;

/** An HTTP backend that remembers every byte it was sent. */
export interface HttpBackend {
  /** For `EmulatedLab.backend`. */
  readonly serve: (socket: MockSocket) => void;
  /** Bytes that came, by connection. */
  readonly received: string[];
  /** Complete requests of all connections, in the order in which they were complete. */
  readonly requests: Message[];
  /** One reader for each connection. */
  readonly readers: MessageReader[];
  /** Nothing came that is not a request. */
  readonly sound: boolean;
}

/** `answer` is called with each complete request, `head` before its body has come. */
export function httpBackend(answer: Answerer, head: Answerer = () => undefined): HttpBackend {
  const received: string[] = [];
  const requests: Message[] = [];
  const readers: MessageReader[] = [];
  const serve = (socket: MockSocket) => {
    const index = received.push("") - 1;
    const say = (bytes: string | Buffer | undefined) => {
      if (bytes === undefined || socket.destroyed) return;
      socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    };
    const reader = new MessageReader(
      "request",
      request => {
        requests.push(request);
        say(answer(request, socket));
      },
      request => say(head(request, socket)),
    );
    readers.push(reader);
    socket.on("data", (bytes: Buffer) => {
      received[index] += bytes.toString("latin1");
      reader.feed(bytes);
    });
    socket.on("end", () => {
      reader.end();
      socket.end();
    });
  };
  return {
    serve,
    received,
    requests,
    readers,
    get sound() {
      return readers.every(({ broken }) => broken === undefined || broken === "cut");
    },
  };
}

/** A response with a Content-Length. */
export function reply(body: string, { status = "200 OK", fields = [] as string[] } = {}): string {
  const lines = [`HTTP/1.1 ${status}`, ...fields, `Content-Length: ${body.length}`];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** A backend that answers everything with its name. */
export function named(name: string): HttpBackend {
  return httpBackend(() => reply(name));
}
