import { noRefusals, type Refusals } from "../log/refusals.ts";
import { REFUSALS_MAX, shareOf } from "../net/connection-budget.ts";
import type { Cancel, Clock } from "../platform.ts";
import type { ActiveConfig } from "./active-config.ts";
import type { AdmissionState, ManagedSession, RefusalReason } from "./context.ts";
import type { MemoryGuard } from "./memory-guard.ts";

/** How often the rates of sessions are compared while clients are queued, and the time that a rate is taken of. */
const RATE_PAUSE_MS = 500;
const RATE_WINDOW_MS = 2_000;

/** What counts each refusal. */
const COUNTER: Record<RefusalReason, keyof Refusals> = Object.freeze({
  full: "full",
  "client-full": "clientFull",
  suspended: "suspended",
  "no-memory": "noMemory",
  "queue-timeout": "queueTimeout",
});

interface Place {
  readonly session: ManagedSession;
  /** Of its timeout. */
  readonly cancel: Cancel;
}

/** What the active configuration says about admission. */
export type AdmissionRules = Pick<ActiveConfig, "config" | "budget" | "context">;

/**
 * Owns all sessions and their slots: admits clients, queues or refuses them, and takes slots back from idle and slow
 * sessions while clients are queued.
 */
export class Admission implements AdmissionState {
  readonly refusals = noRefusals();
  /** Sessions that were ended because they were slow. */
  slowEnded = 0;
  /** Every client is refused. */
  suspended = false;
  #clock: Clock;
  #memory: MemoryGuard;
  /** Set before the first client comes. */
  #rules!: AdmissionRules;
  #sessions = new Set<ManagedSession>();
  /** Those of `#sessions` that hold a slot. */
  #admitted = 0;
  /** Those of `#sessions` that wait for one, in the order in which they came. */
  #queue: Place[] = [];
  #admitting = false;
  /** Of the next comparison of rates. */
  #rateTimer: Cancel | undefined;

  constructor(clock: Clock, memory: MemoryGuard) {
    this.#clock = clock;
    this.#memory = memory;
  }

  /** Sessions, queued and refused clients included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Clients that wait for a slot. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Of the active configuration; with another one there may be more slots. */
  set rules(rules: AdmissionRules) {
    this.#rules = rules;
    this.#admitQueued();
  }

  /** Takes a client that has just connected. */
  add(session: ManagedSession): void {
    this.#sessions.add(session);
    this.#memory.watch();
    if (this.suspended) {
      this.#refuse(session, "suspended");
      return;
    }
    if (this.#memory.low) {
      this.#refuse(session, "no-memory");
      return;
    }
    const { address } = session.client;
    const { sessionsMax } = this.#rules.budget;
    let fits = this.#mayHaveSlot(address);
    if (!fits || this.#admitted >= sessionsMax) {
      this.#evictIdle(this.#admitted >= sessionsMax ? undefined : address);
      fits = this.#admitted < sessionsMax && this.#mayHaveSlot(address);
    }
    if (!fits) {
      this.#enqueue(session);
      return;
    }
    this.#admitted++;
    session.admit();
  }

  /** Counts a session that has ended; its slot goes to the next client. */
  ended(session: ManagedSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#memory.stopWatching();
    if (this.#leaveQueue(session)) return;
    if (!session.admitted) {
      if (!session.isAnswered) this.refusals.unanswered++;
      return;
    }
    this.#admitted--;
    if (!this.#admitting) this.#admitQueued();
  }

  /** Ends the session that holds most memory; false when there is none. */
  shedLargest(): boolean {
    let largest: ManagedSession | undefined;
    for (const session of this.#sessions) {
      if (largest === undefined || session.heldBytes > largest.heldBytes) largest = session;
    }
    largest?.shed("no-memory");
    return largest !== undefined;
  }

  /** Ends every session. */
  stop(): void {
    for (const session of [...this.#sessions]) session.stop();
  }

  #enqueue(session: ManagedSession): void {
    const { address } = session.client;
    const { queueMax } = this.#rules.budget;
    if (this.#queue.length >= queueMax) {
      this.#refuse(session, "full");
      return;
    }
    const queued = this.#queue.filter(other => other.session.client.address === address).length;
    if (queued >= this.#share(queueMax, address)) {
      this.#refuse(session, "client-full");
      return;
    }
    const cancel = this.#clock.after(this.#rules.config.queueTimeoutMs, () => {
      this.#leaveQueue(session);
      this.#refuse(session, "queue-timeout");
    });
    this.#queue.push({ session, cancel });
    if (this.#rateTimer === undefined) this.#shedSlow();
  }

  #leaveQueue(session: ManagedSession): boolean {
    const place = this.#queue.findIndex(queued => queued.session === session);
    if (place < 0) return false;
    this.#queue[place].cancel();
    this.#queue.splice(place, 1);
    if (this.#queue.length === 0) {
      this.#rateTimer?.();
      this.#rateTimer = undefined;
    }
    return true;
  }

  /**
   * Gives free slots to queued clients, in the order in which they came. A session that ends as soon as it is
   * admitted frees its slot in here, and the loop goes on: a recursive call would nest once per queued client.
   */
  #admitQueued(): void {
    this.#admitting = true;
    while (this.#queue.length > 0 && this.#admitted < this.#rules.budget.sessionsMax) {
      const next = this.#queue.find(({ session }) => this.#mayHaveSlot(session.client.address));
      if (next === undefined) break;
      this.#leaveQueue(next.session);
      this.#admitted++;
      next.session.admit();
    }
    this.#admitting = false;
  }

