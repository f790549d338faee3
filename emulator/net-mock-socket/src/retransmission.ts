import type { Clock } from "./clock.ts";

/** A host's times for packets that are not acknowledged. */
export interface RetransmissionTimes {
  /** Before a round trip was measured. */
  readonly rtoInitialMs: number;
  /** The shortest and the longest timeout of RFC 6298; lwIP's follow from `slowTimerMs`. */
  readonly rtoMinMs: number;
  readonly rtoMaxMs: number;
  /** Retransmissions of a segment before the connection fails with ETIMEDOUT. */
  readonly retransmissionsMax: number;
  /** The same for the SYN of a connection that is being made. */
  readonly synRetransmissionsMax: number;
  /** True: the time between two SYNs doubles as that between segments does. */
  readonly synBackoff: boolean;
  /**
   * Given: this host measures and waits as lwIP does, in turns of its slow timer, and gives up at the
   * first turn after the last retransmission. Otherwise RFC 6298.
   */
  readonly slowTimerMs?: number | undefined;
}

/** Weights of the newest measurement in the mean and in its deviation: RFC 6298, 2.3. */
const ALPHA = 1 / 8;
const BETA = 1 / 4;

/** How often lwIP's timeout doubles at most: the last entry of tcp_backoff in tcp.c. */
const LWIP_DOUBLINGS_MAX = 7;

/**
 * lwIP's estimate of the round trip (tcp_receive in tcp_in.c, tcp_output_segment in tcp_out.c). One
 * segment at a time is timed, in whole turns of the slow timer; a retransmission is timed anew. The
 * deviation loses a quarter of itself, rounded down, with each quick answer, and so stops at 3 turns.
 */
class SlowTimerEstimate {
  /** Eight times the mean, four times its deviation, in turns. */
  #mean = 0;
  #deviation: number;
  #timed: { end: number; turn: number } | undefined;

  constructor(initialTurns: number) {
    this.#deviation = initialTurns;
  }

  get turns(): number {
    return (this.#mean >> 3) + this.#deviation;
  }

  sent(end: number, again: boolean, turn: number): void {
    if (again || this.#timed === undefined) this.#timed = { end, turn };
  }

  /** False: this acknowledges no segment that was timed. */
  acknowledged(position: number, turn: number): boolean {
    if (this.#timed === undefined || position < this.#timed.end) return false;
    const error = turn - this.#timed.turn - (this.#mean >> 3);
    this.#mean += error;
    this.#deviation += Math.abs(error) - (this.#deviation >> 2);
    this.#timed = undefined;
    return true;
  }
}

/**
 * The one timer of a connection: rings when an acknowledgement is overdue, later each time, and gives up in
 * the end (RFC 6298, or as lwIP does). It is set only while an acknowledgement is due.
 */
export class Retransmission {
  #clock: Clock;
  #times: RetransmissionTimes;
  #overdue: () => void;
  #estimate: SlowTimerEstimate | undefined;
  #smoothedMs: number | undefined;
  #deviationMs = 0;
  #cancel: (() => void) | undefined;
  #startMs = 0;
  #deadlineMs = 0;
  #alarmMs = 0;
  /** Times that it has rung since the last acknowledgement. */
  tries = 0;
  /** Still making the connection. */
  connecting = true;

  constructor(clock: Clock, times: RetransmissionTimes, overdue: () => void) {
    this.#clock = clock;
    this.#times = times;
    this.#overdue = overdue;
    const { rtoInitialMs, slowTimerMs } = times;
    if (slowTimerMs === undefined) return;
    this.#estimate = new SlowTimerEstimate(Math.floor(rtoInitialMs / slowTimerMs));
  }

  get exhausted(): boolean {
    return this.tries > this.#triesMax;
  }

  get #triesMax(): number {
    const { retransmissionsMax, synRetransmissionsMax } = this.#times;
    return this.connecting ? synRetransmissionsMax : retransmissionsMax;
  }

  /** A segment that ends at `end` has left; `again`: as a retransmission. For lwIP's estimate only. */
  sent(end: number, again: boolean): void {
    this.#estimate?.sent(end, again, this.#turn);
  }

  /** A segment has arrived that acknowledges all before `position`. For lwIP's estimate only. */
  acknowledged(position: number): void {
    const measured = this.#estimate?.acknowledged(position, this.#turn) ?? false;
    if (!measured || this.#cancel === undefined) return;
    // The new timeout holds for segments in flight, too, however often they were sent.
    this.stop();
    this.#deadlineMs = this.#afterTurns(this.#estimate!.turns);
    this.#wait();
  }

  /** A round trip by RFC 6298. */
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

  /** Starts the timer, unless it is set. */
  set(): void {
    if (this.#cancel !== undefined) return;
    this.#start();
    this.#wait();
  }

  /** An acknowledgement has arrived. `stillDue`: another one is due. */
  answered(stillDue: boolean): void {
    this.tries = 0;
    this.#start();
    // An alarm that rings too early compares the deadline: cheaper than a new one each time. One that
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
    this.#cancel = this.#clock.after(Math.max(0, this.#deadlineMs - this.#clock.now()), () => {
      this.#cancel = undefined;
      if (this.#deadlineMs > this.#clock.now()) {
        this.#wait();
        return;
      }
      this.tries++;
      this.#overdue();
    });
  }

  /** Turns of lwIP's slow timer so far. */
  get #turn(): number {
    return Math.floor(this.#clock.now() / this.#times.slowTimerMs!);
  }

  #start(): void {
    this.#startMs = this.#clock.now();
    this.#deadlineMs =
      this.#estimate === undefined
        ? this.#startMs + this.#waitMs()
        : this.#afterTurns(this.#waitTurns(this.#estimate));
  }

  /** The time of that many turns of the slow timer after the start. */
  #afterTurns(turns: number): number {
    const slowTimerMs = this.#times.slowTimerMs!;
    return (Math.floor(this.#startMs / slowTimerMs) + turns) * slowTimerMs;
  }

  get #doublings(): number {
    return this.connecting && !this.#times.synBackoff ? 0 : this.tries;
  }

  #waitTurns({ turns }: SlowTimerEstimate): number {
    if (this.tries === this.#triesMax) return 1;
    return turns * 2 ** Math.min(this.#doublings, LWIP_DOUBLINGS_MAX);
  }

  #waitMs(): number {
    const { rtoInitialMs, rtoMinMs, rtoMaxMs } = this.#times;
    const baseMs =
      this.#smoothedMs === undefined
        ? rtoInitialMs
        : Math.max(rtoMinMs, this.#smoothedMs + 4 * this.#deviationMs);
    return Math.min(rtoMaxMs, baseMs * 2 ** this.#doublings);
  }
}
