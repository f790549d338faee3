import http from "node:http";
import type { Outcome } from "../../../firmware/src/admin/outcome.ts";
import type { Status } from "../../../firmware/src/admin/status.ts";
import { parseLine } from "../../../firmware/tools/log-line.ts";

/** Longest wait for an answer. */
const ANSWER_TIMEOUT_MS = 3_000;

/** An answer is never longer: 9 KB of events, or a document of 4 KB. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** The admin server's, as the firmware has it by default. */
export const ADMIN_PORT = 8404;

export interface AdminAddress {
  readonly host: string;
  /** The port of the admin server. */
  readonly port: number;
  /** Without one nothing can be changed. */
  readonly token: string | undefined;
}

/** The part of a configuration document that says where the board listens. */
export interface Document {
  readonly listeners?: readonly { readonly port?: number }[];
}

/** A board's admin port, from outside. All but `change` reject when the board does not answer. */
export class AdminClient {
  #address: AdminAddress;
  /** The last lines that were read. */
  #known: readonly string[] = [];

  constructor(address: AdminAddress) {
    this.#address = address;
  }

  status(): Promise<Status> {
    return this.#read("/api/status");
  }

  document(): Promise<Document> {
    return this.#read("/api/config");
  }

  /** Log lines since the last call, as far as the board still has them. */
  async newEvents(): Promise<readonly string[]> {
    const { events } = await this.#read<{ events: string[] }>("/api/events");
    const hasRestarted = msOf(events) < msOf(this.#known);
    const known = new Set(hasRestarted ? [] : this.#known);
    this.#known = events;
    return events.filter(line => !known.has(line));
  }

  /** Sends a PUT. Returns its outcome, also when the board did not answer. */
  async change(path: string, wish: object): Promise<Outcome> {
    try {
      const { status, text } = await this.#exchange("PUT", path, JSON.stringify(wish));
      const answer = JSON.parse(text);
      if (status === 200) return { done: answer.done };
      return { complaints: answer.complaints ?? [answer.error] };
    } catch (error) {
      return { complaints: [(error as Error).message] };
    }
  }

  async #read<Answer>(path: string): Promise<Answer> {
    const { status, text } = await this.#exchange("GET", path);
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    return JSON.parse(text);
  }

  /** Uses a new connection, because the board has two for the admin port, and other clients need one, too. */
  #exchange(method: string, path: string, body = ""): Promise<{ status: number; text: string }> {
    const { host, port, token } = this.#address;
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

/** The time of the last one, in milliseconds since the board's start. */
function msOf(lines: readonly string[]): number {
  return parseLine(lines.at(-1) ?? "")?.ms ?? 0;
}
