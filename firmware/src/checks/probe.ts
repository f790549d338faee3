import { AddressWalk } from "../backend/address-walk.ts";
import type { Backend } from "../backend/backend.ts";
import type { CheckCode } from "../backend/health.ts";
import { type HealthSettings, statusRanges } from "../config/settings.ts";
import { type Body, bodyBytes } from "../http1/body.ts";
import { bodyOf, responseFraming } from "../http1/framing.ts";
import type { Head } from "../http1/head.ts";
import type { HeadPool } from "../http1/head-pool.ts";
import type { Report } from "../log/event.ts";
import { ipv4 } from "../net/address.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import { Keywords, type Scan } from "../net/keywords.ts";
import { proxyHeader } from "../net/proxy-protocol.ts";
import { clientHello, readServerHello } from "../net/tls-probe.ts";
import type { Cancel, Platform } from "../platform.ts";
import { ascii } from "../text/ascii.ts";
import { exceptionText } from "../text/exception.ts";

/** `status` and `body` of settings for HTTP checks, in the form that a check uses. */
export interface ExpectedResponse {
  readonly of: HealthSettings;
  /** Expected statuses, as ranges with both ends included. */
  readonly status: readonly (readonly [number, number])[];
  readonly body: Keywords | undefined;
}

export function expectedResponse(
  settings: HealthSettings,
  search: Pick<Platform, "findKeyword" | "Search">,
): ExpectedResponse {
  const { status, body } = settings;
  const keyword = body !== undefined && ({ keyword: body, match: "anywhere", in: "any" } as const);
  return {
    of: settings,
    status: statusRanges(status),
    body: keyword ? new Keywords([keyword], search) : undefined,
  };
}

export interface ProbeContext {
  readonly platform: Platform;
  readonly scratch: Uint8Array;
  readonly heads: HeadPool;
  readonly report: Report;
}

/** Most bytes of the answer to a TLS hello that are examined: those of the ServerHello's head behind a few warnings. */
const TLS_ANSWER_BYTES_MAX = 64;

/** How long a machine that is not awake may take to accept a connection: it may not be there yet, and others wait for their check. */
const ASLEEP_CONNECT_MS = 1000;

const NO_BYTES = new Uint8Array(0);

/** Length of a body that is searched for the expected text, in bytes. */
const BODY_SEARCH_MAX = 16_384;

/** Status with which a backend asks for no new sessions (HAProxy's disable-on-404). */
const DRAIN_STATUS = 404;

/**
 * One health check on a connection of its own. Its result is `undefined` when the board had no socket or no memory,
 * which says nothing about the backend.
 */
export class Probe implements EndpointOwner {
  #context: ProbeContext;
  readonly backend: Backend;
  /** Absent in checks that are not over HTTP. */
  #expected: ExpectedResponse | undefined;
  /** Absent after it was called. */
  #done: ((code: CheckCode | undefined) => void) | undefined;
  #endpoint: Endpoint | undefined;
  /** The addresses of a backend by name. */
  #walk: AddressWalk | undefined;
  #endMs: number;
  #timeout: Cancel | undefined;
  /** Once the request of an HTTP check is sent. */
  #head: Head | undefined;
  /** Once the hello of a TLS check is sent: its answer so far. */
  #answer: Uint8Array | undefined;
  #body: Body | undefined;
  #scan: Scan | undefined;
  #searched = 0;

  /** `done` is called once, even if it throws, and not by the constructor. */
  constructor(
    context: ProbeContext,
    backend: Backend,
    expected: ExpectedResponse | undefined,
    done: (code: CheckCode | undefined) => void,
  ) {
    this.#context = context;
    this.backend = backend;
    this.#expected = expected;
    this.#done = done;
    this.#walk = backend.host === undefined ? undefined : new AddressWalk(backend);
    const { timeoutMs } = backend.settings.health;
    this.#endMs = context.platform.clock.now() + timeoutMs;
    this.open(timeoutMs);
  }

  /** Opens a connection to the backend, or to the current one of its addresses, within the `leftMs` of the check. */
  private open(leftMs: number): void {
    const { platform } = this.#context;
    const { clock } = platform;
    const walk = this.#walk;
    try {
      const peer = walk === undefined ? this.backend.settings : walk.peer;
      this.#endpoint = new Endpoint(platform, peer, this);
      let ms = walk === undefined ? leftMs : walk.shareOf(leftMs);
      if (this.backend.isAsleep) ms = Math.min(ms, ASLEEP_CONNECT_MS);
      this.#timeout = clock.after(ms, () => this.expired());
    } catch {
      // The board has no free socket, or no network.
      this.#timeout = clock.after(0, () => this.finish(undefined));
    }
  }

  private expired(): void {
    const { clock } = this.#context.platform;
    const leftMs = this.#endMs - clock.now();
    if (this.layer === "L4") this.notConnected("L4TOUT");
    else if (leftMs <= 0) this.finish(`${this.layer}TOUT`);
    // One of several addresses has accepted in its share of the time.
    else this.#timeout = clock.after(leftMs, () => this.expired());
  }

