import type { Measurement, PlayedBoard } from "./run.ts";

/** Limits of a measurement. */
export interface Limits {
  readonly unit: string;
  readonly min?: number;
  readonly max?: number;
}

/**
 * Limits of the measurements that scenarios take. The emulated board has the chip's limits and the serial
 * line's speed, but a computer's processor and no Wi-Fi: its limits are about twice the values of a busy
 * computer. No real board has been measured yet: its limits are what users would accept.
 */
const EMULATED: Readonly<Record<string, Limits>> = {
  "boot to serving": { unit: "ms", max: 3_000 },
  "Wi-Fi lost to serving": { unit: "ms", max: 3_000 },
  "connect p50": { unit: "ms", max: 20 },
  "connect p95": { unit: "ms", max: 100 },
  requests: { unit: "/s", min: 20 },
  "to the backend": { unit: "KiB/s", min: 200 },
  "to the client": { unit: "KiB/s", min: 200 },
  "heap floor": { unit: "bytes", min: 16_384 },
  "heap lost per 1,000 requests": { unit: "bytes", max: 64 },
  "sessions at once": { unit: "sessions", min: 12 },
};

const REAL: Readonly<Record<string, Limits>> = {
  "boot to serving": { unit: "ms", max: 15_000 },
  "Wi-Fi lost to serving": { unit: "ms", max: 30_000 },
  "connect p50": { unit: "ms", max: 50 },
  "connect p95": { unit: "ms", max: 300 },
  requests: { unit: "/s", min: 10 },
  "to the backend": { unit: "KiB/s", min: 50 },
  "to the client": { unit: "KiB/s", min: 50 },
  "heap floor": { unit: "bytes", min: 16_384 },
  "heap lost per 1,000 requests": { unit: "bytes", max: 64 },
  "sessions at once": { unit: "sessions", min: 12 },
};

export const BUDGETS: Readonly<Record<PlayedBoard["kind"], Readonly<Record<string, Limits>>>> = {
  emulated: EMULATED,
  serial: REAL,
  address: REAL,
};

/** The worse of two measurements: in a long run one bad round is enough. */
export function worse(kind: PlayedBoard["kind"], name: string, one: number, other: number): number {
  return BUDGETS[kind][name]?.min === undefined ? Math.max(one, other) : Math.min(one, other);
}

/** The measurements that were due, with their limits; the value is `null` if one was not taken. */
export function measurements(
  kind: PlayedBoard["kind"],
  expected: readonly string[],
  figures: ReadonlyMap<string, number>,
): Measurement[] {
  return expected.map(name => {
    const limits = BUDGETS[kind][name];
    if (limits === undefined) throw new Error(`no budget is called "${name}": hil/rig/limits.ts`);
    return { name, ...limits, value: figures.get(name) ?? null };
  });
}
