import type { BackendStatus, Status } from "../../../firmware/src/admin/status.ts";
import type { BoardSnapshot, Watched } from "./watched.ts";

/** The values of the charts. */
export const HISTORY_MS = 2 * 60_000;

/** Period of the rates: a shorter one is unsteady, a longer one is late. */
const RATE_WINDOW_MS = 2_000;

/** One moment in the charts, by the backends' names. */
export interface Point {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly backends: Readonly<Record<string, Readonly<PointOfBackend>>>;
}

interface PointOfBackend {
  /** Picks per second. */
  readonly rate: number;
  /** The share of all picks, from 0 to 1; `null` when there were none. */
  readonly share: number | null;
  /** Time to the first byte of its last answer; `null` without a request. */
  readonly latencyMs: number | null;
}

/** All measured at one moment. */
export interface Sample {
  readonly look: BoardSnapshot;
  readonly point: Point;
}

interface Counted {
  readonly at: number;
  readonly totals: ReadonlyMap<string, number>;
}

/** Samples the board repeatedly, and keeps two minutes of it. */
export class Sampler {
  #watched: Watched;
  #points: Point[] = [];
  #counts: Counted[] = [];
  #next: NodeJS.Timeout | undefined;
  #stopped = false;
  #onSample: (sample: Sample) => void;
  last: Sample | undefined;

  constructor(watched: Watched, onSample: (sample: Sample) => void) {
    this.#watched = watched;
    this.#onSample = onSample;
    void this.#sample();
  }

  get points(): readonly Point[] {
    return this.#points;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#next);
  }

  async #sample(): Promise<void> {
    const look = await this.#watched.look();
    if (this.#stopped) return;
    const at = Date.now();
    const backends = look.state === "running" ? (look.status?.backends ?? []) : [];
    const point = { at, backends: this.#measure(at, backends) };
    this.#points.push(point);
    while (this.#points[0].at < at - HISTORY_MS) this.#points.shift();
    this.last = { look, point };
    this.#onSample(this.last);
    this.#next = setTimeout(() => void this.#sample(), this.#watched.intervalMs);
  }

  #measure(at: number, backends: Status["backends"]): Point["backends"] {
    while (this.#counts.length > 1 && this.#counts[1].at <= at - RATE_WINDOW_MS) {
      this.#counts.shift();
    }
    const before = this.#counts[0];
    const totals = new Map(backends.map(({ name, sessionsTotal }) => [name, sessionsTotal]));
    this.#counts.push({ at, totals });
    /** Picks since then; after a reset the board counts from 0. */
    const picks = ({ name, sessionsTotal }: BackendStatus) =>
      Math.max(0, sessionsTotal - (before?.totals.get(name) ?? sessionsTotal));
    const all = backends.reduce((sum, backend) => sum + picks(backend), 0);
    const seconds = before === undefined ? 1 : (at - before.at) / 1000;
    return Object.fromEntries(
      backends.map(backend => {
        const own = picks(backend);
        const measured: PointOfBackend = {
          rate: own / seconds,
          share: all === 0 ? null : own / all,
          latencyMs: own === 0 ? null : backend.latencyMs,
        };
        return [backend.name, measured];
      }),
    );
  }
}
