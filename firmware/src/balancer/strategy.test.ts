import { seeded } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../../hil/kit/heap.ts";
import type { Backend } from "../backend/backend.ts";
import { type StrategyName, UNWEIGHTED } from "../config/settings.ts";
import { STRATEGIES } from "./strategies.ts";
import { countsOf, namesOf, StrategyBench, times } from "./testing.ts";

// What every strategy promises; what each of them promises beyond is in its own test.

const NAMES = Object.keys(STRATEGIES) as StrategyName[];

/**
 * `count` requests, one a millisecond, `parallel` of them under way at a time, each answered when its
 * turn comes to end. Throws when somebody is picked who is no candidate.
 */
function busy(
  bench: StrategyBench,
  count: number,
  parallel: number,
  candidates: (turn: number) => readonly Backend[] = () => bench.backends,
): Backend[] {
  const random = seeded(99);
  const under: Backend[] = [];
  return times(count, turn => {
    bench.nowMs++;
    if (under.length === parallel) bench.answer(under.shift()!, parallel);
    const among = candidates(turn);
    const backend = bench.open(among, Math.floor(random() * 2 ** 32));
    if (!among.includes(backend))
      throw new Error(`${backend.name} is no candidate in turn ${turn}`);
    under.push(backend);
    return backend;
  });
}

describe.each(NAMES)("%s", name => {
  test("picks nobody from nobody, and is none the worse for it", () => {
    const bench = new StrategyBench(name, [1, 1]);
    expect(bench.strategy.pick([], 7)).toBeUndefined();
    expect(bench.backends).toContain(bench.strategy.pick(bench.backends, 7));
    expect(bench.strategy.pick([], 7)).toBeUndefined();
  });

  test("picks the only one there is, every time", () => {
    const bench = new StrategyBench(name, [1, 1, 1]);
    const [, b] = bench.backends;
    expect(new Set(busy(bench, 500, 9, () => [b]))).toEqual(new Set([b]));
  });

  test("picks only candidates, whoever comes and goes", () => {
    const bench = new StrategyBench(name, [1, 2, 3, 4, 5]);
    const random = seeded(5);
    const picked = busy(bench, 3000, 9, () => {
      const candidates = bench.backends.filter(() => random() < 0.5);
      return candidates.length > 0 ? candidates : [bench.backends[2]];
    });
    expect(countsOf(picked, bench.backends)).not.toContain(0);
  });

  test("leaves out at once who is no candidate any more, and has him back when he is", () => {
    const bench = new StrategyBench(name, [1, 1, 1]);
    const [a, b, c] = bench.backends;
    expect(busy(bench, 300, 3)).toContain(a);
    for (const backend of bench.backends) backend.sessions = 0;
    expect(busy(bench, 300, 3, () => [b, c])).not.toContain(a);
    for (const backend of bench.backends) backend.sessions = 0;
    expect(busy(bench, 300, 3)).toContain(a);
  });

  test("serves 32 backends, the last one, too", () => {
    const bench = new StrategyBench(name, new Array(32).fill(1));
    // Two sessions each at most: even the strategy that packs needs them all.
    const room = () => bench.backends.filter(({ sessions }) => sessions < 2);
    expect(countsOf(busy(bench, 2000, 64, room), bench.backends)).not.toContain(0);
  });

  test("picks somebody even when all weigh nothing", () => {
    const bench = new StrategyBench(name, [0, 0]);
    for (const backend of busy(bench, 50, 4)) expect(bench.backends).toContain(backend);
  });

  test.skipIf(UNWEIGHTED.includes(name))("gives more to who weighs more", () => {
    const bench = new StrategyBench(name, [1, 3, 1]);
    const [a, b, c] = countsOf(busy(bench, 5000, 12), bench.backends);
    // A fair share is 60 %. Who counts the new session with the others, as ewma does, gives up to 67 %.
    expect(b).toBeGreaterThan(5000 * 0.55);
    expect(b).toBeLessThan(5000 * 0.7);
    expect(a).toBeGreaterThan(5000 * 0.15);
    expect(c).toBeGreaterThan(5000 * 0.15);
  });

  test("does not mind being watched: a score changes nothing", () => {
    const play = (watched: boolean) => {
      const bench = new StrategyBench(name, [1, 2, 3]);
      return busy(bench, 1000, 7, turn => {
        if (watched) for (const backend of bench.backends) bench.strategy.score(backend, turn);
        return bench.backends;
      });
    };
    expect(namesOf(play(true))).toBe(namesOf(play(false)));
  });

  // The other two leave something to chance; their tests say what the score means there.
  test.skipIf(name === "two-choices" || name === "q-learning")("picks the lowest score", () => {
    const bench = new StrategyBench(name, [1, 2, 3]);
    const random = seeded(3);
    for (const turn of times(1000, () => Math.floor(random() * 2 ** 32))) {
      bench.nowMs += 3;
      const { backends } = bench;
      const lowest = Math.min(...backends.map(backend => bench.strategy.score(backend, turn)));
      const before = backends.map(backend => bench.strategy.score(backend, turn));
      const backend = bench.open(backends, turn);
      expect(before[backend.index]).toBe(lowest);
      if (backend.sessions === 3) {
        for (const one of backends) while (one.sessions > 0) bench.answer(one, 5 + one.index);
      }
    }
  });

  test("a pick leaves no garbage", () => {
    const { strategy, backends } = new StrategyBench(name, new Array(8).fill(1));
    for (const backend of backends) backend.latency.observe(10, 0);
    // The cleanest of many rounds: until the engine has compiled it all, numbers are garbage, too.
    const bytes = times(15, () => {
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let turn = 0; turn < 20_000; turn++) strategy.pick(backends, turn);
      return (process.memoryUsage().heapUsed - before) / 20_000;
    });
    // A fraction that `random` returns is 16 bytes here, and two are drawn; the smallest object or
    // closure would be 56, an array more.
    expect(Math.min(...bytes)).toBeLessThan(48);
  });
});
