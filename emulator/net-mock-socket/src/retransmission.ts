import type { Clock } from "./clock.ts";

/** How patient a host is with packets that are not answered. */
export interface RetransmissionTimes {
  /** Before a round trip was measured. */
  readonly rtoInitialMs: number;
  readonly rtoMinMs: number;
  readonly rtoMaxMs: number;
  /** Times that a segment is sent again before the connection is given up: ETIMEDOUT. */
  readonly retransmissionsMax: number;
  /** The same for the SYN of a connection that is being made. */
  readonly synRetransmissionsMax: number;
  /** Does the time between two SYNs double as that between segments does? */
  readonly synBackoff: boolean;
  /** From the last time that it is sent to giving up; like any other time when it is not given. */
  readonly giveUpMs?: number | undefined;
}

/** Weights of the newest measurement in the mean and in its deviation: RFC 6298, 2.3. */
const ALPHA = 1 / 8;
const BETA = 1 / 4;

/**
 * The one timer of a connection: rings when an answer is overdue, later each time, and gives up in
 * the end (RFC 6298). It is set only while an answer is due.
 */
export class Retransmission {
  #clock: Clock;
  #times: RetransmissionTimes;
  #overdue: () => void;
  #smoothedMs: number | undefined;
  #deviationMs = 0;
  #cancel: (() => void) | undefined;
  #deadlineMs = 0;
  #alarmMs = 0;
  /** Times that it has rung since the last answer. */
  tries = 0;
  /** Still making the connection. */
  connecting = true;

  constructor(clock: Clock, times: RetransmissionTimes, overdue: () => void) {
    this.#clock = clock;
    this.#times = times;
    this.#overdue = overdue;
  }

  get exhausted(): boolean {
    return this.tries > this.#triesMax;
  }

  get #triesMax(): number {
    const { retransmissionsMax, synRetransmissionsMax } = this.#times;
    return this.connecting ? synRetransmissionsMax : retransmissionsMax;
  }

  measured(roundTripMs: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = roundTripMs;
      this.#deviationMs = roundTripMs / 2;
      return;
    }
    const deviation = Math.abs(this.#smoothedMs - roundTripMs);
    this.#deviationMs += BETA * (deviation - this.#deviationMs);
    this.#smoothedMs += ALPHA * (roundTripMs - this.#smoothedMs);
  }

  /** Rings unless an answer comes in time. Does nothing while it is set. */
  set(): void {
    if (this.#cancel !== undefined) return;
    this.#deadlineMs = this.#clock.now() + this.#waitMs();
    this.#wait();
  }

  /** An answer has come; another one is due or not. */
  answered(stillDue: boolean): void {
    this.tries = 0;
    this.#deadlineMs = this.#clock.now() + this.#waitMs();
    // An alarm that rings too early looks at the deadline: cheaper than a new one each time. One that
    // was set when the wait had doubled would ring too late.
    if (!stillDue || this.#deadlineMs < this.#alarmMs) this.stop();
    if (stillDue) this.set();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(): void {
    this.#alarmMs = this.#deadlineMs;
    this.#cancel = this.#clock.after(this.#deadlineMs - this.#clock.now(), () => {
      this.#cancel = undefined;
      if (this.#deadlineMs > this.#clock.now()) {
        this.#wait();
        return;
      }
      this.tries++;
      this.#overdue();
    });
  }

  #waitMs(): number {
    const { rtoInitialMs, rtoMinMs, rtoMaxMs, synBackoff, giveUpMs } = this.#times;
    if (giveUpMs !== undefined && this.tries === this.#triesMax) return giveUpMs;
    const baseMs =
      this.#smoothedMs === undefined
        ? rtoInitialMs
        : Math.max(rtoMinMs, this.#smoothedMs + 4 * this.#deviationMs);
    const doublings = this.connecting && !synBackoff ? 0 : this.tries;
    return Math.min(rtoMaxMs, baseMs * 2 ** doublings);
  }
}
