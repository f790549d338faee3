import { trustedBy } from "./address.ts";
import type { Report } from "./admin/event.ts";
import { IdleConnections } from "./backend/idle.ts";
import { Group, Pool } from "./backend/pool.ts";
import { STRATEGIES } from "./balancer/strategy.ts";
import type { Config } from "./config.ts";
import { REWRITE_BYTES } from "./http/rewrite.ts";
import type { Route } from "./http/route.ts";
import { Keywords } from "./inspect/keywords.ts";
import type { ListenerSocket, Platform, TCPSocket } from "./platform.ts";
import { SCRATCH_BYTES } from "./pump.ts";
import { type Mode, Session, type SessionContext } from "./session.ts";

/**
 * How a machine's connections are shared out, so that a running session never lacks one:
 * `2 × sessions + queue + refusals + spare ≤ connections`.
 */
export interface Budget {
  /** Sessions at once; each holds a connection to its client and one to its backend. */
  readonly sessionsMax: number;
  /** Clients that wait for a slot, one connection each. */
  readonly queueMax: number;
}

/** Clients that are being told that the proxy is full, one connection each. */
const REFUSALS_MAX = 2;

/** Connections kept free: one for the admin page, one for a health probe. */
const SPARE_CONNECTIONS = 2;

/** The most sessions that fit beside the queue; at least one, however small the machine. */
export function budget(
  connectionsMax: number,
  config: Pick<Config, "queueMax" | "sessionsMax">,
): Budget {
  const { queueMax } = config;
  const room = connectionsMax - REFUSALS_MAX - SPARE_CONNECTIONS - queueMax;
  const fitting = Math.max(1, Math.floor(room / 2));
  return { sessionsMax: Math.min(config.sessionsMax ?? fitting, fitting), queueMax };
}

/**
 * Accepts clients, admits them, lets them wait or refuses them, and owns the set of sessions. It
 * never looks into the bytes.
 */
export class ReverseProxy {
  readonly pool: Pool;
  readonly budget: Budget;
  #platform: Platform;
  #config: Config;
  #report: Report;
  #context: SessionContext;
  #listeners: ListenerSocket[] = [];
  #sessions = new Set<Session>();
  /** Those of `#sessions` that hold a slot. */
  #admitted = 0;
  /** Those of `#sessions` that wait for one, the longest waiting first. */
  #queue: { session: Session; cancel: () => void }[] = [];
  #lastId = 0;
  #lastRequest = 0;

