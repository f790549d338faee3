import type { TimeSettings } from "../config/settings.ts";
import { localTime, offsetsBetween, zoneOf } from "../config/time-zone.ts";
import { isLocal, type Resolver } from "../dns/resolver.ts";
import type { Report } from "../log/event.ts";
import { isHostName } from "../net/address.ts";
import type { Cancel, Platform, UDPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import { NTP_PORT, ntpRequest, readNtpAnswer } from "./sntp.ts";

/** Pause between a successful request and the next one: ESP-IDF's default (CONFIG_LWIP_SNTP_UPDATE_DELAY). The crystal strays by 40 ms. */
export const SYNC_MS = 3_600_000;

/** First and longest pause after a failed request, doubled each time. RFC 4330 section 10 wants 15 s at least. */
export const RETRY_MIN_MS = 15_000;
export const RETRY_MAX_MS = 1_024_000;

/** Pause for a server that wants no requests of this board at all. */
export const DENIED_MS = 86_400_000;

/** Longest time for an answer. */
export const ANSWER_TIMEOUT_MS = 3_000;

/** A longer correction of a time that was known is logged. */
const STEP_MS = 1_000;

/** The one failure that has no line in the log: the network names a DNS server when the board joins it. */
const NO_DNS_SERVER = "no-server";

/** Codes of a server that wants no more requests (RFC 5905 section 7.4). */
const DENIALS = Object.freeze(["DENY", "RSTR"]);

interface TimeParts {
  readonly platform: Pick<Platform, "UDP" | "clock" | "link" | "random">;
  readonly report: Report;
  readonly resolver: () => Resolver;
}

/** The state of the board's time. */
export interface TimeStatus {
  /** The local time, with its offset from UTC; `null` while it is not known. */
  readonly now: string | null;
  /** The time at which `uptimeMs` was 0, in ms since 1970: that of an event is this and the ms of its line. */
  readonly startedMs: number | null;
  /** The server that it is from, or that is asked. */
  readonly server: string;
  /** How long ago the server was asked successfully. */
  readonly ageMs: number | null;
  /** Why the last request failed; `null` if it did not. */
  readonly failure: string | null;
}

/** How far the clocks of the zone are ahead of UTC, in seconds, from a moment of the board's clock on, in ms. */
export interface Offset {
  readonly fromMs: number;
  readonly offsetS: number;
}

/**
 * Keeps the time of day, from a server (SNTP, RFC 4330). One request at a time, on a socket that is open only meanwhile. The
 * time that was known goes on while the server does not answer.
 */
export class TimeClient {
  #parts: TimeParts;
  #settings: TimeSettings;
  /** The time at which the clock was 0, in ms since 1970. */
  #startedMs: number | undefined = undefined;
  #syncedMs = 0;
  #failure: string | undefined = undefined;
  #retryMs = RETRY_MIN_MS;
  /** Requests so far: each takes the next address of the name. */
  #requests = 0;
  #timer: Cancel | undefined = undefined;
  #lookup: Cancel | undefined = undefined;
  #socket: UDPSocket | undefined = undefined;

  constructor(parts: TimeParts, settings: TimeSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /** The network or the configuration has changed. */
  update(settings: TimeSettings): void {
    const isSame = settings.server === this.#settings.server;
    this.#settings = settings;
    const { address } = this.#parts.platform.link;
    if (!isSame || settings.server === "" || address === undefined) this.release();
    if (!isSame) this.#failure = undefined;
    if (settings.server === "") this.#startedMs = undefined;
    else if (address !== undefined && this.#timer === undefined) {
      this.#retryMs = RETRY_MIN_MS;
      this.in(0);
    }
  }

  stop(): void {
    this.release();
  }

  /** The time at which the clock was 0, in ms since 1970; `undefined`: not known. */
  get startedMs(): number | undefined {
    return this.#startedMs;
  }

  get status(): TimeStatus | null {
    const { server, zone: text } = this.#settings;
    if (server === "" || this.#parts.platform.UDP === undefined) return null;
    const startedMs = this.#startedMs;
    const failure = this.#failure ?? null;
    if (startedMs === undefined) {
      return { now: null, startedMs: null, server, ageMs: null, failure };
    }
    const zone = zoneOf(text);
    const nowMs = this.#parts.platform.clock.now();
    return {
      now: localTime(zone, startedMs + nowMs),
      startedMs: Math.round(startedMs),
      server,
      ageMs: Math.round(nowMs - this.#syncedMs),
      failure,
    };
  }

  /** The offsets of the zone since the start of the board, the oldest first; none while the time is not known. */
  get offsets(): Offset[] {
    const startedMs = this.#startedMs;
    if (startedMs === undefined) return [];
    const nowMs = this.#parts.platform.clock.now();
    const [fromS, toS] = [startedMs / 1000, (startedMs + nowMs) / 1000];
    return offsetsBetween(zoneOf(this.#settings.zone), fromS, toS).map(offset => ({
      fromMs: Math.round(offset.fromS * 1000 - startedMs),
      offsetS: offset.seconds,
    }));
  }

  private in(ms: number): void {
    this.#timer?.();
    this.#timer = this.#parts.platform.clock.after(ms, () => this.ask());
  }

  private ask(): void {
    const { platform, resolver } = this.#parts;
    const { server } = this.#settings;
    this.#requests++;
    if (!isHostName(server)) this.send(server);
    else if (!isLocal(server) && (platform.link.dnsServers ?? []).length === 0) {
      this.#failure = NO_DNS_SERVER;
      this.release();
    } else {
      this.#lookup = resolver().resolve(server, result => {
        this.#lookup = undefined;
        if ("failure" in result) this.failed(result.failure);
        else this.send(result.addresses[this.#requests % result.addresses.length]);
      });
    }
  }

  private send(address: string): void {
    const { platform } = this.#parts;
    const { clock } = platform;
    const request = ntpRequest(() => platform.random());
    const sentMs = clock.now();
    try {
      const socket = new platform.UDP!({
        onReadable: () => this.readAll(address, request, sentMs),
      });
      this.#socket = socket;
      socket.write(request, address, NTP_PORT);
    } catch (error) {
      this.failed(exceptionText(error));
      return;
    }
    this.#timer?.();
    this.#timer = clock.after(ANSWER_TIMEOUT_MS, () => this.failed("timeout"));
  }

  private readAll(address: string, request: Uint8Array, sentMs: number): void {
    // An answer closes the socket.
    for (let datagram = this.#socket?.read(); datagram; datagram = this.#socket?.read()) {
      if (datagram.address !== address || datagram.port !== NTP_PORT) continue;
      const answer = readNtpAnswer(new Uint8Array(datagram), request);
      if (answer === undefined) continue;
      if ("refusal" in answer) this.failed(answer.refusal);
      else this.set(address, answer.receivedMs, answer.sentMs, sentMs);
    }
  }

  /** The answer was on its way for half of the time that the server did not have it. */
  private set(address: string, receivedMs: number, serverSentMs: number, sentMs: number): void {
    const { platform, report } = this.#parts;
    const nowMs = platform.clock.now();
    const wayMs = Math.max(0, nowMs - sentMs - (serverSentMs - receivedMs)) / 2;
    const unixMs = serverSentMs + wayMs;
    const before = this.#startedMs;
    const stepMs = before === undefined ? undefined : Math.round(unixMs - nowMs - before);
    this.#startedMs = unixMs - nowMs;
    this.#syncedMs = nowMs;
    const hadFailed = this.#failure !== undefined;
    this.#failure = undefined;
    this.#retryMs = RETRY_MIN_MS;
    if (stepMs === undefined || hadFailed || Math.abs(stepMs) > STEP_MS) {
      const utc = new Date(unixMs).toISOString();
      report({ level: "I", on: "time", what: "set", utc, server: address, stepMs });
    }
    this.release();
    this.in(SYNC_MS);
  }

  private failed(why: string): void {
    const { report } = this.#parts;
    const isNew = this.#failure === undefined || this.#failure === NO_DNS_SERVER;
    this.#failure = why;
    this.release();
    const retryMs = DENIALS.includes(why) ? DENIED_MS : this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
    if (isNew) {
      const { server } = this.#settings;
      report({ level: "W", on: "time", what: "failed", server, why, retryMs });
    }
    this.in(retryMs);
  }

  private release(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#lookup?.();
    this.#lookup = undefined;
    this.#socket?.close();
    this.#socket = undefined;
  }
}
