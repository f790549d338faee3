import { expect, test } from "vitest";
import type { Backend } from "../backend/backend.ts";
import type { QLearning } from "./q-learning.ts";
import { countsOf, spread, Trial, times } from "./testing.ts";

const leaderOf = (trial: Trial) => (trial.strategy as QLearning).leader;

/** Shares of `count` requests, one after the other. */
function sharesOf(trial: Trial, count: number, answerMs: (backend: Backend) => number): number[] {
  const picked = times(count, () => trial.request(answerMs));
  return countsOf(picked, trial.backends).map(picks => picks / count);
}

test("finds the fastest, wherever it stands", () => {
  for (const fastest of [0, 1, 2]) {
    const trial = new Trial("q-learning", [1, 1, 1]);
    const shares = sharesOf(trial, 5000, ({ index }) => (index === fastest ? 10 : 40));
    // 85 % are the learner's, and a third of the others' go there by chance.
    expect(shares[fastest]).toBeGreaterThan(0.85);
    expect(leaderOf(trial)).toBe("learner");
  }
});

test("leaves the fastest when it turns slow, and comes back when that is over", () => {
  const trial = new Trial("q-learning", [1, 1, 1]);
  const [a] = trial.backends;
  let slow = false;
  const answerMs = (backend: Backend) => (backend === a ? (slow ? 200 : 10) : 30);
  expect(sharesOf(trial, 1000, answerMs)[0]).toBeGreaterThan(0.8);
  slow = true;
  const [early] = sharesOf(trial, 50, answerMs);
  expect(early).toBeLessThan(0.2);
  slow = false;
  sharesOf(trial, 1000, answerMs);
  expect(sharesOf(trial, 1000, answerMs)[0]).toBeGreaterThan(0.8);
});

test("leaves 5 % of the picks to chance, whoever leads", () => {
  const runs = 30_000;
  for (const leader of ["learner", "two-choices"]) {
    const trial = new Trial("q-learning", [1, 1, 1]);
    if (leader === "two-choices") punish(trial, 600);
    const [, , c] = trial.backends;
    c.sessions = 1000; // two choices never picks it, and neither does the learner, so slow is it
    const answerMs = leader === "learner" ? () => 10 : adverse(trial);
    const [, , share] = sharesOf(trial, runs, one => (one === c ? 10_000 : answerMs(one)));
    expect(leaderOf(trial)).toBe(leader);
    expect(Math.abs(share - 0.05 / 3) * runs).toBeLessThan(spread(runs, 0.05 / 3));
  }
});

/** A world that answers late exactly where the learner would go. */
function adverse({ backends, strategy }: Trial): (backend: Backend) => number {
  return backend => {
    backend.sessions--; // as it was when it was picked
    const scores = backends.map(one => strategy.score(one, 0));
    backend.sessions++;
    return scores[backend.index] === Math.min(...scores) ? 100 : 10;
  };
}

function punish(trial: Trial, count: number): void {
  const answerMs = adverse(trial);
  times(count, () => trial.request(answerMs));
}

test("two choices takes over while the learner does worse, and the learner keeps a tenth", () => {
  const trial = new Trial("q-learning", [1, 1, 1]);
  punish(trial, 600);
  expect(leaderOf(trial)).toBe("two-choices");
  // Who goes where the learner would: the learner with 10 %, and a third of the 90 % of chance.
  const runs = 40_000;
  const answerMs = adverse(trial);
  let same = 0;
  for (const _ of times(runs, () => 0)) {
    trial.request(backend => {
      const ms = answerMs(backend);
      if (ms === 100) same++;
      return ms;
    });
    expect(leaderOf(trial)).toBe("two-choices");
  }
  const share = 0.1 + 0.9 / 3;
  expect(Math.abs(same - runs * share)).toBeLessThan(spread(runs, share));
});

test("the learner leads again when it has become better", () => {
  const trial = new Trial("q-learning", [1, 1, 1]);
  punish(trial, 600);
  expect(leaderOf(trial)).toBe("two-choices");
  sharesOf(trial, 1500, ({ index }) => (index === 1 ? 10 : 40));
  expect(leaderOf(trial)).toBe("learner");
});

