import { trustedBy } from "./address.ts";
import type { Report } from "./admin/event.ts";
import type { AdminState } from "./backend/backend.ts";
import { HealthChecks } from "./backend/checks.ts";
import { Explain } from "./backend/explain.ts";
import { IdleConnections } from "./backend/idle.ts";
import { type Group, Pool } from "./backend/pool.ts";
import { StickTable } from "./backend/stick-table.ts";
import { type Config, statusRanges } from "./config.ts";
import { hashText } from "./hash.ts";
import { REWRITE_BYTES } from "./http/rewrite.ts";
import type { Route } from "./http/route.ts";
import { StickyCookie } from "./http/sticky.ts";
import { Keywords } from "./inspect/keywords.ts";
import type { ListenerSocket, Platform, TCPSocket } from "./platform.ts";
import { SCRATCH_BYTES } from "./pump.ts";
import { type Door, Session, type SessionContext } from "./session.ts";

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
  readonly explain: Explain;
  #platform: Platform;
  #config: Config;
  #report: Report;
  #context: SessionContext;
  #checks: HealthChecks;
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
    this.pool = new Pool(config.backends, config.health, platform);
    this.budget = budget(platform.connectionsMax, config);
    this.explain = new Explain(report);
    this.explain.left = config.explain;
    const scratch = new Uint8Array(SCRATCH_BYTES);
    this.#checks = this.#healthChecks(scratch);
    const group = this.pool.group(config.balance);
    const boot = random32(platform);
    const name = boot.toString(16).padStart(8, "0");
    this.#context = {
      platform,
      config,
      pool: this.pool,
      group,
      routes: this.#routes(group),
      checks: this.#checks,
      idle: new IdleConnections(platform.clock, report),
      stickTable: config.sticky === "source" ? new StickTable(platform.clock) : undefined,
      stickyCookie: this.#stickyCookie(),
      explain: this.explain,
      backendConnectionsMax: this.budget.sessionsMax,
      scratch,
      headBuffer: new Uint8Array(config.headBytesMax + REWRITE_BYTES),
      pseudonym: `hot-potato-${name}`,
      trusts: trustedBy(config.trustedProxies),
      crowded: () => this.#queue.length > 0,
      requestId: () => `${name}-${++this.#lastRequest}`,
      clientKeywords: this.#keywords("client"),
      backendKeywords: this.#keywords("backend"),
      report,
      ended: session => this.#ended(session),
    };
  }

  #keywords(side: "client" | "backend"): Keywords | undefined {
    const { inspect } = this.#config;
    const rules = inspect.filter(({ from }) => from === side || from === "both");
    return rules.length > 0 ? new Keywords(rules) : undefined;
  }

  #routes(everything: Group): Route[] {
    const { routes, balance } = this.#config;
    if (routes.length === 0) {
      return [{ host: undefined, path: "/", strip: false, group: everything }];
    }
    return routes.map(({ host, path, strip, backends }) => ({
      host: host?.toLowerCase(),
      path,
      strip,
      group: backends === undefined ? everything : this.pool.group(balance, backends),
    }));
  }

  #healthChecks(scratch: Uint8Array): HealthChecks {
    const { health, headBytesMax, headLinesMax } = this.#config;
    const { body } = health;
    return new HealthChecks(
      {
        platform: this.#platform,
        scratch,
        head: { headBytesMax, headLinesMax },
        report: this.#report,
      },
      this.pool,
      {
        ...health,
        status: statusRanges(health.status),
        body: body === undefined ? undefined : new Keywords([{ keyword: body, match: "anywhere" }]),
      },
    );
  }

  #stickyCookie(): StickyCookie | undefined {
    const { sticky, stickyKey } = this.#config;
    if (sticky !== "cookie") return undefined;
    const key = stickyKey === undefined ? random32(this.#platform) : hashText(stickyKey, 0);
    return new StickyCookie(this.pool.backends, key);
  }

  /** Sessions, waiting and refused clients included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  listen(): void {
    for (const door of this.#config.listeners) {
      const listener: ListenerSocket = new this.#platform.Listener({
        port: door.port,
        onReadable: connections => {
          // Exactly as often as announced: one read more would leak a socket.
          for (let i = 0; i < connections; i++) this.#accept(door, listener.read());
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

  /** Our own network is there, or gone: then nothing is held against a backend. */
  set online(online: boolean) {
    if (online) this.#checks.thaw();
    else this.#checks.freeze();
  }

  /** The operator wants backend `name` to be so; false when there is none. */
  setState(name: string, state: AdminState): boolean {
    const backend = this.pool.backends.find(known => known.name === name);
    if (backend === undefined) return false;
    if (backend.state === state) return true;
    backend.state = state;
    this.#report({ level: "I", on: "backend", what: state, name });
    this.#checks.changed();
    this.pool.changed();
    return true;
  }

  /** Ends every session and takes no new one. */
  stop(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#checks.freeze();
    for (const session of [...this.#sessions]) session.stop();
    this.#context.idle.shrink(0);
    this.#report({ level: "I", on: "proxy", what: "stopped" });
  }

  #accept(door: Door, accepted: TCPSocket | undefined): void {
    if (accepted === undefined) return;
    let session: Session;
    try {
      session = new Session(++this.#lastId, this.#context, door, accepted);
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

function random32({ random }: Pick<Platform, "random">): number {
  return Math.floor(random() * 2 ** 32);
}
