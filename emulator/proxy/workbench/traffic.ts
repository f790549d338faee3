import net from "node:net";
import { Client } from "../../../backends/src/client.ts";
import { RealClock } from "../../src/clock.ts";

export const PROTOCOLS = ["http", "tcp"] as const;
export const MODES = ["rate", "clients"] as const;

/** The task of a generator. */
export interface TrafficWish {
  /** Requests on kept connections, or raw TCP: a connection, a line, its echo. */
  readonly protocol: (typeof PROTOCOLS)[number];
  /** Requests per second, independent of the answers; or clients, each in a loop. */
  readonly mode: (typeof MODES)[number];
  readonly amount: number;
}

/** Most of each mode: a board carries a dozen clients, and some more show how it refuses them. */
export const AMOUNT_MAX = { rate: 500, clients: 64 } as const;

export const GENERATORS_MAX = 6;

/** Limits after which a forgotten generator stops. */
export const LIMITS = { requestsMax: 100_000, durationMaxMs: 5 * 60_000 } as const;

/** Most unanswered requests of a generator with a rate. */
const IN_FLIGHT_MAX = 64;

/** Pause of a client after each answer, so that a few leave this computer time for the board. */
const REST_MS = 20;

/** Pause after a failure, so that a board that refuses is not flooded. */
const REST_AFTER_FAILURE_MS = 500;

/** Longest wait for an answer; the board's own patience is 30 s. */
const ANSWER_TIMEOUT_MS = 35_000;

const CLOCK = new RealClock();

/** How often a generator with a rate counts what is due. */
const TICK_MS = 20;

/** State of a generator. */
export interface TrafficState extends TrafficWish {
  readonly id: number;
  readonly answers: number;
  /** Refused, cut off, too late, or answered with 500 and above. */
  readonly failures: number;
  readonly lastFailure: string | undefined;
  readonly inFlight: number;
  /** Why it stopped; `undefined` while it runs. */
  readonly ended: string | undefined;
}

interface Limits {
  readonly requestsMax: number;
  readonly durationMaxMs: number;
}

interface ListenerAddress {
  readonly host: string;
  readonly port: number;
}

/** A load generator. */
export class Generator {
  readonly id: number;
  readonly wish: TrafficWish;
  #listener: ListenerAddress;
  #timers = new Set<NodeJS.Timeout>();
  #clients = new Set<Client>();
  /** Connections that wait for the next request. */
  #idle: Client[] = [];
  #requestsMax: number;
  #begun = 0;
  #answers = 0;
  #failures = 0;
  #lastFailure: string | undefined;
  #inFlight = 0;
  #ended: string | undefined;

  constructor(id: number, wish: TrafficWish, listener: ListenerAddress, limits = LIMITS as Limits) {
    this.id = id;
    this.wish = wish;
    this.#listener = listener;
    this.#requestsMax = limits.requestsMax;
    const { durationMaxMs } = limits;
    this.#later(durationMaxMs, () => this.end(`after ${durationMaxMs / 60_000} minutes`));
    if (wish.mode === "rate") this.#keepPace();
    else for (let i = 0; i < wish.amount; i++) this.#loop();
  }

  get state(): TrafficState {
    return {
      ...this.wish,
      id: this.id,
      answers: this.#answers,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      inFlight: this.#inFlight,
      ended: this.#ended,
    };
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  end(why: string): void {
    if (this.ended) return;
    this.#ended = why;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const client of this.#clients) client.leave();
  }

  /** Sends what is due by now, however late the computer's timers are; beyond the limit it is dropped. */
  #keepPace(): void {
    let due = 0;
    let before = performance.now();
    const tick = () => {
      const now = performance.now();
      due += ((now - before) / 1000) * this.wish.amount;
      before = now;
      for (; due >= 1; due--) if (this.#inFlight < IN_FLIGHT_MAX) void this.#once();
      this.#later(TICK_MS, tick);
    };
    tick();
  }

  async #loop(): Promise<void> {
    const good = await this.#once();
    this.#later(good ? REST_MS : REST_AFTER_FAILURE_MS, () => this.#loop());
  }

  /** True if it was answered, and not with an error. */
  async #once(): Promise<boolean> {
    if (this.ended) return false;
    const number = ++this.#begun;
    this.#inFlight++;
    const failure = await (this.wish.protocol === "http" ? this.#ask(number) : this.#talk(number));
    this.#inFlight--;
    if (this.ended) return false;
    if (failure === undefined) this.#answers++;
    else {
      this.#failures++;
      this.#lastFailure = failure;
    }
    const done = this.#answers + this.#failures;
    if (done >= this.#requestsMax) this.end(`after ${done} requests`);
    return failure === undefined;
  }

  /** A request on a kept connection, or on a new one; why it failed. */
  async #ask(number: number): Promise<string | undefined> {
    const client = this.#idle.pop() ?? this.#newClient();
    const { host, port } = this.#listener;
    try {
      const headers = { Host: `${host}:${port}` };
      const { status, cutShort } = await client.ask(`/potato/${number}`, { headers });
      if (cutShort) return client.error ?? "cut off";
      return Number(status) >= 500 ? `${status}` : undefined;
    } catch {
      client.leave();
      return "no HTTP";
    } finally {
      this.#idle.push(client);
    }
  }

  /** A line and its echo on a connection of its own; why it failed. */
  async #talk(number: number): Promise<string | undefined> {
    const client = this.#newClient();
    client.send(`potato ${number}\n`);
    const isAnswered = await client.receive("\n").then(
      () => true,
      () => false,
    );
    if (isAnswered) client.end();
    const { error } = await client.closed();
    this.#clients.delete(client);
    return isAnswered ? error : (error ?? "cut off");
  }

  #newClient(): Client {
    const client = new Client({
      name: "client",
      net,
      clock: CLOCK,
      server: () => this.#listener,
      patienceMs: ANSWER_TIMEOUT_MS,
      forgetful: true,
    });
    this.#clients.add(client);
    return client;
  }

  #later(ms: number, task: () => void): void {
    if (this.ended) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, ms);
    this.#timers.add(timer);
  }
}
