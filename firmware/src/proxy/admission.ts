import { noMachineRefusals, noRefusals, REFUSAL_COUNTERS, type Refusals } from "../log/refusals.ts";
import { REFUSALS_MAX, shareOf } from "../net/connection-budget.ts";
import type { Cancel, Clock } from "../platform.ts";
import type { ActiveConfig } from "./active-config.ts";
import type { AdmissionState, RefusalReason } from "./context.ts";
import { MemoryGuard, type MemoryUsers } from "./memory-guard.ts";
import { rateOf } from "./rate.ts";
import type { Session } from "./session.ts";
import type { SharedState } from "./shared-state.ts";

/** Interval between comparisons of the sessions' rates, while clients are queued. */
const RATE_PAUSE_MS = 500;

/** The time over which a rate is measured. */
const RATE_WINDOW_MS = 2_000;

/**
 * Owns all sessions and their slots: admits clients, queues or refuses them, and takes slots back from idle and slow
 * sessions while clients are queued.
 */
export class Admission implements AdmissionState, MemoryUsers {
  readonly refusals: Refusals = noRefusals();
  /** Sessions that were ended because they were slow. */
  slowEnded = 0;
  /** Every client is refused. */
  suspended = false;
  readonly memory: MemoryGuard;
  #clock: Clock;
  /** Set before the first client connects. */
  #rules!: ActiveConfig;
  #sessions = new Set<Session>();
  /** Number of sessions that hold a slot. */
  #admitted = 0;
  /** The queue for a slot: sessions in order of arrival, with their timeouts. */
  #queue = new Map<Session, Cancel>();
  #admitting = false;
  /** The alarm of the next comparison of rates. */
  #rateTimer: Cancel | undefined;

  constructor({ platform, clock, report, deadlines }: SharedState) {
    this.#clock = clock;
    this.memory = new MemoryGuard(platform, report, this, deadlines);
  }

  /** Sessions, queued and refused clients included. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Clients that wait for a slot. */
  get queued(): number {
    return this.#queue.size;
  }

  /** The active configuration; with another one there may be more slots. */
  set rules(rules: ActiveConfig) {
    this.#rules = rules;
    if (rules.pool.machines !== undefined && this.refusals.asleep === undefined) {
      Object.assign(this.refusals, noMachineRefusals());
    }
    this.admitQueued();
  }

