import { seeded } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../../hil/kit/heap.ts";
import type { Backend } from "../backend/backend.ts";
import { type StrategyName, WEIGHTLESS } from "../config/settings.ts";
import { STRATEGIES } from "./strategies.ts";
import { countsOf, namesOf, Trial, times } from "./testing.ts";

// What every strategy promises; what each of them promises beyond is in its own test.

const NAMES = Object.keys(STRATEGIES) as StrategyName[];

/**
 * `count` requests, one a millisecond, `parallel` of them under way at a time, each answered when its
 * turn comes to end. Throws when somebody is picked who is no candidate.
 */
function busy(
  trial: Trial,
  count: number,
  parallel: number,
  candidates: (turn: number) => readonly Backend[] = () => trial.backends,
): Backend[] {
  const random = seeded(99);
  const under: Backend[] = [];
  return times(count, turn => {
    trial.nowMs++;
    if (under.length === parallel) trial.answer(under.shift()!, parallel);
    const among = candidates(turn);
    const backend = trial.open(among, Math.floor(random() * 2 ** 32));
    if (!among.includes(backend))
      throw new Error(`${backend.name} is no candidate in turn ${turn}`);
    under.push(backend);
    return backend;
  });
}

describe.each(NAMES)("%s", name => {
  test("picks nobody from nobody, and is none the worse for it", () => {
    const trial = new Trial(name, [1, 1]);
    expect(trial.strategy.pick([], 7)).toBeUndefined();
    expect(trial.backends).toContain(trial.strategy.pick(trial.backends, 7));
    expect(trial.strategy.pick([], 7)).toBeUndefined();
  });

  test("picks the only one there is, every time", () => {
    const trial = new Trial(name, [1, 1, 1]);
    const [, b] = trial.backends;
    expect(new Set(busy(trial, 500, 9, () => [b]))).toEqual(new Set([b]));
  });

  test("picks only candidates, whoever comes and goes", () => {
    const trial = new Trial(name, [1, 2, 3, 4, 5]);
    const random = seeded(5);
    const picked = busy(trial, 3000, 9, () => {
      const candidates = trial.backends.filter(() => random() < 0.5);
      return candidates.length > 0 ? candidates : [trial.backends[2]];
    });
    expect(countsOf(picked, trial.backends)).not.toContain(0);
  });

  test("leaves out at once who is no candidate any more, and has him back when he is", () => {
    const trial = new Trial(name, [1, 1, 1]);
    const [a, b, c] = trial.backends;
    expect(busy(trial, 300, 3)).toContain(a);
    for (const backend of trial.backends) backend.sessions = 0;
    expect(busy(trial, 300, 3, () => [b, c])).not.toContain(a);
    for (const backend of trial.backends) backend.sessions = 0;
    expect(busy(trial, 300, 3)).toContain(a);
  });

  test("serves 32 backends, the last one, too", () => {
    const trial = new Trial(name, new Array(32).fill(1));
    // Two sessions each at most: even the strategy that packs needs them all.
    const room = () => trial.backends.filter(({ sessions }) => sessions < 2);
    expect(countsOf(busy(trial, 2000, 64, room), trial.backends)).not.toContain(0);
  });

  test("picks somebody even when all weigh nothing", () => {
    const trial = new Trial(name, [0, 0]);
    for (const backend of busy(trial, 50, 4)) expect(trial.backends).toContain(backend);
  });

  test.skipIf(WEIGHTLESS.includes(name))("gives more to who weighs more", () => {
    const trial = new Trial(name, [1, 3, 1]);
    const [a, b, c] = countsOf(busy(trial, 5000, 12), trial.backends);
    // A fair share is 60 %. Who counts the new session with the others, as ewma does, gives up to 67 %.
    expect(b).toBeGreaterThan(5000 * 0.55);
    expect(b).toBeLessThan(5000 * 0.7);
    expect(a).toBeGreaterThan(5000 * 0.15);
    expect(c).toBeGreaterThan(5000 * 0.15);
  });

  test("does not mind being watched: a score changes nothing", () => {
    const play = (watched: boolean) => {
      const trial = new Trial(name, [1, 2, 3]);
      return busy(trial, 1000, 7, turn => {
        if (watched) for (const backend of trial.backends) trial.strategy.score(backend, turn);
        return trial.backends;
      });
    };
    expect(namesOf(play(true))).toBe(namesOf(play(false)));
  });

  // The other two leave something to chance; their tests say what the score means there.
  test.skipIf(name === "two-choices" || name === "q-learning")("picks the lowest score", () => {
    const trial = new Trial(name, [1, 2, 3]);
    const random = seeded(3);
    for (const turn of times(1000, () => Math.floor(random() * 2 ** 32))) {
      trial.nowMs += 3;
      const { backends } = trial;
      const lowest = Math.min(...backends.map(backend => trial.strategy.score(backend, turn)));
      const before = backends.map(backend => trial.strategy.score(backend, turn));
      const backend = trial.open(backends, turn);
      expect(before[backend.index]).toBe(lowest);
      if (backend.sessions === 3) {
        for (const one of backends) while (one.sessions > 0) trial.answer(one, 5 + one.index);
      }
    }
  });

  test("a pick leaves no garbage", () => {
    const { strategy, backends } = new Trial(name, new Array(8).fill(1));
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