test("expects of a busier backend what it has seen, or else twice the time for twice the sessions", () => {
  const trial = new Trial("q-learning", [1]);
  const [a] = trial.backends;
  const expected = () =>
    [0, 1, 2, 3, 4, 8, 100].map(sessions => {
      a.sessions = sessions;
      const score = trial.strategy.score(a, 0);
      a.sessions = 0;
      return score;
    });
  trial.request(() => 10);
  expect(expected()).toEqual([10, 20, 40, 40, 80, 160, 160]);
  const early = trial.open();
  trial.request(() => 15);
  trial.answer(early, 15);
  const [idle, one, two] = expected();
  expect(idle).toBeCloseTo(11, 1);
  expect(one).toBeCloseTo(15, 5);
  expect(two).toBeCloseTo(30, 5);
});

test("silence makes it forget", () => {
  const trial = new Trial("q-learning", [1]);
  trial.request(() => 100);
  const [a] = trial.backends;
  trial.nowMs += 60_000;
  expect(trial.strategy.score(a, 0)).toBeCloseTo(100 / Math.E, 2);
  trial.nowMs += 120_000;
  expect(trial.strategy.score(a, 0)).toBeLessThan(5);
});

test("a slow first answer is not the learner's fault", () => {
  const trial = new Trial("q-learning", [1, 1, 1]);
  const known = new Set<Backend>();
  const answerMs = (one: Backend) => (known.size < known.add(one).size ? 10_000 : 20);
  for (const _ of times(600, () => 0)) {
    trial.request(answerMs);
    expect(leaderOf(trial)).toBe("learner");
  }
  expect(known.size).toBe(3);
});

test("learns what a backend bears: it does not heap all on the fastest", () => {
  // Each serves one after the other, b half as fast as a.
  const trial = new Trial("q-learning", [1, 1]);
  const under: { backend: Backend; askedMs: number; endMs: number }[] = [];
  const freeMs = [0, 0];
  const picked = times(5000, () => {
    trial.nowMs += 10; // a alone would be fully used, both have a third to spare
    const due = under.filter(({ endMs }) => endMs <= trial.nowMs).sort((x, y) => x.endMs - y.endMs);
    const thenMs = trial.nowMs;
    for (const one of due) {
      trial.nowMs = one.endMs;
      trial.answer(one.backend, one.endMs - one.askedMs);
      under.splice(under.indexOf(one), 1);
    }
    trial.nowMs = thenMs;
    const backend = trial.open();
    const { index } = backend;
    freeMs[index] = Math.max(freeMs[index], trial.nowMs) + 12 * (index + 1);
    under.push({ backend, askedMs: trial.nowMs, endMs: freeMs[index] });
    return backend;
  });
  const [a, b] = countsOf(picked, trial.backends);
  expect(a).toBeGreaterThan(b);
  expect(b).toBeGreaterThan(5000 * 0.167); // a can do 83 %
  expect(Math.max(...trial.backends.map(({ sessions }) => sessions))).toBeLessThan(10);
});

test("who has never answered gets one request at a time", () => {
  const trial = new Trial("q-learning", [1, 1, 1], 2);
  const [a, b, c] = trial.backends;
  times(3, () => trial.open());
  expect([a.sessions, b.sessions, c.sessions]).toEqual([1, 1, 1]);
});

test("answers that take no time do not hide who is busy", () => {
  const trial = new Trial("q-learning", [1, 1, 1]);
  sharesOf(trial, 300, () => 0);
  times(12, () => trial.open());
  for (const { sessions } of trial.backends) expect(sessions).toBeGreaterThan(1);
});

test("a day's silence makes it curious, not foolish", () => {
  const trial = new Trial("q-learning", [1, 1, 1]);
  sharesOf(trial, 500, ({ index }) => (index === 0 ? 10 : 40));
  trial.nowMs += 24 * 3600 * 1000;
  const shares = sharesOf(trial, 2000, ({ index }) => (index === 1 ? 10 : 40));
  expect(shares[1]).toBeGreaterThan(0.8);
});
