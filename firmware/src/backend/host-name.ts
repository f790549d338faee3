/**
 * Shortest time between two questions for a name that has addresses: the least TTL that the resolver reports, in ms.
 * A failed connection brings the next question forward, but not by more.
 */
const ASK_INTERVAL_MIN_MS = 5_000;

const NO_ADDRESSES: readonly string[] = Object.freeze([]);

/**
 * A host name that is the address of one or more backends, and what DNS said about it last. Kept over configurations that
 * have the name.
 */
export class HostName {
  /** In lower case. */
  readonly name: string;
  /** The last good answer: IPv4 addresses. Empty until there was one; replaced by the next one, never changed. */
  addresses: readonly string[] = NO_ADDRESSES;
  /** When the last good answer came. */
  resolvedAtMs = 0;
  /** When the name is asked for next. */
  dueMs = 0;
  /** Failed questions since the last good answer. */
  failures = 0;
  /** Failed questions since the start. */
  failuresTotal = 0;
  /** Why the last question failed; absent where it did not. */
  declare failure: string | undefined;
  /** A machine of this name is being woken: a failed question is soon asked again. Absent if not. */
  declare isUrgent: boolean | undefined;
  /** Called when `dueMs` is earlier than before. */
  declare onDue: (() => void) | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get isUnresolved(): boolean {
    return this.addresses.length === 0;
  }

  /** A machine with this name begins to wake, or is no longer waking. */
  setUrgent(isUrgent: boolean, nowMs: number): void {
    this.isUrgent = isUrgent;
    if (!isUrgent || !this.isUnresolved || nowMs >= this.dueMs) return;
    this.dueMs = nowMs;
    this.onDue?.();
  }

  /** No connection could be made to a backend of this name: its addresses may have changed before their time was up. */
  suspect(nowMs: number): void {
    if (this.failures > 0) return; // it is being asked for anyway
    const soonMs = Math.max(nowMs, this.resolvedAtMs + ASK_INTERVAL_MIN_MS);
    if (soonMs >= this.dueMs) return;
    this.dueMs = soonMs;
    this.onDue?.();
  }
}