  /** Takes a client that has just connected. */
  add(session: Session): void {
    this.#sessions.add(session);
    this.memory.watch(session.startMs);
    if (this.suspended) {
      this.refuse(session, "suspended");
      return;
    }
    if (this.memory.low) {
      this.refuse(session, "no-memory");
      return;
    }
    const address = session.client.address;
    const sessionsMax = this.#rules.budget.sessionsMax;
    let fits = this.mayHaveSlot(address);
    if (!fits || this.#admitted >= sessionsMax) {
      this.evictIdle(this.#admitted >= sessionsMax ? undefined : address);
      fits = this.#admitted < sessionsMax && this.mayHaveSlot(address);
    }
    if (!fits) {
      this.enqueue(session);
      return;
    }
    this.#admitted++;
    session.admit(session.startMs);
  }

  /** Counts a session that has ended; its slot goes to the next client. */
  ended(session: Session): void {
    this.#sessions.delete(session);
    if (this.memory.low && this.#sessions.size === 0) this.memory.compare();
    if (this.queued > 0 && this.leaveQueue(session)) return;
    if (!session.admitted) {
      if (!session.isAnswered) this.refusals.unanswered++;
      return;
    }
    this.#admitted--;
    if (this.queued > 0 && !this.#admitting) this.admitQueued();
  }

  /** Ends the session that holds most memory; false when there is none. */
  shed(): boolean {
    let largest: Session | undefined;
    for (const session of this.#sessions) {
      if (largest === undefined || session.heldBytes > largest.heldBytes) largest = session;
    }
    largest?.shed("no-memory");
    return largest !== undefined;
  }

  /** Refuses the client that came last of those that are held. */
  refuseHeld(): boolean {
    return this.#rules.pool.queue.refuseYoungestHeld();
  }

  /** Closes idle connections to backends. */
  closeIdle(): void {
    this.#rules.context.idle.shrink(0);
  }

  /** Ends every session. */
  stop(): void {
    for (const session of [...this.#sessions]) session.stop();
  }

  private enqueue(session: Session): void {
    const { address } = session.client;
    const { queueMax } = this.#rules.budget;
    if (this.queued >= queueMax) {
      this.refuse(session, "full");
      return;
    }
    const sameAddress = [...this.#queue.keys()].filter(other => other.client.address === address);
    if (sameAddress.length >= this.share(queueMax, address)) {
      this.refuse(session, "client-full");
      return;
    }
    const cancel = this.#clock.after(this.#rules.config.queueTimeoutMs, () => {
      this.leaveQueue(session);
      this.refuse(session, "queue-timeout");
    });
    this.#queue.set(session, cancel);
    if (this.#rateTimer === undefined) this.#shedSlow();
  }

  private leaveQueue(session: Session): boolean {
    const cancel = this.#queue.get(session);
    if (cancel === undefined) return false;
    cancel();
    this.#queue.delete(session);
    if (this.queued === 0) {
      this.#rateTimer?.();
      this.#rateTimer = undefined;
    }
    return true;
  }

  /**
   * Gives free slots to queued clients, in the order in which they came. A session that ends as soon as it is
   * admitted frees its slot in here, and the loop goes on: a recursive call would nest once per queued client.
   */
  private admitQueued(): void {
    this.#admitting = true;
    while (this.queued > 0 && this.#admitted < this.#rules.budget.sessionsMax) {
      const next = [...this.#queue.keys()].find(each => this.mayHaveSlot(each.client.address));
      if (next === undefined) break;
      this.leaveQueue(next);
      this.#admitted++;
      next.admit();
    }
    this.#admitting = false;
  }

  /**
   * Refuses a client. Beyond `REFUSALS_MAX` refused clients the one that was answered first is closed without waiting
   * for its FIN; where none is answered, the new one without an answer.
   */
  private refuse(session: Session, why: RefusalReason): void {
    this.refusals[REFUSAL_COUNTERS[why]]++;
    session.refuse(why);
    const refused = this.#sessions.size - this.#admitted - this.queued;
    if (refused <= REFUSALS_MAX) return;
    const firstAnswered = [...this.#sessions].find(({ isAnswered }) => isAnswered);
    (firstAnswered ?? session).close();
  }

  /** True while `address` has fewer slots than its share. */
  private mayHaveSlot(address: string): boolean {
    const rules = this.#rules;
    const sessionsMax = rules.budget.sessionsMax;
    const clientSessionsMax = rules.config.clientSessionsMax;
    // Most often there are fewer sessions than any share, and none has to be counted.
    if (this.#admitted < (clientSessionsMax ?? shareOf(sessionsMax))) return true;
    const share = this.share(sessionsMax, address);
    let sessions = 0;
    for (const session of this.#sessions) {
      if (session.admitted && session.client.address === address) sessions++;
    }
    return sessions < share;
  }

  /** How many of `places` this address may have. Behind a trusted proxy are many clients. */
  private share(places: number, address: string): number {
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
  private evictIdle(address?: string): void {
    let oldest: Session | undefined;
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
   * bytes than `bytesPerSecondMin`. A client that waits because of its address's share can only get
   * the slot of a session of the same address.
   */
  #shedSlow = (): void => {
    this.#rateTimer = undefined;
    const { bytesPerSecondMin } = this.#rules.config;
    if (bytesPerSecondMin === 0 || this.queued === 0) return;
    this.#rateTimer = this.#clock.after(RATE_PAUSE_MS, this.#shedSlow);
    const slow = this.slowSessions(bytesPerSecondMin);
    for (const queued of [...this.#queue.keys()]) {
      const { address } = queued.client;
      const any = this.mayHaveSlot(address);
      const index = slow.findIndex(session => any || session.client.address === address);
      if (index < 0) continue;
      const [session] = slow.splice(index, 1);
      this.slowEnded++;
      session.shed("slow");
    }
  };

  /** Sessions below a rate, the slowest first; of two that are equally slow, the one whose address has more of them. */
  private slowSessions(bytesPerSecondMin: number): Session[] {
    const slow: { session: Session; rate: number }[] = [];
    const nowMs = this.#clock.now();
    for (const session of this.#sessions) {
      const rate = session.admitted ? rateOf(session, RATE_WINDOW_MS, nowMs) : undefined;
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
