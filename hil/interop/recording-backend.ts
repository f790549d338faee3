import { createHash } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { type Message, MessageReader } from "../kit/http-backend.ts";

/** A request as a strict backend understood it. */
export interface Seen {
  /** `POST /path body`: long bodies as in `brief`. */
  readonly request: string;
  /** Values of Host. */
  readonly hosts: readonly string[];
}

/** An HTTP backend on a free port of loopback that answers every request, and remembers it. */
export class RecordingBackend {
  readonly port: number;
  /** Complete requests, in the order in which they were complete. */
  readonly seen: Seen[] = [];
  /** What came and was no request. A connection that was closed in the middle of one is no fault. */
  readonly faults: string[] = [];
  #server: net.Server;
  #open = new Set<net.Socket>();

  static async start(): Promise<RecordingBackend> {
    const server = net.createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new RecordingBackend(server);
  }

  private constructor(server: net.Server) {
    this.port = (server.address() as net.AddressInfo).port;
    this.#server = server;
    server.on("connection", socket => this.#serve(socket));
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(socket: net.Socket): void {
    this.#open.add(socket);
    socket.on("close", () => this.#open.delete(socket));
    socket.on("error", () => {}); // `close` follows
    let open: Message | undefined;
    const answer = (message: Message) => {
      const [method, target] = message.line.split(" ");
      const request = [method, target, ...brief(message.body)].join(" ");
      this.seen.push({ request, hosts: message.all("host") });
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${method === "HEAD" ? "" : "ok"}`);
    };
    const reader = new MessageReader("request", answer, message => {
      open = message;
      // The reader parts lines at CR LF only: whatever else could end one is left in them.
      const texts = [message.line, ...message.fields.flat()];
      if (texts.some(text => CONTROL.test(text))) this.faults.push(JSON.stringify(texts));
    });
    socket.on("data", bytes => {
      if (reader.broken !== undefined) return;
      reader.feed(bytes);
      if (reader.broken === undefined) return;
      this.faults.push(reader.broken);
      // It is a fault of ours to pass one on, but not of everybody.
      if (reader.broken === "a trailer") answer(open!);
      socket.end();
    });
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Characters of a body that are shown as they are. */
const SHOWN_MAX = 40;

/** A body for people to read: nothing for an empty one, a digest of a long one. */
export function brief(body: Buffer): string[] {
  if (body.byteLength === 0) return [];
  if (body.byteLength <= SHOWN_MAX) return [body.toString("latin1")];
  const digest = createHash("sha1").update(body).digest("hex").slice(0, 8);
  return [`${body.byteLength} bytes ${digest}`];
}