  /** Tries the next address of the backend; false if none or no time is left. */
  private opensNext(): boolean {
    const leftMs = this.#endMs - this.#context.platform.clock.now();
    if (leftMs <= 0 || this.#walk?.next() !== true) return false;
    this.#timeout?.();
    this.#endpoint?.close();
    this.open(leftMs);
    return true;
  }

  /** Drops the check; `done` is not called. */
  cancel(): void {
    this.#done = undefined;
    this.#timeout?.();
    this.#endpoint?.close();
    this.#endpoint = undefined;
    if (this.#head !== undefined) this.#context.heads.give(this.#head);
    this.#head = undefined;
  }

  /** Received bytes also show that the connection is established; see `Connector.onReady`. */
  onReady(endpoint: Endpoint): void {
    const isConnected = endpoint.connected || endpoint.readable > 0;
    if (isConnected && this.layer === "L4") this.connected(endpoint);
    while (this.#endpoint !== undefined && endpoint.readable > 0) this.read(endpoint);
    if (this.#endpoint !== undefined && endpoint.ended) this.closed(endpoint);
  }

  /** The backend has closed the connection, or it is lost. */
  private closed({ failure }: Endpoint): void {
    if (failure === undefined) this.#body?.closed();
    if (failure === "memory") this.finish(undefined);
    else if (this.layer === "L4") this.notConnected(failure === "timeout" ? "L4TOUT" : "L4CON");
    else if (this.#body?.done) this.judgeBody();
    else this.finish(`${this.layer}RSP`);
  }

  /** The layer that is checked now: the connection, or the answer to the hello or the request. */
  private get layer(): "L4" | "L6" | "L7" {
    if (this.#head !== undefined) return "L7";
    return this.#answer === undefined ? "L4" : "L6";
  }

  private notConnected(code: CheckCode): void {
    if (!this.opensNext()) this.finish(code);
  }

  failed(error: unknown): void {
    const { report } = this.#context;
    report({ level: "E", on: "proxy", what: "exception", error: exceptionText(error) });
    this.finish(undefined);
  }

  /** A TCP check ends here, the others send their hello or their request. */
  private connected(endpoint: Endpoint): void {
    const { address, port, proxyProtocol, health } = this.backend.settings;
    if (proxyProtocol !== "none") endpoint.write(proxyHeader(proxyProtocol));
    if (health.check === "tcp") {
      this.finish("L4OK");
      return;
    }
    if (health.check === "tls") {
      endpoint.write(clientHello(serverName(health.host ?? address)));
      this.#answer = NO_BYTES;
      return;
    }
    const request = [
      `GET ${health.path} HTTP/1.1`,
      `Host: ${health.host ?? `${address}:${port}`}`,
      "User-Agent: hot-potato",
      "Accept: */*",
      "Connection: close",
    ];
    endpoint.write(ascii(`${request.join("\r\n")}\r\n\r\n`));
    this.#head = this.#context.heads.take("response");
  }

  private read(endpoint: Endpoint): void {
    const { scratch } = this.#context;
    const piece = scratch.subarray(0, Math.min(endpoint.readable, scratch.byteLength));
    endpoint.read(piece);
    if (this.#answer !== undefined) this.readAnswer(this.#answer, piece);
    else if (this.#body === undefined) this.readHead(this.#head!, piece);
    else this.readBody(this.#body, piece);
  }

  private readAnswer(before: Uint8Array, piece: Uint8Array): void {
    const added = piece.subarray(0, TLS_ANSWER_BYTES_MAX - before.byteLength);
    const answer = new Uint8Array(before.byteLength + added.byteLength);
    answer.set(before);
    answer.set(added, before.byteLength);
    this.#answer = answer;
    const found = readServerHello(answer);
    if (found === "more" && answer.byteLength < TLS_ANSWER_BYTES_MAX) return;
    this.finish(found === "server-hello" ? "L6OK" : "L6RSP");
  }

  private readHead(head: Head, piece: Uint8Array): void {
    const { body } = this.#expected!;
    const rest = piece.subarray(head.feed(piece));
    if (!head.done && head.error === undefined) head.keep(); // `piece` lies in the scratch buffer
    const isOurLimit = head.error === 431 || head.error === 503;
    if (isOurLimit && head.status > 0 && body === undefined) {
      this.judgeStatus(head.status); // the head is longer than `headBytesMax`, or than the free memory
    } else if (head.error !== undefined) {
      this.finish(head.error === 503 ? undefined : "L7RSP");
    } else if (!head.done) {
      return;
    } else if (head.status < 200) {
      head.reset();
      this.#endpoint!.unread(rest); // `onReady` reads on: a recursive call per interim response could exhaust the stack
    } else {
      const framing = responseFraming(head, "GET");
      if (framing === undefined) {
        this.finish("L7RSP");
      } else if (body === undefined || !this.isExpected(head.status)) {
        this.judgeStatus(head.status);
      } else {
        this.#body = bodyOf(framing);
        head.release();
        this.#scan = body.scan();
        this.readBody(this.#body, rest);
      }
    }
  }

  private readBody(body: Body, piece: Uint8Array): void {
    const bytes = bodyBytes(body, piece);
    this.#searched += bytes.byteLength;
    this.#scan!.next(bytes);
    if (body.broken) this.finish("L7RSP");
    else if (body.done || this.#scan!.found !== undefined || this.#searched >= BODY_SEARCH_MAX)
      this.judgeBody();
  }

  private isExpected(status: number): boolean {
    return this.#expected!.status.some(([from, to]) => status >= from && status <= to);
  }

  private judgeStatus(status: number): void {
    if (this.isExpected(status)) this.finish(`L7OK/${status}`);
    else this.finish(status === DRAIN_STATUS ? "L7OKC/404" : `L7STS/${status}`);
  }

  private judgeBody(): void {
    const { status } = this.#head!;
    this.finish(this.#scan!.found === undefined ? `L7STS/${status}` : `L7OK/${status}`);
  }

  private finish(code: CheckCode | undefined): void {
    const done = this.#done;
    this.#endpoint?.discard(this.#context.scratch);
    this.cancel();
    done?.(code);
  }
}

/** The name of `host`, which may have a port, for a TLS hello; an address is none (RFC 6066 section 3). */
function serverName(host: string): string | undefined {
  const colon = host.indexOf(":");
  const name = colon < 0 ? host : host.slice(0, colon);
  return ipv4().test(name) ? undefined : name;
}
