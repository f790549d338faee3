import { PassThrough } from "node:stream";
import { WriteStream } from "node:tty";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Progress } from "./progress.ts";
import { aResult, aRun } from "./report/testing.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv("FORCE_COLOR", undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** A terminal with colours, wherever the tests run. */
const TERMINAL = { TERM: "xterm-256color" };

/** An output, and all that was written. */
function place({ isTTY = false, columns = 60, env = TERMINAL as object } = {}) {
  const getColorDepth = () => WriteStream.prototype.getColorDepth(env);
  const out = Object.assign(new PassThrough(), isTTY ? { isTTY, columns, getColorDepth } : {});
  const written = () => out.read()?.toString() ?? "";
  return { out, written };
}

/** The final content of a terminal one line high: an erased line is gone. */
function screen(text: string): string[] {
  return text
    .split("\n")
    .map(line => line.slice(line.lastIndexOf("\x1b[2K") + 1).replace("[2K", ""));
}

const FAILED = aResult({
  title: "one of two",
  verdict: "failed",
  ms: 20,
  why: "no answer\nlast lines",
});

describe("without a terminal", () => {
  test("a plain line for each scenario, with the first line of the reason", () => {
    const { out, written } = place();
    const progress = new Progress(out);
    progress.plan(2, "emulated");
    progress.begin("each backend has its turn");
    progress.line("I (1) boot: version=1");
    vi.advanceTimersByTime(60_000);
    progress.result(aResult());
    progress.result(FAILED);
    expect(written()).toBe(
      "2 scenarios on emulated\n✓ each backend has its turn  1.0 s\n✗ one of two  20 ms  (no answer)\n",
    );
  });

  test("the incident that broke a scenario comes before harmless ones", () => {
    const { out, written } = place();
    const incidents = (["lost-reply", "silence"] as const).map(kind => ({
      ...{ kind, blame: "firmware" as const, text: kind, lines: [], ms: 1 },
    }));
    new Progress(out).result({ ...FAILED, incidents });
    expect(written()).toBe("✗ one of two  20 ms  (silence: no answer)\n");
  });

  test("a long soak prints its progress twenty times", () => {
    const { out, written } = place();
    const progress = new Progress(out);
    for (let ms = 0; ms <= 1000; ms++) progress.soak(ms * 28_800, 28_800_000, "all well");
    const lines = written().trim().split("\n");
    expect(lines.length).toBe(21);
    expect(lines[5]).toBe("soak: 25 %, 2 h 0 min of 8 h 0 min: all well");
  });
});

test("a soak prints the first pass of a scenario and each failure", () => {
  const { out, written } = place();
  const progress = new Progress(out);
  progress.plan(1, "emulated", 28_800_000);
  progress.result(aResult());
  progress.soak(1, 28_800_000, "all well");
  written();
  progress.result(aResult());
  expect(written()).toBe("");
  progress.result({ ...FAILED, title: aResult().title });
  expect(written()).toBe("✗ each backend has its turn  20 ms  (no answer)\n");
});

test("a scenario that was not played has no duration", () => {
  const { out, written } = place();
  new Progress(out).result(aResult({ verdict: "skipped", ms: 1, why: "no weather" }));
  expect(written()).toBe("- each backend has its turn  (no weather)\n");
});

test("an incident comes before the error of the scenario", () => {
  const { out, written } = place();
  const noise = { kind: "noise", blame: "rig", text: "x", lines: [], ms: 1 } as const;
  new Progress(out).result(
    aResult({ verdict: "flaky", why: "Error: it did not end\n at", incidents: [noise] }),
  );
  expect(written()).toBe("~ each backend has its turn  1.0 s  (noise: it did not end)\n");
});

describe("on a terminal", () => {
  test("the last line has the counts, the time and the scenario; results stand above it", () => {
    const { out, written } = place({ isTTY: true, columns: 80 });
    const progress = new Progress(out);
    progress.plan(3, "emulated");
    progress.begin("one of two");
    progress.result(FAILED);
    progress.begin("each backend has its turn");
    vi.advanceTimersByTime(3400);
    const shown = screen(written());
    expect(shown[1]).toContain("one of two");
    expect(shown[2]).toBe("▸ 1/3 · 0 passed · 1 failed · 3.3 s · each backend has its turn");
  });

  test("the last line never wraps, because a wrapped line cannot be erased", () => {
    const { out, written } = place({ isTTY: true, columns: 40 });
    const progress = new Progress(out);
    progress.begin("a title that is much longer than the terminal is wide");
    expect(written().length).toBeLessThan(40);
  });

  test("a soak has a bar", () => {
    const { out, written } = place({ isTTY: true, columns: 80 });
    new Progress(out).soak(7_200_000, 28_800_000, "all well");
    expect(written()).toMatch(/^█{6}░{18} 25 %, 2 h 0 min of 8 h 0 min: all well/);
  });

  test("nothing is drawn after the end", () => {
    const { out, written } = place({ isTTY: true });
    const progress = new Progress(out);
    progress.begin("each backend has its turn");
    progress.end(aRun());
    const text = written();
    vi.advanceTimersByTime(10_000);
    expect(written()).toBe("");
    expect(screen(text).at(-1)).toBe("");
    expect(screen(text)[0]).toBe("");
  });

  test("there are colours, unless NO_COLOR is set", () => {
    const coloured = place({ isTTY: true });
    new Progress(coloured.out).result(FAILED);
    expect(coloured.written()).toContain("\x1b[31m✗");
    const plain = place({ isTTY: true, env: { ...TERMINAL, NO_COLOR: "1" } });
    new Progress(plain.out).result(FAILED);
    expect(plain.written()).toBe("✗ one of two  20 ms  (no answer)\n");
  });
});

test("--verbose prints the board's lines without control characters", () => {
  const { out, written } = place();
  new Progress(out, { verbose: true }).line("\x1b[2J hello");
  expect(written()).toBe("    ␛[2J hello\n");
});

test("the end has the verdict, broken limits, advice, the exit code, and the path of the report", () => {
  const { out, written } = place();
  new Progress(out).end(
    aRun({
      exitCode: 1,
      results: [aResult(), FAILED],
      measurements: [{ name: "heap floor", unit: "B", value: null, min: 40_000 }],
    }),
    "reports",
  );
  expect(written()).toBe(`
✗ The firmware failed: 1 of 2 scenarios passed
  1 scenario failed because of the firmware: “one of two”.
  heap floor: not measured, at least 40,000 B.
  What to do:
  - Play it alone: npm run hil -- --board emulated --scenario "one of two" --verbose
  Exit code 1: the firmware failed.
  Report: reports/report.html (beside it junit.xml, run.json, serial.log)
`);
});
