import { expect, test } from "vitest";
import type { Backend } from "../backend/backend.ts";
import type { QLearning } from "./q-learning.ts";
import { countsOf, StrategyBench, spread, times } from "./testing.ts";

const leaderOf = (bench: StrategyBench) => (bench.strategy as QLearning).leader;

/** Shares of `count` requests, one after the other. */
function sharesOf(
  bench: StrategyBench,
  count: number,
  answerMs: (backend: Backend) => number,
): number[] {
  const picked = times(count, () => bench.request(answerMs));
  return countsOf(picked, bench.backends).map(picks => picks / count);
}

test("finds the fastest backend, whatever its position", () => {
  for (const fastest of [0, 1, 2]) {
    const bench = new StrategyBench("q-learning", [1, 1, 1]);
    const shares = sharesOf(bench, 5000, ({ index }) => (index === fastest ? 10 : 40));
    // 85 % are the learner's, and a third of the others go there by chance.
    expect(shares[fastest]).toBeGreaterThan(0.85);
    expect(leaderOf(bench)).toBe("learner");
  }
});

test("avoids the fastest backend when it becomes slow, and uses it again when it recovers", () => {
  const bench = new StrategyBench("q-learning", [1, 1, 1]);
  const [a] = bench.backends;
  let slow = false;
  const answerMs = (backend: Backend) => (backend === a ? (slow ? 200 : 10) : 30);
  expect(sharesOf(bench, 1000, answerMs)[0]).toBeGreaterThan(0.8);
  slow = true;
  const [early] = sharesOf(bench, 50, answerMs);
  expect(early).toBeLessThan(0.2);
  slow = false;
  sharesOf(bench, 1000, answerMs);
  expect(sharesOf(bench, 1000, answerMs)[0]).toBeGreaterThan(0.8);
});

test("5 % of the picks are random, whichever policy leads", () => {
  const runs = 30_000;
  for (const leader of ["learner", "two-choices"]) {
    const bench = new StrategyBench("q-learning", [1, 1, 1]);
    if (leader === "two-choices") punish(bench, 600);
    const [, , c] = bench.backends;
    c.counters.sessions = 1000; // so two choices never picks it, and the learner does not because it is slow
    const answerMs = leader === "learner" ? () => 10 : adverse(bench);
    const [, , share] = sharesOf(bench, runs, one => (one === c ? 10_000 : answerMs(one)));
    expect(leaderOf(bench)).toBe(leader);
    expect(Math.abs(share - 0.05 / 3) * runs).toBeLessThan(spread(runs, 0.05 / 3));
  }
});

/** Response times that are long exactly for the backend that the learner would pick. */
function adverse(bench: StrategyBench): (backend: Backend) => number {
  return backend => {
    backend.counters.sessions--; // as it was when it was picked
    const scores = bench.backends.map(one => bench.score(one));
    backend.counters.sessions++;
    return scores[backend.index] === Math.min(...scores) ? 100 : 10;
  };
}

function punish(bench: StrategyBench, count: number): void {
  const answerMs = adverse(bench);
  times(count, () => bench.request(answerMs));
}

test("two choices leads while the learner is slower, and the learner keeps a tenth of the picks", () => {
  const bench = new StrategyBench("q-learning", [1, 1, 1]);
  punish(bench, 600);
  expect(leaderOf(bench)).toBe("two-choices");
  // Picks of the learner's choice: its own 10 %, and a third of the 90 % that are random.
  const runs = 40_000;
  const answerMs = adverse(bench);
  let same = 0;
  for (const _ of times(runs, () => 0)) {
    bench.request(backend => {
      const ms = answerMs(backend);
      if (ms === 100) same++;
      return ms;
    });
    expect(leaderOf(bench)).toBe("two-choices");
  }
  const share = 0.1 + 0.9 / 3;
  expect(Math.abs(same - runs * share)).toBeLessThan(spread(runs, share));
});

test("the learner leads again when it has become faster", () => {
  const bench = new StrategyBench("q-learning", [1, 1, 1]);
  punish(bench, 600);
  expect(leaderOf(bench)).toBe("two-choices");
  sharesOf(bench, 1500, ({ index }) => (index === 1 ? 10 : 40));
  expect(leaderOf(bench)).toBe("learner");
});

