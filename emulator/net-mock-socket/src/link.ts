/** The weather on a stretch of the way. */
export interface LinkSettings {
  /** Time that a packet takes at least. */
  readonly latencyMs: number;
  /** Up to so much more, by chance. It delays what follows too: a link keeps its order. */
  readonly jitterMs: number;
  /** Rate in each direction; packets queue for it. */
  readonly bytesPerSecond: number;
  /** Share of the packets that are lost, from 0 to less than 1. TCP sends them again, later. */
  readonly loss: number;
}

const FINE: LinkSettings = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  loss: 0,
};

/** IPv4 and TCP without options: RFC 791, RFC 9293. */
const HEADER_BYTES = 40;

/** Settings of a link, the missing ones as in fine weather. */
export function linkSettings(settings: Partial<LinkSettings>): LinkSettings {
  const complete = { ...FINE, ...settings };
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
  /** When the last packet has come out. */
  #lastOutMs = 0;

  constructor(settings: LinkSettings, random: () => number) {
    this.settings = settings;
    this.#random = random;
  }

  /** When a packet that enters at `atMs` comes out; nothing if it is lost. */
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
