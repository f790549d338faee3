import { expect, test } from "vitest";
import { EXPERIMENTS, type Experiment } from "./experiments.ts";
import { page } from "./page.ts";
import { play, STRATEGY_NAMES } from "./play.ts";
import { conclusion, percentile, type StrategySummary, summarize, table } from "./summary.ts";

const short = (name: string): Experiment => ({ ...EXPERIMENTS[name], durationMs: 15_000 });

async function summary(
  experiment: Experiment,
  strategy: (typeof STRATEGY_NAMES)[number],
): Promise<StrategySummary> {
  return summarize(experiment, await play(experiment, strategy, 1));
}

test("one slow backend: ewma and two choices are clearly ahead of round robin", async () => {
  const experiment = short("one-slow");
  const usual = await summary(experiment, "round-robin");
  const ewma = await summary(experiment, "ewma");
  const choices = await summary(experiment, "two-choices");
  expect(usual.shares.map(share => Math.round(share * 100))).toEqual([33, 33, 33]);
  expect(usual.p99 / ewma.p99).toBeGreaterThan(3);
  expect(usual.p99 / choices.p99).toBeGreaterThan(1.2);
  expect(ewma.shares[0]).toBeLessThan(0.05);
  expect([usual, ewma, choices].map(({ errors }) => errors)).toEqual([0, 0, 0]);
});

test("no client loses an answer when a backend dies, with any strategy", async () => {
  const experiment: Experiment = {
    ...EXPERIMENTS["one-dies"],
    durationMs: 12_000,
    events: [{ atMs: 4000, backend: "c", what: "dies" }],
  };
  for (const strategy of STRATEGY_NAMES) {
    const { samples } = await play(experiment, strategy, 2);
    expect(samples.filter(({ status }) => status !== 200)).toEqual([]);
    const late = samples.filter(({ sentMs }) => sentMs > 4000).map(({ backend }) => backend);
    expect(late).not.toContain("c");
  }
});

test("the same seed gives the same results, another one different results", async () => {
  const experiment: Experiment = { ...EXPERIMENTS.bursts, durationMs: 3000 };
  const [once, again, other] = [
    await play(experiment, "two-choices", 7),
    await play(experiment, "two-choices", 7),
    await play(experiment, "two-choices", 8),
  ];
  expect(again).toEqual(once);
  expect(other).not.toEqual(once);
});

test("the 99th percentile is the smallest that 99 of 100 do not exceed", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  expect([percentile(hundred, 0.5), percentile(hundred, 0.99)]).toEqual([50, 99]);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

test("table, conclusion and page have every strategy, and the page fetches nothing", async () => {
  const experiment: Experiment = { ...EXPERIMENTS.bursts, durationMs: 2000 };
  const plays = [await play(experiment, "round-robin", 1), await play(experiment, "ewma", 1)];
  const summaries = plays.map(one => summarize(experiment, one));
  expect(table(experiment, summaries).split("\n").length).toBe(3);
  expect(conclusion(summaries)).toMatch(/[.]$/);
  const text = page([{ name: "bursts", experiment, seed: 1, plays, summaries }]);
  expect(text).toContain("<th>ewma</th>");
  expect(text).not.toMatch(/(src|href)=|@import|url\(http/);
});
