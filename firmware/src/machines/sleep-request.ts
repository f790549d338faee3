import { httpUrl } from "../config/http-url.ts";
import type { SleepRequest as SleepSettings } from "../config/settings.ts";
import type { Resolver } from "../dns/resolver.ts";
import type { Report } from "../log/event.ts";
import { isHostName } from "../net/address.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import type { Cancel, Platform } from "../platform.ts";
import { ascii } from "../text/ascii.ts";
import { exceptionText } from "../text/exception.ts";

/** How long a machine may take to answer, from the question for its address on, in ms. */
export const SLEEP_REQUEST_MS = 5_000;

/** Bytes of the answer that are looked at: its status line begins so. */
const STATUS_BYTES = 12;
/** The three digits of a status line. A function, because a regular expression of a linked module spoils the heap of XS. */
const statusIn = (line: string) => /^HTTP\/1\.\d (\d{3})/.exec(line)?.[1];

/**
 * The result of a request to sleep: the status of the answer; `unanswered`: it was sent, and nothing came back, as from a machine that sleeps already;
 * or why it was not sent.
 */
export type SleepResult = number | "unanswered" | "unresolved" | "not-connected" | "cancelled";

/** The parts of the board that a request needs. */
interface SleepRequestParts {
  readonly platform: Pick<Platform, "TCP" | "clock">;
  readonly report: Report;
  readonly scratch: Uint8Array;
  resolver(): Pick<Resolver, "resolve">;
}

/** True if the machine goes to sleep, as far as the board can know. */
export function isAccepted(result: SleepResult): boolean {
  return result === "unanswered" || (typeof result === "number" && result >= 200 && result < 300);
}

/** The HTTP request that asks a machine to sleep, on a connection of its own. */
export class SleepRequest implements EndpointOwner {
  #parts: SleepRequestParts;
  #settings: SleepSettings;
  /** Absent after it was called. */
  #done: ((result: SleepResult) => void) | undefined;
  #timeout: Cancel | undefined;
  #lookup: Cancel | undefined;
  #endpoint: Endpoint | undefined;
  #isSent = false;
  #answer = "";

  /** `done` is called once, and not by the constructor. */
  constructor(
    parts: SleepRequestParts,
    settings: SleepSettings,
    done: (result: SleepResult) => void,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#done = done;
    const { clock } = parts.platform;
    this.#timeout = clock.after(SLEEP_REQUEST_MS, () => this.end("not-connected"));
    const { host } = httpUrl(settings.url)!;
    if (isHostName(host)) {
      this.#lookup = parts.resolver().resolve(host, result => {
        this.#lookup = undefined;
        if ("failure" in result) this.end("unresolved");
        else this.open(result.addresses[0]);
      });
    } else {
      this.open(host);
    }
  }

  /** Ends the request. */
  cancel(): void {
    this.end("cancelled");
  }

  onReady(endpoint: Endpoint): void {
    if (!this.#isSent && (endpoint.connected || endpoint.readable > 0)) this.send(endpoint);
    while (this.#endpoint !== undefined && endpoint.readable > 0) this.read(endpoint);
    if (this.#endpoint !== undefined && endpoint.ended) this.end("not-connected");
  }

  failed(error: unknown): void {
    const { report } = this.#parts;
    report({ level: "E", on: "proxy", what: "exception", error: exceptionText(error) });
    this.end("not-connected");
  }

  private open(address: string): void {
    const { platform } = this.#parts;
    const { port } = httpUrl(this.#settings.url)!;
    try {
      this.#endpoint = new Endpoint(platform, { address, port }, this);
    } catch {
      // The board has no free socket, or no network.
      this.#timeout?.();
      this.#timeout = platform.clock.after(0, () => this.end("not-connected"));
    }
  }

  private send(endpoint: Endpoint): void {
    const { url, method, header } = this.#settings;
    const { host, port, path } = httpUrl(url)!;
    const lines = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${port === 80 ? host : `${host}:${port}`}`,
      "User-Agent: hot-potato",
      "Content-Length: 0",
      "Connection: close",
    ];
    if (header !== undefined) lines.push(header);
    endpoint.write(ascii(`${lines.join("\r\n")}\r\n\r\n`));
    this.#isSent = true;
  }

  private read(endpoint: Endpoint): void {
    const { scratch } = this.#parts;
    const piece = scratch.subarray(0, Math.min(endpoint.readable, scratch.byteLength));
    endpoint.read(piece);
    const added = piece.subarray(0, STATUS_BYTES - this.#answer.length);
    for (const byte of added) this.#answer += String.fromCharCode(byte);
    if (this.#answer.length < STATUS_BYTES) return;
    const status = statusIn(this.#answer);
    if (status === undefined) this.end("unanswered");
    else this.end(Number(status));
  }

  /** `result` where nothing was sent; what was sent has an effect, whatever comes back. */
  private end(result: SleepResult): void {
    const done = this.#done;
    this.#done = undefined;
    this.#timeout?.();
    this.#lookup?.();
    this.#endpoint?.discard(this.#parts.scratch);
    this.#endpoint?.close();
    this.#endpoint = this.#lookup = this.#timeout = undefined;
    done?.(this.#isSent && typeof result === "string" ? "unanswered" : result);
  }
}