  /**
   * Tells a client that it is refused. Beyond `REFUSALS_MAX` clients that are being told, the one that was answered
   * first is closed without waiting for its FIN; where none is answered, the new one without an answer.
   */
  #refuse(session: ManagedSession, why: RefusalReason): void {
    this.refusals[COUNTER[why]]++;
    session.refuse(why);
    const refused = this.#sessions.size - this.#admitted - this.#queue.length;
    if (refused > REFUSALS_MAX) (this.#firstAnswered() ?? session).close();
  }

  #firstAnswered(): ManagedSession | undefined {
    for (const session of this.#sessions) if (session.isAnswered) return session;
    return undefined;
  }

  /** True while `address` has fewer slots than its share. */
  #mayHaveSlot(address: string): boolean {
    const { sessionsMax } = this.#rules.budget;
    const { clientSessionsMax } = this.#rules.config;
    // Most often there are fewer sessions than any share, and none has to be counted.
    if (this.#admitted < (clientSessionsMax ?? shareOf(sessionsMax))) return true;
    const share = this.#share(sessionsMax, address);
    let sessions = 0;
    for (const session of this.#sessions) {
      if (session.admitted && session.client.address === address) sessions++;
    }
    return sessions < share;
  }

  /** How many of `places` this address may have. Behind a trusted proxy are many clients. */
  #share(places: number, address: string): number {
    const { config, budget, context } = this.#rules;
    const { clientSessionsMax } = config;
    if (context.trusts(address)) return places;
    if (clientSessionsMax === undefined) return shareOf(places);
    if (clientSessionsMax >= budget.sessionsMax) return places;
    return places === budget.sessionsMax ? clientSessionsMax : shareOf(places);
  }

  /**
   * Evicts the session that has been idle longest, for a client that has a request; where `address` is given, only
   * one of that address.
   */
  #evictIdle(address?: string): void {
    let oldest: ManagedSession | undefined;
    for (const session of this.#sessions) {
      const { idleSinceMs } = session;
      if (idleSinceMs === undefined) continue;
      if (address !== undefined && session.client.address !== address) continue;
      if (oldest === undefined || idleSinceMs < oldest.idleSinceMs!) oldest = session;
    }
    oldest?.evict();
  }

  /**
   * Again and again while clients are queued: for each of them ends the slowest body or raw stream that moves fewer
   * bytes than `bytesPerSecondMin`. A client that waits because of its own address's share gets only a slot of that.
   */
  #shedSlow = (): void => {
    this.#rateTimer = undefined;
    const { bytesPerSecondMin } = this.#rules.config;
    if (bytesPerSecondMin === 0 || this.#queue.length === 0) return;
    this.#rateTimer = this.#clock.after(RATE_PAUSE_MS, this.#shedSlow);
    const slow = this.#slowSessions(bytesPerSecondMin);
    for (const queued of [...this.#queue]) {
      const { address } = queued.session.client;
      const any = this.#mayHaveSlot(address);
      const index = slow.findIndex(session => any || session.client.address === address);
      if (index < 0) continue;
      const [session] = slow.splice(index, 1);
      this.slowEnded++;
      session.shed("slow");
    }
  };

  /** Sessions below a rate, the slowest first; of two that are equally slow, the one whose address has more of them. */
  #slowSessions(bytesPerSecondMin: number): ManagedSession[] {
    const slow: { session: ManagedSession; rate: number }[] = [];
    for (const session of this.#sessions) {
      const rate = session.admitted ? session.rate(RATE_WINDOW_MS) : undefined;
      if (rate === undefined || rate >= bytesPerSecondMin) continue;
      slow.push({ session, rate: Math.round(rate) });
    }
    const countAt = (address: string) =>
      slow.filter(({ session }) => session.client.address === address).length;
    slow.sort(
      (one, other) =>
        one.rate - other.rate ||
        countAt(other.session.client.address) - countAt(one.session.client.address),
    );
    return slow.map(({ session }) => session);
  }
}
