import type { Backend } from "../backend/backend.ts";
import type { AdminState, Config } from "../config/settings.ts";
import { LongHeadMemory } from "../http1/head-pool.ts";
import type { Report } from "../log/event.ts";
import { noTraffic } from "../log/traffic.ts";
import { type Budget, REFUSALS_MAX, shareOf } from "../net/connection-budget.ts";
import { Deadlines } from "../net/deadlines.ts";
import { SCRATCH_BYTES } from "../net/pump.ts";
import { randomSipKey, type SipKey } from "../net/sip-hash.ts";
import type { Cancel, Platform, TCPSocket } from "../platform.ts";
import type { Explain } from "../pool/explain.ts";
import type { Pool } from "../pool/pool.ts";
import { ActiveConfig, hexadecimal, type SharedState } from "./active-config.ts";
import type { Refusals } from "./connector.ts";
import { MemoryGuard, type MemoryUsers } from "./memory-guard.ts";
import { Session } from "./session.ts";

/** How often it is looked how fast sessions are while clients wait, and the time that a rate is taken of. */
const RATE_PAUSE_MS = 500;
const RATE_WINDOW_MS = 2_000;

/** Counters of refusals by the ending that a session has then. */
const REFUSAL = Object.freeze({
  full: "full",
  "client-full": "clientFull",
  suspended: "suspended",
  "no-memory": "noMemory",
  "queue-timeout": "queueTimeout",
} as const);

/**
 * Accepts clients, admits them, lets them wait or refuses them, and owns the set of sessions. It
 * never looks into the bytes.
 */
export class ReverseProxy implements MemoryUsers {
  #platform: Platform;
  #report: Report;
  #shared: SharedState;
  #current: ActiveConfig;
  #online = false;
  /** Its ports are open. */
  #ready = false;
  #sessions = new Set<Session>();
  /** Those of `#sessions` that hold a slot. */
  #admitted = 0;
  /** Those of `#sessions` that wait for one, the longest waiting first. */
  #queue: { session: Session; cancel: () => void }[] = [];
  #lettingIn = false;
  /** The next look at how fast sessions are. */
  #rating: Cancel | undefined;
  /** Sessions that were ended for their slowness. */
  slowEnded = 0;
  /** Every client is refused. */
  suspended = false;
  readonly memory: MemoryGuard;
  readonly longHeadMemory: LongHeadMemory;
  readonly refusals: Refusals = {
    full: 0,
    clientFull: 0,
    queueTimeout: 0,
    suspended: 0,
    noMemory: 0,
    noBackend: 0,
    noSocket: 0,
    noRoute: 0,
    unanswered: 0,
  };
  readonly traffic = noTraffic();
  #lastId = 0;
  #lastRequest = 0;