test("the estimate for a state is its average, or else twice the time for twice the sessions", () => {
  const bench = new StrategyBench("q-learning", [1]);
  const [a] = bench.backends;
  const expected = () =>
    [0, 1, 2, 3, 4, 8, 100].map(sessions => {
      a.counters.sessions = sessions;
      const score = bench.score(a);
      a.counters.sessions = 0;
      return score;
    });
  bench.request(() => 10);
  expect(expected()).toEqual([10, 20, 40, 40, 80, 160, 160]);
  const early = bench.open();
  bench.request(() => 15);
  bench.answer(early, 15);
  const [idle, one, two] = expected();
  expect(idle).toBeCloseTo(11, 1);
  expect(one).toBeCloseTo(15, 5);
  expect(two).toBeCloseTo(30, 5);
});

test("estimates decay without samples", () => {
  const bench = new StrategyBench("q-learning", [1]);
  bench.request(() => 100);
  const [a] = bench.backends;
  bench.nowMs += 60_000;
  expect(bench.score(a)).toBeCloseTo(100 / Math.E, 2);
  bench.nowMs += 120_000;
  expect(bench.score(a)).toBeLessThan(5);
});

test("the first response of a backend does not count against the learner", () => {
  const bench = new StrategyBench("q-learning", [1, 1, 1]);
  const known = new Set<Backend>();
  const answerMs = (one: Backend) => (known.size < known.add(one).size ? 10_000 : 20);
  for (const _ of times(600, () => 0)) {
    bench.request(answerMs);
    expect(leaderOf(bench)).toBe("learner");
  }
  expect(known.size).toBe(3);
});

test("learns the capacity of a backend: the fastest does not get all requests", () => {
  // Each serves one after the other, b half as fast as a.
  const bench = new StrategyBench("q-learning", [1, 1]);
  const under: { backend: Backend; sentMs: number; endMs: number }[] = [];
  const freeMs = [0, 0];
  const picked = times(5000, () => {
    bench.nowMs += 10; // a alone would be fully used, both together are used by two thirds
    const due = under.filter(({ endMs }) => endMs <= bench.nowMs).sort((x, y) => x.endMs - y.endMs);
    const thenMs = bench.nowMs;
    for (const one of due) {
      bench.nowMs = one.endMs;
      bench.answer(one.backend, one.endMs - one.sentMs);
      under.splice(under.indexOf(one), 1);
    }
    bench.nowMs = thenMs;
    const backend = bench.open();
    const { index } = backend;
    freeMs[index] = Math.max(freeMs[index], bench.nowMs) + 12 * (index + 1);
    under.push({ backend, sentMs: bench.nowMs, endMs: freeMs[index] });
    return backend;
  });
  const [a, b] = countsOf(picked, bench.backends);
  expect(a).toBeGreaterThan(b);
  expect(b).toBeGreaterThan(5000 * 0.167); // a can do 83 %
  expect(Math.max(...bench.sessions)).toBeLessThan(10);
});

test("a backend without samples gets one request at a time", () => {
  const bench = new StrategyBench("q-learning", [1, 1, 1], 2);
  times(3, () => bench.open());
  expect(bench.sessions).toEqual([1, 1, 1]);
});

test("responses that take 0 ms do not hide which backend is busy", () => {
  const bench = new StrategyBench("q-learning", [1, 1, 1]);
  sharesOf(bench, 300, () => 0);
  times(12, () => bench.open());
  for (const sessions of bench.sessions) expect(sessions).toBeGreaterThan(1);
});

test("after a day without requests it finds the fastest backend again", () => {
  const bench = new StrategyBench("q-learning", [1, 1, 1]);
  sharesOf(bench, 500, ({ index }) => (index === 0 ? 10 : 40));
  bench.nowMs += 24 * 3600 * 1000;
  const shares = sharesOf(bench, 2000, ({ index }) => (index === 1 ? 10 : 40));
  expect(shares[1]).toBeGreaterThan(0.8);
});
