import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { diffRuns, firstDifference, runDiff } from "./diff.ts";
import { aResult, aRun } from "./report/testing.ts";
import type { Moment, Run } from "./run.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Runs as files, compared by the command. */
function compare(...runs: readonly Run[]): { code: number; text: string } {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-diff-"));
  folders.push(folder);
  const files = runs.map((run, i) => {
    const file = join(folder, `${i}.json`);
    writeFileSync(file, JSON.stringify(run));
    return file;
  });
  return command(files);
}

function command(args: readonly string[]): { code: number; text: string } {
  let text = "";
  const code = runDiff(args, { write: piece => (text += piece), columns: 100 });
  return { code, text };
}

function session(id: number, backend: string, why = "keyword"): string {
  return `I (${id}) session: end id=${id} client=10.0.0.7:5000${id} backend=${backend} in=3 out=3 ms=0 why=${why}`;
}

function momentsOf(...lines: readonly string[]): Moment[] {
  return lines.map((text, i) => ({ ms: i * 10, source: "serial", text }));
}

describe("two runs are the same", () => {
  test("if only times, ids, addresses and the order of sessions differ", () => {
    const a = aRun({ moments: momentsOf(session(1, "a"), session(2, "b")) });
    const b = aRun({
      startedAt: "2026-02-02T00:00:00.000Z",
      moments: momentsOf(session(5, "b"), session(6, "a")).map(line => ({
        ...line,
        ms: line.ms * 3,
      })),
    });
    const { code, text } = compare(a, b);
    expect(text).toContain("Every scenario that both played came out the same.");
    expect(code).toBe(0);
  });

  test("if one has more sessions of a kind that both have", () => {
    const a = aRun({ moments: momentsOf(session(1, "a"), session(2, "a"), session(3, "b")) });
    const b = aRun({ moments: momentsOf(session(1, "a"), session(2, "b"), session(3, "b")) });
    expect(firstDifference(a, b)).toBe(undefined);
  });

  test("if figures differ but keep their limits in both; the ratio is shown", () => {
    const boot = { name: "boot", unit: "ms", max: 5000 };
    const a = aRun({ measurements: [{ ...boot, value: 400 }] });
    const b = aRun({ measurements: [{ ...boot, value: 2400 }] });
    const { code, text } = compare(a, b);
    expect(text).toMatch(/boot +400 ms +2400 ms +× 6/);
    expect(code).toBe(0);
  });

  test("if one board cannot play a scenario, provided that both played another one", () => {
    const skipped = aResult({ title: "rain", verdict: "skipped", why: "no weather" });
    const a = aRun({ results: [aResult(), aResult({ title: "rain" })] });
    expect(compare(a, aRun({ results: [aResult(), skipped] })).code).toBe(0);
    expect(compare(aRun({ results: [skipped] }), aRun({ results: [skipped] })).code).toBe(1);
  });
});

test("noise on the line that broke nothing is no difference", () => {
  const noise = { kind: "noise", blame: "rig", text: "x", lines: [], ms: 1 } as const;
  expect(firstDifference(aRun(), aRun({ results: [aResult({ incidents: [noise] })] }))).toBe(
    undefined,
  );
});

