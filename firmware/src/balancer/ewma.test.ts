import { expect, test } from "vitest";
import { countsOf, namesOf, Trial, times } from "./testing.ts";

test("who has never answered gets one request, and no other while that one runs", () => {
  const trial = new Trial("ewma", [1, 1, 1]);
  const [a, b, c] = trial.backends;
  trial.request(() => 20, [a]);
  trial.request(() => 20, [b]);
  expect(trial.open()).toBe(c);
  for (const _ of times(100, () => 0)) {
    const backend = trial.request(() => 20);
    expect(backend).not.toBe(c);
  }
  c.sessions--; // it ended without an answer
  expect(trial.open()).toBe(c);
  trial.nowMs += 15;
  trial.answer(c, 15);
  expect(trial.open()).toBe(c);
});

test("a burst at the very beginning spreads evenly", () => {
  const trial = new Trial("ewma", [1, 1, 1]);
  times(12, () => trial.open());
  expect(trial.backends.map(({ sessions }) => sessions)).toEqual([4, 4, 4]);
});

test("one ten times slower gets little, and is tried again after a while", () => {
  const trial = new Trial("ewma", [1, 1, 1]);
  const [, , c] = trial.backends;
  const triedMs: number[] = [];
  while (trial.nowMs < 600_000) {
    const askedMs = trial.nowMs;
    if (trial.request(one => (one === c ? 200 : 20)) === c) triedMs.push(askedMs);
  }
  // A tenth of 200 ms is left after 10 s × ln 10 = 23 s.
  const pauses = triedMs.slice(1).map((ms, index) => ms - triedMs[index]);
  expect(pauses.length).toBeGreaterThan(20);
  for (const pauseMs of pauses) {
    expect(pauseMs).toBeGreaterThan(20_000);
    expect(pauseMs).toBeLessThan(25_000);
  }
});

test("one that turns slow is left at its first slow answer, and used again when it recovers", () => {
  const trial = new Trial("ewma", [1, 1]);
  const [a, b] = trial.backends;
  let slow = false;
  const answerMs = (one: unknown) => (one === a ? (slow ? 500 : 10) : 20);
  const share = () =>
    countsOf(
      times(1000, () => trial.request(answerMs)),
      trial.backends,
    )[0] / 1000;
  expect(share()).toBeGreaterThan(0.9);
  slow = true;
  expect(share()).toBeLessThan(0.01);
  slow = false;
  trial.nowMs += 40_000; // 500 ms × e^-4 is less than 10
  expect(share()).toBeGreaterThan(0.9);
  expect(b.sessions).toBe(0);
});

test("sessions count: one three times as fast holds three times as many", () => {
  const trial = new Trial("ewma", [1, 1]);
  const [a, b] = trial.backends;
  a.latency.observe(10, 0);
  b.latency.observe(30, 0);
  times(38, () => trial.open());
  // Costs are for the session to come: 10 × 30 and 30 × 10.
  expect([a.sessions, b.sessions]).toEqual([29, 9]);
});

test("answers that take no time do not hide who is busy", () => {
  const trial = new Trial("ewma", [1, 1, 1]);
  for (const backend of trial.backends) backend.latency.observe(0, 0);
  expect(namesOf(times(6, () => trial.open()))).toBe("a b c a b c");
});

test("after a long silence a burst spreads over all", () => {
  const trial = new Trial("ewma", [1, 1, 1]);
  for (const backend of trial.backends) backend.latency.observe(10 ** backend.index, 0);
  trial.nowMs = 24 * 3600 * 1000;
  times(12, () => trial.open());
  expect(trial.backends.map(({ sessions }) => sessions)).toEqual([4, 4, 4]);
});
