/** One received HTTP message. */
export interface Message {
  /** The first line. */
  readonly line: string;
  /** Names as received, values without surrounding blanks. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Values of a field, spelled in any case. */
  all(name: string): string[];
  /** The body without its framing; empty where the reader is not strict. */
  readonly body: Buffer;
  /** Received bytes of the body. */
  readonly bodyBytes: number;
  readonly framing: "none" | "length" | "chunked" | "close";
  /** The end of the message was received: the last byte, the last chunk, or the close that ends it. */
  readonly complete: boolean;
}

class Parts implements Message {
  readonly line: string;
  readonly fields: (readonly [string, string])[];
  framing: Message["framing"] = "none";
  complete = false;
  /** Bytes until the end of the body or of the chunk, including the two bytes after a chunk. */
  left = 0;
  bodyBytes = 0;
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

/** Maximum bytes of a head, of a chunk's line, and of trailers. */
const HEAD_BYTES_MAX = 64 * 1024;

/**
 * Reads the messages of one connection, independent of the firmware's reader so that the two can disagree. After
 * the first error (`broken`) nothing more is read.
 *
 * A strict one keeps the messages and their bodies, and refuses what our proxy never forwards: chunk
 * extensions, trailers, `chunked` in capitals. The other one reads them, and only counts the bytes of bodies.
 */
export class MessageReader {
  readonly messages: Message[] = [];
  broken: string | undefined;
  #kind: "request" | "response";
  #rest: Buffer = Buffer.alloc(0);
  #open: Parts | undefined;
  #released = false;
  #methods: string[] = [];
  #ready: (message: Message) => void;
  #head: (message: Message) => void;
  #strict: boolean;

  /** `head` is called for each message when its head is complete, `ready` when all of it is. */
  constructor(
    kind: "request" | "response",
    ready: (message: Message) => void = () => {},
    head: (message: Message) => void = () => {},
    strict = true,
  ) {
    this.#kind = kind;
    this.#ready = ready;
    this.#head = head;
    this.#strict = strict;
  }

  /** For responses: the method of a request that was sent. */
  expects(method: string): void {
    this.#methods.push(method);
  }

  feed(bytes: Buffer): void {
    this.#rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.broken === undefined && !this.#released && this.#step());
  }

  /** Another protocol follows: stops reading, and returns the rest. */
  release(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    this.#released = true;
    return rest;
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
    this.#take(open, count);
    this.#rest = this.#rest.subarray(count);
    open.left -= count;
    if (open.framing === "close" || open.left > 0) return false;
    this.#finish(open);
    return true;
  }

  #beginning(): boolean {
    const end = this.#indexOf("\r\n\r\n");
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
      const coding = this.#strict ? codings[0] : codings[0].toLowerCase();
      if (coding !== "chunked") this.broken = `coding ${codings[0]}`;
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
      this.#take(message, data);
      const end = this.#rest.subarray(data, count).toString("latin1");
      const expected = "\r\n".slice(2 - (message.left - data), 2 - (message.left - count));
      if (end !== expected) this.broken = `behind a chunk ${JSON.stringify(end)}`;
      this.#rest = this.#rest.subarray(count);
      message.left -= count;
      return count > 0;
    }
    const end = this.#indexOf("\r\n");
    if (end < 0) return false;
    const line = this.#rest.subarray(0, end).toString("latin1");
    if (!(this.#strict ? /^[0-9a-fA-F]{1,8}$/ : /^[0-9a-fA-F]{1,8}[ \t]*(;.*)?$/).test(line)) {
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
    const last = this.#indexOf("\r\n\r\n", end);
    if (this.#strict && last !== end) {
      this.broken = "a trailer"; // the proxy forwards none
      return false;
    }
    if (last < 0) return false;
    this.#rest = this.#rest.subarray(last + 4);
    this.#finish(message);
    return true;
  }

  #finish(message: Parts): void {
    message.complete = true;
    this.#open = undefined;
    if (this.#strict) this.messages.push(message);
    this.#ready(message);
  }

  #take(message: Parts, count: number): void {
    message.bodyBytes += count;
    if (this.#strict && count > 0) message.pieces.push(this.#rest.subarray(0, count));
  }

  /** Position of this text in the unread bytes; too many bytes without it are an error. */
  #indexOf(text: string, from = 0): number {
    const at = this.#rest.indexOf(text, from);
    if (at < 0 && this.#rest.byteLength > HEAD_BYTES_MAX) this.broken = "a head too long";
    return at;
  }
}
