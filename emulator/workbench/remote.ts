import http from "node:http";
import type { Outcome } from "../../firmware/src/admin/operator.ts";
import type { Status } from "../../firmware/src/admin/status.ts";
import type { Look, Watched } from "./watched.ts";

/** A chip has better things to do than to be watched. */
const INTERVAL_MS = 1_000;

/** Longest wait for an answer. */
const ANSWER_TIMEOUT_MS = 3_000;

/** An answer is never longer: 64 events of 240 characters, or a document of 4 KB. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** The port that browsers expect, until the board has told its own. */
const DOOR_PORT = 80;

/** The admin server's, as the firmware has it by default. */
const ADMIN_PORT = 8404;

export interface RemoteAddress {
  readonly host: string;
  /** Of the admin server. */
  readonly port: number;
  readonly token: string | undefined;
}

export interface RemoteOptions extends RemoteAddress {
  /** The board's new log lines, as they come. */
  readonly onLine: (line: string) => void;
}

/** What `--board-address` and `--token` say. */
export function readRemote(
  address: string | undefined,
  token: string | undefined,
): RemoteAddress | { complaint: string } | undefined {
  if (address === undefined) return undefined;
  const [, host, port = `${ADMIN_PORT}`] = /^([\w.-]+)(?::(\d{1,5}))?$/.exec(address) ?? [];
  if (host === undefined) {
    return { complaint: `--board-address "${address}": wanted an address such as 192.168.1.50` };
  }
  return { host, port: Number(port), token };
}

/** A board somewhere else, seen and steered through its admin port. */
export class RemoteBoard implements Watched {
  readonly title: string;
  readonly intervalMs = INTERVAL_MS;
  readonly readOnly: string | undefined;
  readonly switches = undefined;
  #options: RemoteOptions;
  #status: Status | undefined;
  #doorPort: number | undefined;
  #lastLine: string | undefined;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.title = `board at ${options.host}`;
    if (options.token === undefined) this.readOnly = "to change anything, give the board's --token";
  }

  get door(): { host: string; port: number } {
    return { host: this.#options.host, port: this.#doorPort ?? DOOR_PORT };
  }

  async look(): Promise<Look> {
    let state = "running";
    try {
      this.#status = await this.#read<Status>("/api/status");
      const { events } = await this.#read<{ events: string[] }>("/api/events");
      this.#tell(events);
      this.#doorPort ??= (await this.#document()).listeners?.[0]?.port ?? DOOR_PORT;
    } catch (error) {
      state = `no answer: ${(error as Error).message}`;
    }
    const { heap, sockets } = this.#status ?? {};
    return {
      state,
      status: this.#status,
      sockets,
      heap:
        typeof heap === "number"
          ? { freeBytes: heap, floorBytes: undefined, sizeBytes: undefined }
          : undefined,
    };
  }

  setState(name: string, state: string): Promise<Outcome> {
    return this.#write(`/api/backends/${encodeURIComponent(name)}`, { state });
  }

  setWeight(name: string, weight: number): Promise<Outcome> {
    return this.#write(`/api/backends/${encodeURIComponent(name)}`, { weight });
  }

  async setBalance(balance: string): Promise<Outcome> {
    try {
      return await this.#write("/api/config", { ...(await this.#document()), balance });
    } catch (error) {
      return { complaints: [(error as Error).message] };
    }
  }

  #document(): Promise<{ listeners?: { port: number }[] }> {
    return this.#read("/api/config");
  }

  /** Lines that came after the last one that is known; all of them when that one is gone. */
  #tell(lines: readonly string[]): void {
    const known = this.#lastLine === undefined ? -1 : lines.lastIndexOf(this.#lastLine);
    for (const line of lines.slice(known + 1)) this.#options.onLine(line);
    this.#lastLine = lines.at(-1);
  }

  async #read<Answer>(path: string): Promise<Answer> {
    const { status, text } = await this.#exchange("GET", path);
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    return JSON.parse(text);
  }

  async #write(path: string, wish: object): Promise<Outcome> {
    try {
      const { status, text } = await this.#exchange("PUT", path, JSON.stringify(wish));
      const answer = JSON.parse(text);
      if (status === 200) return { done: answer.done };
      return { complaints: answer.complaints ?? [answer.error] };
    } catch (error) {
      return { complaints: [(error as Error).message] };
    }
  }

  /** On a connection of its own: the board has places for two, and others want to look, too. */
  #exchange(method: string, path: string, body = ""): Promise<{ status: number; text: string }> {
    const { host, port, token } = this.#options;
    return new Promise((resolve, reject) => {
      const request = http.request({ host, port, method, path, agent: false });
      if (method === "PUT") {
        request.setHeader("Authorization", `Bearer ${token}`);
        request.setHeader("Content-Type", "application/json");
        request.setHeader("Content-Length", Buffer.byteLength(body));
      }
      const late = setTimeout(
        () => request.destroy(new Error(`nothing for ${ANSWER_TIMEOUT_MS / 1000} s`)),
        ANSWER_TIMEOUT_MS,
      );
      request.once("close", () => clearTimeout(late));
      request.once("error", reject);
      request.once("response", response => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => {
          text += piece;
          if (text.length > ANSWER_BYTES_MAX) request.destroy(new Error("too long an answer"));
        });
        response.once("error", reject);
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.end(body);
    });
  }
}