  constructor(platform: Platform, config: Config, report: Report) {
    this.#platform = platform;
    this.#report = report;
    this.memory = new MemoryGuard(platform, report, this);
    this.longHeadMemory = new LongHeadMemory(platform);
    const boot = Math.floor(platform.random() * 2 ** 32);
    let stickyKey: SipKey | undefined;
    this.#shared = {
      platform,
      report,
      scratch: new Uint8Array(SCRATCH_BYTES),
      deadlines: new Deadlines(platform.clock),
      boot,
      refusals: this.refusals,
      // Drawn when the first client needs it: the chip's random numbers are only good while its radio is on.
      stickyKey: () => {
        stickyKey ??= randomSipKey(() => platform.random());
        return stickyKey;
      },
      traffic: this.traffic,
      longHeadMemory: this.longHeadMemory,
      clientsQueued: () => this.#queue.length > 0,
      requestId: () => `${hexadecimal(boot)}-${++this.#lastRequest}`,
      ended: session => this.#ended(session),
    };
    this.#current = new ActiveConfig(this.#shared, config);
  }

  get config(): Config {
    return this.#current.config;
  }

  get pool(): Pool {
    return this.#current.pool;
  }

  get budget(): Budget {
    return this.#current.budget;
  }

  get explain(): Explain {
    return this.#current.explain;
  }

  /** Sessions, waiting and refused clients included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Clients that ever came. */
  get clientsTotal(): number {
    return this.#lastId;
  }

  /** Clients that wait for a slot. */
  get queued(): number {
    return this.#queue.length;
  }

  /** The ports of its listeners are open: clients may come. */
  ready(): void {
    this.#ready = true;
    const { config, pool, budget } = this.#current;
    this.#report({
      level: "I",
      on: "proxy",
      what: "ready",
      ports: config.listeners.map(({ port }) => port).join(),
      backends: pool.backends.length,
      ...budget,
    });
  }

  /**
   * Switches to another configuration, whose ports are open already. Sessions in progress finish under the
   * one that they started with; connections that are kept for another request are closed after the current one.
   */
  reconfigure(config: Config): void {
    const before = this.#current;
    this.#current = new ActiveConfig(this.#shared, config, before);
    before.retire();
    this.online = this.#online;
    if (this.#ready) this.ready();
    this.#letIn(); // there may be more slots
  }

  /** Our own network is there, or gone: then nothing is held against a backend. */
  set online(online: boolean) {
    this.#online = online;
    if (online) this.#current.checks.resume();
    else this.#current.checks.pause();
  }

  /** Takes a client's connection to `port`, or closes it when no listener of the configuration has that port. */
  accept(port: number, accepted: TCPSocket): void {
    const { config, context } = this.#current;
    const listener = config.listeners.find(known => known.port === port);
    if (listener === undefined) {
      accepted.close(); // an earlier configuration listened there
      return;
    }
    let session: Session;
    try {
      session = new Session(++this.#lastId, context, listener, accepted);
    } catch (error) {
      // It died, or never lived, while it waited to be accepted.
      accepted.close();
      this.#report({ level: "W", on: "proxy", what: "accept-failed", error: String(error) });
      return;
    }
    this.#sessions.add(session);
    this.memory.watch();
    this.#place(session);
  }

  /** The backend of this name. */
  backend(name: string): Backend | undefined {
    return this.pool.backends.find(known => known.name === name);
  }

  /** The operator wants `backend` to be so. */
  setState(backend: Backend, state: AdminState): void {
    if (backend.state === state) return;
    backend.state = state;
    this.#report({ level: "I", on: "backend", what: state, name: backend.name });
    this.#changed();
  }

  setWeight(backend: Backend, weight: number): void {
    if (backend.weight === weight) return;
    backend.weight = weight;
    this.#report({ level: "I", on: "backend", what: "weight", name: backend.name, weight });
    this.#changed();
  }

  /** Ends every session. */
  stop(): void {
    for (const session of [...this.#sessions]) session.stop();
    this.#current.retire();
    this.#report({ level: "I", on: "proxy", what: "stopped" });
  }

  /** For `Memory`: connections that only wait for another request are let go. */
  closeIdle(): void {
    this.#current.context.idle.shrink(0);
  }

  /** For `Memory`: the session that holds most gives it to the others, who can go on then. */
  shed(): boolean {
    let largest: Session | undefined;
    for (const session of this.#sessions) {
      if (largest === undefined || session.heldBytes > largest.heldBytes) largest = session;
    }
    largest?.shed();
    return largest !== undefined;
  }

  #changed(): void {
    this.#current.checks.reschedule();
    this.pool.wakeWaiters();
  }

  #place(session: Session): void {
    if (this.suspended) {
      this.#refuse(session, "suspended");
      return;
    }
    if (this.memory.low) {
      this.#refuse(session, "no-memory");
      return;
    }
    const { address } = session.address;
    const { sessionsMax, queueMax } = this.budget;
    let fits = this.#mayHaveSlot(address);
    if (!fits || this.#admitted >= sessionsMax) {
      this.#evictIdle(this.#admitted >= sessionsMax ? undefined : address);
      fits = this.#admitted < sessionsMax && this.#mayHaveSlot(address);
    }
    if (fits) {
      this.#admit(session);
      return;
    }
    if (this.#queue.length >= queueMax) {
      this.#refuse(session, "full");
      return;
    }
    const waiting = this.#queue.filter(other => other.session.address.address === address).length;
    if (waiting >= this.#share(queueMax, address)) {
      this.#refuse(session, "client-full");
      return;
    }
    const cancel = this.#platform.clock.after(this.config.queueTimeoutMs, () => {
      this.#leaveQueue(session);
      this.#refuse(session, "queue-timeout");
    });
    this.#queue.push({ session, cancel });
    if (this.#rating === undefined) this.#rate();
  }

  /** Is this address below its share of the slots? */
  #mayHaveSlot(address: string): boolean {
    const { sessionsMax } = this.budget;
    const { clientSessionsMax } = this.config;
    // Most often there are fewer sessions than any share, and none has to be counted.
    if (this.#admitted < (clientSessionsMax ?? shareOf(sessionsMax))) return true;
    const share = this.#share(sessionsMax, address);
    let sessions = 0;
    for (const session of this.#sessions) {
      if (session.admitted && session.address.address === address) sessions++;
    }
    return sessions < share;
  }

  /** Of so many places, those that this address may have. Behind a trusted proxy are many clients. */
  #share(places: number, address: string): number {
    const { clientSessionsMax } = this.config;
    const { sessionsMax } = this.budget;
    if (this.#current.context.trusts(address)) return places;
    if (clientSessionsMax === undefined) return shareOf(places);
    if (clientSessionsMax >= sessionsMax) return places;
    return places === sessionsMax ? clientSessionsMax : shareOf(places);
  }

  /**
   * While clients wait for a slot, the slowest body or raw stream gives its own to each, if it moves fewer bytes
   * than it has to. A client that waits because of its own address's share gets only a slot of that.
   */
  #rate = (): void => {
    this.#rating = undefined;
    const { bytesPerSecondMin } = this.config;
    if (bytesPerSecondMin === 0 || this.#queue.length === 0) return;
    this.#rating = this.#platform.clock.after(RATE_PAUSE_MS, this.#rate);
    const slow: { session: Session; rate: number }[] = [];
    for (const session of this.#sessions) {
      const rate = session.admitted ? session.rate(RATE_WINDOW_MS) : undefined;
      if (rate === undefined || rate >= bytesPerSecondMin) continue;
      slow.push({ session, rate: Math.round(rate) });
    }
    const sessionsOf = ({ session }: { session: Session }) =>
      slow.filter(other => other.session.address.address === session.address.address).length;
    // Of two that are equally slow, the one whose address has more of them.
    slow.sort((one, other) => one.rate - other.rate || sessionsOf(other) - sessionsOf(one));
    for (const waiting of [...this.#queue]) {
      const { address } = waiting.session.address;
      const any = this.#mayHaveSlot(address);
      const index = slow.findIndex(({ session }) => any || session.address.address === address);
      if (index < 0) continue;
      const [{ session }] = slow.splice(index, 1);
      this.slowEnded++;
      session.shed("slow");
    }
  };

  /**
   * A client that only keeps its connection for later gives its slot to one that has a request; only one of
   * `address`, where that is given.
   */
  #evictIdle(address?: string): void {
    let oldest: Session | undefined;
    for (const session of this.#sessions) {
      const { idleSinceMs } = session;
      if (idleSinceMs === undefined) continue;
      if (address !== undefined && session.address.address !== address) continue;
      if (oldest === undefined || idleSinceMs < oldest.idleSinceMs!) oldest = session;
    }
    oldest?.evict();
  }

  /**
   * Tells a client that it is refused. Where more than `REFUSALS_MAX` are being told, the longest answered
   * one is closed without waiting for its FIN; where none is answered, the newcomer without an answer.
   */
  #refuse(session: Session, why: keyof typeof REFUSAL): void {
    this.refusals[REFUSAL[why]]++;
    session.refuse(why);
    const refusals = this.#sessions.size - this.#admitted - this.#queue.length;
    if (refusals > REFUSALS_MAX) (this.#longestAnswered() ?? session).close();
  }

  #longestAnswered(): Session | undefined {
    for (const session of this.#sessions) if (session.isAnswered) return session;
    return undefined;
  }

  #leaveQueue(session: Session): boolean {
    const place = this.#queue.findIndex(waiting => waiting.session === session);
    if (place < 0) return false;
    this.#queue[place].cancel();
    this.#queue.splice(place, 1);
    if (this.#queue.length === 0) {
      this.#rating?.();
      this.#rating = undefined;
    }
    return true;
  }

  #ended(session: Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.memory.stopWatching();
    if (this.#leaveQueue(session)) return;
    if (!session.admitted) {
      if (!session.isAnswered) this.refusals.unanswered++;
      return;
    }
    this.#admitted--;
    if (!this.#lettingIn) this.#letIn();
  }

  /**
   * Free slots go to those who wait. One that ends as soon as it is let in frees its slot in here, and
   * the loop goes on: if it let the next one in by itself, the whole queue would stand on the stack.
   */
  #letIn(): void {
    this.#lettingIn = true;
    while (this.#queue.length > 0 && this.#admitted < this.budget.sessionsMax) {
      const next = this.#queue.find(({ session }) => this.#mayHaveSlot(session.address.address));
      if (next === undefined) break;
      this.#leaveQueue(next.session);
      this.#admit(next.session);
    }
    this.#lettingIn = false;
  }

  #admit(session: Session): void {
    this.#admitted++;
    session.admit();
  }
}