  constructor(platform: Platform, config: Config, report: Report) {
    this.#platform = platform;
    this.#config = config;
    this.#report = report;
    this.pool = new Pool(config.backends);
    this.budget = budget(platform.connectionsMax, config);
    const keywords = (side: "client" | "backend") => {
      const rules = config.inspect.filter(({ from }) => from === side || from === "both");
      return rules.length > 0 ? new Keywords(rules) : undefined;
    };
    const group = this.#group();
    const boot = hexadecimal(platform.random());
    this.#context = {
      platform,
      config,
      pool: this.pool,
      group,
      routes: this.#routes(group),
      idle: new IdleConnections(platform.clock),
      backendConnectionsMax: this.budget.sessionsMax,
      scratch: new Uint8Array(SCRATCH_BYTES),
      headBuffer: new Uint8Array(config.headBytesMax + REWRITE_BYTES),
      pseudonym: `hot-potato-${boot}`,
      trusts: trustedBy(config.trustedProxies),
      crowded: () => this.#queue.length > 0,
      requestId: () => `${boot}-${++this.#lastRequest}`,
      clientKeywords: keywords("client"),
      backendKeywords: keywords("backend"),
      report,
      ended: session => this.#ended(session),
    };
  }

  /** The backends of these names, or all, with a strategy of their own. */
  #group(names?: readonly string[]): Group {
    const backends = this.pool.backends.filter(({ name }) => names?.includes(name) ?? true);
    return new Group(backends, STRATEGIES[this.#config.balance]());
  }

  #routes(everything: Group): Route[] {
    const { routes } = this.#config;
    if (routes.length === 0) {
      return [{ host: undefined, path: "/", strip: false, group: everything }];
    }
    return routes.map(({ host, path, strip, backends }) => ({
      host: host?.toLowerCase(),
      path,
      strip,
      group: backends === undefined ? everything : this.#group(backends),
    }));
  }

  /** Sessions, waiting and refused clients included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  listen(): void {
    for (const { port, mode } of this.#config.listeners) {
      const listener: ListenerSocket = new this.#platform.Listener({
        port,
        onReadable: connections => {
          // Exactly as often as announced: one read more would leak a socket.
          for (let i = 0; i < connections; i++) this.#accept(mode, listener.read());
        },
      });
      this.#listeners.push(listener);
    }
    this.#report({
      level: "I",
      on: "proxy",
      what: "ready",
      ports: this.#config.listeners.map(({ port }) => port).join(),
      backends: this.pool.backends.length,
      ...this.budget,
    });
  }

  /** Ends every session and takes no new one. */
  stop(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    for (const session of [...this.#sessions]) session.stop();
    this.#context.idle.shrink(0);
    this.#report({ level: "I", on: "proxy", what: "stopped" });
  }

  #accept(mode: Mode, accepted: TCPSocket | undefined): void {
    if (accepted === undefined) return;
    let session: Session;
    try {
      session = new Session(++this.#lastId, this.#context, mode, accepted);
    } catch (error) {
      // It died, or never lived, while it waited to be accepted.
      accepted.close();
      this.#report({ level: "W", on: "proxy", what: "dud", error: String(error) });
      return;
    }
    this.#sessions.add(session);
    this.#place(session);
  }

  #place(session: Session): void {
    if (this.#admitted >= this.budget.sessionsMax) this.#evictIdle();
    if (this.#admitted < this.budget.sessionsMax) {
      this.#admit(session);
      return;
    }
    if (this.#queue.length < this.budget.queueMax) {
      const cancel = this.#platform.clock.after(this.#config.queueTimeoutMs, () => {
        this.#leaveQueue(session);
        this.#refuse(session, "queue-timeout");
      });
      this.#queue.push({ session, cancel });
      return;
    }
    this.#refuse(session, "full");
  }

  /** A client that only keeps its connection for later gives its slot to one that has a request. */
  #evictIdle(): void {
    let oldest: Session | undefined;
    for (const session of this.#sessions) {
      const { idleSinceMs } = session;
      if (idleSinceMs === undefined) continue;
      if (oldest === undefined || idleSinceMs < oldest.idleSinceMs!) oldest = session;
    }
    oldest?.end("idle");
  }

  /** More refusals at once than `REFUSALS_MAX` are a crowd, and a crowd is sent away unheard. */
  #refuse(session: Session, why: "full" | "queue-timeout"): void {
    const refusals = this.#sessions.size - this.#admitted - this.#queue.length;
    session.refuse(why);
    if (refusals > REFUSALS_MAX) session.leave();
  }

  #leaveQueue(session: Session): boolean {
    const place = this.#queue.findIndex(waiting => waiting.session === session);
    if (place < 0) return false;
    this.#queue[place].cancel();
    this.#queue.splice(place, 1);
    return true;
  }

  #ended(session: Session): void {
    this.#sessions.delete(session);
    if (this.#leaveQueue(session) || !session.admitted) return;
    this.#admitted--;
    const next = this.#queue.shift();
    if (next === undefined) return;
    next.cancel();
    this.#admit(next.session);
  }

  #admit(session: Session): void {
    this.#admitted++;
    session.admit();
  }
}

/** 32 random bits in hexadecimal. */
function hexadecimal(random: number): string {
  return Math.floor(random * 2 ** 32)
    .toString(16)
    .padStart(8, "0");
}