describe("two runs differ", () => {
  test("in the end of a session, which is shown side by side with the lines around it", () => {
    const picks = (id: number) =>
      [..."abababab"].map(name => `I (9) backend: pick id=${id} picked=${name} by=ewma scores=""`);
    const a = aRun({ moments: momentsOf(...picks(1), session(1, "a")) });
    const b = aRun({ moments: momentsOf(...picks(4), session(4, "a", "idle")) });
    const { code, text } = compare(a, b);
    expect(code).toBe(1);
    const lines = text.split("\n");
    const first = lines.indexOf("First difference: sharing: each backend has its turn");
    expect(lines.slice(first + 1, first + 8).map(line => line.replace(/ +/g, " "))).toEqual([
      " session 1 │ session 4",
      " …",
      " I backend: pick picked=b by=ewma │ I backend: pick picked=b by=ewma",
      " I backend: pick picked=a by=ewma │ I backend: pick picked=a by=ewma",
      " I backend: pick picked=b by=ewma │ I backend: pick picked=b by=ewma",
      "≠ I session: end backend=a in=3 out=3 why=keyword │ I session: end backend=a in>0 out>0 why=idle",
      "",
    ]);
  });

  test("the earliest difference comes first", () => {
    const [one, two] = [aResult({ title: "one" }), aResult({ title: "two", atMs: 2000 })];
    const log = (...backends: readonly string[]) =>
      backends.map((backend, i) => ({ ...momentsOf(session(i + 1, backend))[0], ms: i * 1000 }));
    const a = aRun({ results: [one, two], moments: log("a", "b", "a") });
    const b = aRun({ results: [one, two], moments: log("a", "c", "b") });
    expect(firstDifference(a, b)?.threads[0]).toMatchObject({
      a: { name: "2", lines: [expect.stringContaining("backend=b")] },
      b: { name: "2", lines: [expect.stringContaining("backend=c")] },
      line: 0,
    });
    const text = diffRuns(a, b);
    expect(text.indexOf("First difference: sharing: one")).toBeGreaterThan(0);
    expect(text.indexOf("Then: sharing: two")).toBeGreaterThan(text.indexOf("sharing: one"));
  });

  test("also within a scenario the earliest difference comes first, not the earliest thread", () => {
    const [start, stop] = ["I (1) proxy: ready backends=2", "I (9) proxy: stopped"];
    const a = aRun({ moments: momentsOf(start, session(1, "a"), stop) });
    const b = aRun({ moments: momentsOf(start, session(1, "b"), start) });
    expect(firstDifference(a, b)?.threads.map(thread => thread.a?.kind)).toEqual([
      "session",
      "board",
    ]);
  });

  test("in an ending that only one of them had", () => {
    const a = aRun({ moments: momentsOf(session(1, "a")) });
    const idle = [2, 3].map(id => session(id, "a", "idle"));
    const b = aRun({ moments: momentsOf(session(1, "a"), ...idle) });
    expect(firstDifference(a, b)?.threads).toMatchObject([{ a: undefined, b: { name: "2" } }]);
    expect(compare(a, b).text).toContain("(no such thread)");
  });

  test("in verdicts and incidents", () => {
    const panic = { kind: "panic", blame: "firmware", text: "x", lines: [], ms: 1 } as const;
    const b = aRun({
      exitCode: 1,
      results: [aResult({ verdict: "failed", why: "it panicked\nmore", incidents: [panic] })],
    });
    const { code, text } = compare(aRun(), b);
    expect(code).toBe(1);
    expect(text).toContain(
      "  A: passed\n  B: failed (it panicked)\n  incidents: A none; B panic\n",
    );
    expect(text).toContain("≠ ✓ ✗  sharing: each backend has its turn");
  });

  test("in a scenario that only one of them played, which is counted and listed last", () => {
    const a = aRun({ results: [aResult({ title: "another" }), aResult()] });
    const { code, text } = compare(a, aRun({ results: [aResult({ verdict: "failed" })] }));
    expect(code).toBe(1);
    expect(text).toContain("First difference: sharing: each backend has its turn");
    expect(text).toContain("Only A played 1 scenario.\n");
    expect(compare(a, aRun()).code).toBe(1);
  });

  test("in a figure that is within its limits in only one of them", () => {
    const boot = { name: "boot", unit: "ms", max: 1000 };
    const a = aRun({ measurements: [{ ...boot, value: 400 }] });
    const { code, text } = compare(a, aRun({ measurements: [{ ...boot, value: null }] }));
    expect(code).toBe(1);
    expect(text).toMatch(/≠ +boot +400 ms +not measured \(beyond its limits\)/);
  });
});

describe("the command", () => {
  test("accepts the folder of a report, too", () => {
    const folder = mkdtempSync(join(tmpdir(), "hot-potato-diff-"));
    folders.push(folder);
    mkdirSync(join(folder, "report"));
    writeFileSync(join(folder, "report", "run.json"), JSON.stringify(aRun()));
    const path = join(folder, "report");
    expect(command([path, path]).code).toBe(0);
  });

  test.each([
    [["one"], /wanted two recorded runs, got 1/],
    [["no-such-file", "b"], /no-such-file: is not there/],
    [["package-lock.json", "b"], /package-lock.json: format is undefined, wanted 1/],
    [["README.md", "b"], /README.md: is no JSON/],
  ])("refuses %j with code 2 and a word", (args, complaint) => {
    const { code, text } = command(args);
    expect(code).toBe(2);
    expect(text).toMatch(complaint);
    expect(text).toContain("npm run hil -- diff A B");
  });
});
