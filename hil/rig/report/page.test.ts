import { describe, expect, test } from "vitest";
import type { Moment } from "../run.ts";
import { MOMENTS_MAX, POINTS_MAX, RESULTS_MAX } from "./excerpt.ts";
import { page } from "./page.ts";
import { aResult, aRun } from "./testing.ts";

/** The text of a page, without scripts and styles. */
function textOf(html: string): string {
  return html
    .replace(/<(script|style)\b[^>]*>.*?<\/\1>/gs, "")
    .replace(/<[^>]*>/g, "")
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function serial(ms: number, text: string): Moment {
  return { ms, source: "serial", text };
}

/** Numbers of the lines that the page shows. */
function linesIn(html: string): Set<number> {
  return new Set([...html.matchAll(/line (\d+)</g)].map(([, number]) => Number(number)));
}

describe("the page of a run", () => {
  test("the board's output stays text: no markup, no script, no end of a script", () => {
    const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>'"&<!--`;
    const html = page(
      aRun({
        board: {
          kind: "serial",
          identity: evil,
          path: evil,
          adapter: evil,
          address: evil,
          firmware: evil,
        },
        commit: evil,
        platform: evil,
        results: [
          aResult({
            theme: evil,
            title: evil,
            verdict: "failed",
            why: `${evil}\n${evil}`,
            incidents: [
              { kind: "panic", blame: "firmware", text: evil, lines: [evil, evil], ms: 1 },
            ],
            sessions: { [evil]: 1 },
          }),
        ],
        measurements: [{ name: evil, unit: evil, value: 1, max: 0 }],
        series: [{ name: evil, unit: evil, points: [[0, 1]] }],
        moments: [serial(1, evil)],
      }),
    );
    const plain = page(aRun({ series: [{ name: "heap", unit: "B", points: [[0, 1]] }] }));
    const tags = (text: string) => text.match(/<script\b/g)?.length;
    expect(tags(html)).toBe(tags(plain));
    expect(html).not.toContain("<img");
    expect(textOf(html)).toContain(evil.replace("'", "&#39;"));
  });

  test("a dump is shown once, and skipped scenarios are folded with their reasons", () => {
    const panic = { kind: "panic", blame: "firmware", text: "Core 0", ms: 1 } as const;
    const html = page(
      aRun({
        results: [
          aResult({
            verdict: "failed",
            why: "panic: Core 0\nBacktrace: 0x1",
            incidents: [{ ...panic, lines: ["Backtrace: 0x1"] }],
          }),
          aResult({ title: "rain", verdict: "skipped", ms: 1, why: "no weather" }),
        ],
      }),
    );
    const scenarios = html.slice(html.indexOf('id="scenarios-title"'));
    expect(scenarios.split("</section>")[0].match(/<pre>/g)).toHaveLength(1);
    expect(textOf(html)).toMatch(/1 skipped.*rain.*no weather.*–/s);
  });

  test("it fetches nothing, and only its own scripts run", () => {
    const html = page(aRun());
    expect(html).not.toMatch(/(?:src|href)="(?!#|data:)/);
    expect(html).toMatch(/content="default-src &#39;none&#39;; [^"]*script-src &#39;sha256-/);
  });

  test("a figure beyond its limits, or missing, is marked in words", () => {
    const text = textOf(
      page(
        aRun({
          exitCode: 1,
          measurements: [
            { name: "boot", unit: "ms", value: 412, max: 500 },
            { name: "connect p95", unit: "ms", value: 38.2, min: 1, max: 25 },
            { name: "heap floor", unit: "B", value: null },
          ],
        }),
      ),
    );
    expect(text).toContain("✓ yesboot412 msat most 500 ms");
    expect(text).toContain("✗ noconnect p9538.2 msat least 1 ms, at most 25 ms");
    expect(text).toContain("✗ noheap floornot measurednone");
  });

  test("failed scenarios stand before passed ones", () => {
    const [good, bad] = [aResult({ title: "good" }), aResult({ title: "bad", verdict: "failed" })];
    const text = textOf(page(aRun({ exitCode: 1, results: [good, bad] })));
    expect(text.indexOf("sharing: bad")).toBeLessThan(text.indexOf("sharing: good"));
    expect(text).toContain("1 passed");
  });

  test("the timeline has serial, TCP, rig and incidents in order of time", () => {
    const incident = { kind: "panic", blame: "firmware", text: "LoadProhibited", ms: 30 } as const;
    const html = page(
      aRun({
        exitCode: 1,
        results: [aResult({ atMs: 5, verdict: "failed", incidents: [{ ...incident, lines: [] }] })],
        moments: [
          { ms: 10, source: "rig", text: "reset" },
          { ms: 20, source: "tcp", text: "client 1 connects" },
          serial(30, "Guru Meditation Error"),
          serial(40, "Rebooting..."),
        ],
      }),
    );
    const list = textOf(html.slice(html.indexOf("<ol")));
    expect(list.trim().split("\n")).toEqual([
      "0:00.005 ✗ failed sharing: each backend has its turn",
      "0:00.010 rig reset",
      "0:00.020 tcp client 1 connects",
      "0:00.030 serial Guru Meditation Error",
      "0:00.030 panic LoadProhibited fault of the firmware",
      "0:00.040 serial Rebooting...",
    ]);
  });

  test("the counts by backend stand beside their scenario", () => {
    const text = textOf(
      page(aRun({ results: [aResult({ title: "turns", sessions: { b: 49, a: 51 } })] })),
    );
    expect(text).toContain("sharing: turns a 51, b 49");
    expect(text).not.toContain("What each backend served");
  });

  test("a failed scenario links to its panic, a passed one to its beginning", () => {
    const panic = { kind: "panic", blame: "firmware", text: "Core 0", ms: 30, lines: [] } as const;
    const html = page(
      aRun({
        results: [
          aResult({ title: "good" }),
          aResult({ title: "bad", verdict: "failed", incidents: [panic] }),
        ],
      }),
    );
    expect(html).toMatch(/<a href="#i0">bad<\/a>/);
    expect(html).toMatch(/<strong><a href="#i0">panic<\/a>/);
    expect(html).toMatch(/<li class="incident" data-source="incident" id="i0"/);
    expect(html).toMatch(/<a href="#s0">good<\/a>/);
  });
});

describe("a run of hours", () => {
  const lines = Array.from({ length: 5 * MOMENTS_MAX }, (_, ms) => serial(ms, `line ${ms}`));

  test("has a page of bounded size, which says what it leaves out and where that is", () => {
    const html = page(aRun({ moments: lines }));
    expect(linesIn(html).size).toBe(MOMENTS_MAX);
    expect(textOf(html)).toContain(
      "0:00.000 40,000 moments up to 0:39.999 are left out here: they are in run.json",
    );
  });

  test("keeps the lines before each failure and around each incident, however early", () => {
    const incident = { kind: "reset", blame: "rig", text: "x", lines: [], ms: 40_000 } as const;
    const html = page(
      aRun({
        exitCode: 1,
        moments: lines,
        results: [
          aResult({ verdict: "failed", atMs: 1000, ms: 500 }),
          aResult({ title: "long", verdict: "rig-error", atMs: 2000, ms: 30_000 }),
          aResult({ title: "later", atMs: 39_000, incidents: [incident] }),
        ],
      }),
    );
    const kept = linesIn(html);
    expect([1000, 1500, 31_000, 32_000, 39_950, 40_050].filter(ms => !kept.has(ms))).toEqual([]);
    expect([999, 2000].filter(ms => kept.has(ms))).toEqual([]);
  });

  test("keeps failed scenarios, and says how many others are left out", () => {
    const results = Array.from({ length: RESULTS_MAX + 50 }, (_, i) =>
      aResult({ title: `round ${i}`, verdict: i === 7 ? "failed" : "passed" }),
    );
    const html = page(aRun({ exitCode: 1, results }));
    expect(html).toMatch(/<a href="#s7">round 7</);
    expect(html).not.toContain('<a href="#s6">');
    expect(textOf(html)).toContain("50 scenarios are left out here: they are in run.json");
  });

  test("drops points of charts, but no peak", () => {
    const points = Array.from(
      { length: 50_000 },
      (_, ms) => [ms, ms === 31_234 ? 999 : 5] as const,
    );
    const html = page(aRun({ series: [{ name: "latency", unit: "ms", points }] }));
    const [, json] = /id="chart-data">(.*?)<\/script>/s.exec(html)!;
    const [{ points: drawn }] = JSON.parse(json).series;
    expect(drawn.length).toBe(POINTS_MAX);
    expect(drawn).toContainEqual([31_234, 999]);
  });
});
