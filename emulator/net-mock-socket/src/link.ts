/** Delay, rate and loss of a link. */
export interface LinkSettings {
  /** Shortest time of a packet. */
  readonly latencyMs: number;
  /** Longest random delay in addition. It delays later packets too: a link keeps its order. */
  readonly jitterMs: number;
  /** Rate in each direction; packets queue for it. */
  readonly bytesPerSecond: number;
  /** Share of lost packets, from 0 to less than 1. TCP sends them again later. */
  readonly loss: number;
}

const NO_EFFECT: LinkSettings = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  loss: 0,
};

/** IPv4 and TCP without options: RFC 791, RFC 9293. */
const HEADER_BYTES = 40;

/** Settings of a link; missing ones have no effect on packets. */
export function linkSettings(settings: Partial<LinkSettings>): LinkSettings {
  const complete = { ...NO_EFFECT, ...settings };
  for (const [name, value] of Object.entries(complete)) {
    const good = name === "bytesPerSecond" ? value > 0 : value >= 0;
    if (!good || (name === "loss" && value >= 1)) {
      throw new RangeError(`link: ${name} ${value}: not emulated`);
    }
  }
  return complete;
}

/** One direction of a link. */
export class Lane {
  readonly settings: LinkSettings;
  #random: () => number;
  /** When the last packet has left the sender. */
  #freeAtMs = 0;
  /** When the last packet has arrived. */
  #lastOutMs = 0;

  constructor(settings: LinkSettings, random: () => number) {
    this.settings = settings;
    this.#random = random;
  }

  /** The arrival time of a packet that enters at `atMs`; `undefined` if it is lost. */
  pass(atMs: number, bytes: number): number | undefined {
    const { latencyMs, jitterMs, bytesPerSecond, loss } = this.settings;
    let outMs = atMs;
    if (bytesPerSecond !== Number.POSITIVE_INFINITY) {
      const takesMs = ((bytes + HEADER_BYTES) / bytesPerSecond) * 1000;
      outMs = this.#freeAtMs = Math.max(atMs, this.#freeAtMs) + takesMs;
    }
    if (loss > 0 && this.#random() < loss) return undefined;
    outMs += latencyMs;
    if (jitterMs > 0) outMs += this.#random() * jitterMs;
    this.#lastOutMs = Math.max(outMs, this.#lastOutMs);
    return this.#lastOutMs;
  }
}
