import { createHash } from "node:crypto";
import type { Behaviour } from "../../backends/src/behaviour.ts";
import { reply } from "../../backends/src/http.ts";
import type { Message } from "../../backends/src/http-reader.ts";
import { type Server, serve } from "../../backends/src/serve.ts";
import type { Steps } from "../../backends/src/steps.ts";

/** A request as a strict backend reads it. */
export interface Seen {
  /** `POST /path body`: long bodies as in `brief`. */
  readonly request: string;
  /** Values of Host. */
  readonly hosts: readonly string[];
}

/** An HTTP backend on a free loopback port that answers every request, and records it. */
export class RecordingBackend {
  /** Complete requests, in order of their completion. */
  readonly seen: Seen[] = [];
  /** Malformed requests. A connection that was closed in the middle of a request is no fault. */
  readonly faults: string[] = [];
  #server: Server | undefined;

  static async start(): Promise<RecordingBackend> {
    const backend = new RecordingBackend();
    const options = { name: "recorder", host: "127.0.0.1", port: 0 };
    backend.#server = await serve({ ...options, behaviour: backend.#behaviour });
    return backend;
  }

  get port(): number {
    return this.#server!.port;
  }

  async stop(): Promise<void> {
    await this.#server!.stop();
  }

  get #behaviour(): Behaviour {
    const open = new WeakMap<object, Message>();
    return {
      speaksHttp: () => true,
      strict: true,
      head: (message, connection) => {
        open.set(connection, message);
        // The reader parts lines at CR LF only: whatever else could end one is left in them.
        const texts = [message.line, ...message.fields.flat()];
        if (texts.some(text => CONTROL.test(text))) this.faults.push(JSON.stringify(texts));
        return [];
      },
      answer: message => this.#answer(message),
      broken: (why, connection) => {
        this.faults.push(why);
        // Only the board must not forward one.
        const answer = why === "a trailer" ? this.#answer(open.get(connection)!) : [];
        return [...answer, { close: "end" }];
      },
    };
  }

  #answer(message: Message): Steps {
    const [method, target] = message.line.split(" ");
    const request = [method, target, ...brief(message.body)].join(" ");
    this.seen.push({ request, hosts: message.all("host") });
    return [{ send: method === "HEAD" ? reply("ok").slice(0, -"ok".length) : reply("ok") }];
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Most characters of a body that are shown as they are. */
const SHOWN_MAX = 40;

/** A body for messages: empty for an empty one, a digest of a long one. */
export function brief(body: Buffer): string[] {
  if (body.byteLength === 0) return [];
  if (body.byteLength <= SHOWN_MAX) return [body.toString("latin1")];
  const digest = createHash("sha1").update(body).digest("hex").slice(0, 8);
  return [`${body.byteLength} bytes ${digest}`];
}
