import { spawnSync } from "node:child_process";

// Tests wait for things. A limit is for things that never happen: it is generous, and grows with the
// slowness of the computer, which vitest.config.ts measures once, before the first test.

/** Wait for one thing on an idle computer: far beyond the slowest of them. */
const IDLE_MS = 60_000;

/** A test waits for several things one after the other, and computes. */
const THINGS_PER_TEST = 5;

/** Starting Node without a program on an idle desktop computer: measured with Node 20 and 22 on x86-64. */
const IDLE_START_MS = 50;

/** Measurements, of which the slowest counts: one may meet an idle moment of the computer. */
const STARTS = 3;

/** How many times slower than an idle desktop computer this one is at present; at least 1. */
export function measureSlowness(): number {
  let longestMs = 0;
  for (let i = 0; i < STARTS; i++) {
    const start = performance.now();
    spawnSync(process.execPath, ["-e", ""]);
    longestMs = Math.max(longestMs, performance.now() - start);
  }
  return Math.max(1, longestMs / IDLE_START_MS);
}

/** `ms` of an idle computer on one that is so many times slower. */
const onSlower = (ms: number, slowness: number) => Math.round(ms * slowness);

/** The limits on a computer that is so many times slower than an idle one. */
export function limitsOf(slowness: number) {
  const patienceMs = onSlower(IDLE_MS, slowness);
  return { patienceMs, testMs: THINGS_PER_TEST * patienceMs };
}

const SLOWNESS = Number(process.env.SLOWNESS ?? 1);

/** `ms` of an idle computer on this one. */
export const onThisComputer = (ms: number) => onSlower(ms, SLOWNESS);

/** Longest wait for one thing that should come. */
export const PATIENCE_MS = limitsOf(SLOWNESS).patienceMs;
