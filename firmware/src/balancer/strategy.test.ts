import { seeded } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../../hil/kit/heap.ts";
import type { Backend } from "../backend/backend.ts";
import { type StrategyName, UNWEIGHTED } from "../config/settings.ts";
import { STRATEGIES } from "./strategies.ts";
import { countsOf, namesOf, StrategyBench, times } from "./testing.ts";

// Tests that every strategy passes; each has further tests beside its file.

const NAMES = Object.keys(STRATEGIES) as StrategyName[];

/**
 * Plays `count` requests, one per millisecond, of which `parallel` are in flight at a time. Throws when a backend is
 * picked that is not a candidate.
 */
function busy(
  bench: StrategyBench,
  count: number,
  parallel: number,
  candidates: (turn: number) => readonly Backend[] = () => bench.backends,
): Backend[] {
  const random = seeded(99);
  const inFlight: Backend[] = [];
  return times(count, turn => {
    bench.nowMs++;
    if (inFlight.length === parallel) bench.answer(inFlight.shift()!, parallel);
    const among = candidates(turn);
    const backend = bench.open(among, Math.floor(random() * 2 ** 32));
    if (!among.includes(backend))
      throw new Error(`${backend.name} is no candidate in turn ${turn}`);
    inFlight.push(backend);
    return backend;
  });
}

describe.each(NAMES)("%s", name => {
  test("picks nothing without candidates, and works afterwards", () => {
    const bench = new StrategyBench(name, [1, 1]);
    expect(bench.strategy.pick([], 7, 0)).toBeUndefined();
    expect(bench.backends).toContain(bench.strategy.pick(bench.backends, 7, 0));
    expect(bench.strategy.pick([], 7, 0)).toBeUndefined();
  });

  test("picks the only candidate every time", () => {
    const bench = new StrategyBench(name, [1, 1, 1]);
    const [, b] = bench.backends;
    expect(new Set(busy(bench, 500, 9, () => [b]))).toEqual(new Set([b]));
  });

  test("picks only candidates while they change", () => {
    const bench = new StrategyBench(name, [1, 2, 3, 4, 5]);
    const random = seeded(5);
    const picked = busy(bench, 3000, 9, () => {
      const candidates = bench.backends.filter(() => random() < 0.5);
      return candidates.length > 0 ? candidates : [bench.backends[2]];
    });
    expect(countsOf(picked, bench.backends)).not.toContain(0);
  });

  test("excludes a backend as soon as it is not a candidate, and picks it again when it is", () => {
    const bench = new StrategyBench(name, [1, 1, 1]);
    const [a, b, c] = bench.backends;
    expect(busy(bench, 300, 3)).toContain(a);
    bench.sessions = [0, 0, 0];
    expect(busy(bench, 300, 3, () => [b, c])).not.toContain(a);
    bench.sessions = [0, 0, 0];
    expect(busy(bench, 300, 3)).toContain(a);
  });

  test("picks each of 32 backends", () => {
    const bench = new StrategyBench(name, new Array(32).fill(1));
    // At most two sessions each: then even `first` needs all of them.
    const room = () => bench.backends.filter(({ counters }) => counters.sessions < 2);
    expect(countsOf(busy(bench, 2000, 64, room), bench.backends)).not.toContain(0);
  });

  test("picks a candidate even when all weights are 0", () => {
    const bench = new StrategyBench(name, [0, 0]);
    for (const backend of busy(bench, 50, 4)) expect(bench.backends).toContain(backend);
  });

  test.skipIf(UNWEIGHTED.includes(name))(
    "gives more requests to a backend with more weight",
    () => {
      const bench = new StrategyBench(name, [1, 3, 1]);
      const [a, b, c] = countsOf(busy(bench, 5000, 12), bench.backends);
      // A fair share is 60 %. A strategy that counts the new session as well, such as ewma, gives up to 67 %.
      expect(b).toBeGreaterThan(5000 * 0.55);
      expect(b).toBeLessThan(5000 * 0.7);
      expect(a).toBeGreaterThan(5000 * 0.15);
      expect(c).toBeGreaterThan(5000 * 0.15);
    },
  );

  test("reading a score changes nothing", () => {
    const play = (watched: boolean) => {
      const bench = new StrategyBench(name, [1, 2, 3]);
      return busy(bench, 1000, 7, turn => {
        if (watched) for (const backend of bench.backends) bench.score(backend, turn);
        return bench.backends;
      });
    };
    expect(namesOf(play(true))).toBe(namesOf(play(false)));
  });

  // The other two pick at random; their tests show what the score means there.
  test.skipIf(name === "two-choices" || name === "q-learning")("picks the lowest score", () => {
    const bench = new StrategyBench(name, [1, 2, 3]);
    const random = seeded(3);
    for (const turn of times(1000, () => Math.floor(random() * 2 ** 32))) {
      bench.nowMs += 3;
      const { backends } = bench;
      const lowest = Math.min(...backends.map(backend => bench.score(backend, turn)));
      const before = backends.map(backend => bench.score(backend, turn));
      const backend = bench.open(backends, turn);
      expect(before[backend.index]).toBe(lowest);
      if (backend.counters.sessions === 3) {
        for (const one of backends)
          while (one.counters.sessions > 0) bench.answer(one, 5 + one.index);
      }
    }
  });

  test("a pick allocates nothing", () => {
    const { strategy, backends } = new StrategyBench(name, new Array(8).fill(1));
    for (const backend of backends) backend.latency.observe(10, 0);
    const round = () => {
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let turn = 0; turn < 20_000; turn++) strategy.pick(backends, turn, 0);
      return (process.memoryUsage().heapUsed - before) / 20_000;
    };
    // A fraction that `random` returns is 16 bytes here, and two are drawn; the smallest object or
    // closure would be 56, an array more.
    const bytesMax = 48;
    // Until the engine has compiled the code, numbers are allocated, too: one round of 15 must be below.
    let bytes = round();
    for (let rounds = 1; rounds < 15 && bytes >= bytesMax; rounds++) bytes = round();
    expect(bytes).toBeLessThan(bytesMax);
  });
});
