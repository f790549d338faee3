import { describe, expect, test } from "vitest";
import { type Event, formatLine } from "../../firmware/src/log/event.ts";
import { parseLine } from "../../firmware/tools/log-line.ts";
import { comparable, logOf, type Thread } from "./log-threads.ts";
import { aResult } from "./report/testing.ts";
import type { Moment, ScenarioResult } from "./run.ts";

const ENDED = {
  level: "I",
  on: "session",
  what: "end",
  id: 1,
  client: "10.0.0.7:50001",
  backend: "a",
  in: 12,
  out: 5,
  ms: 14,
  why: "keyword",
} as const;

const ASKED = {
  level: "I",
  on: "http",
  what: "request",
  id: 1,
  request: "a087-1",
  client: "10.0.0.7:50001",
  backend: "a",
  method: "GET",
  path: "/",
  status: 200,
  in: 50,
  out: 91,
  T: "1/0/12/4/16",
} as const;

function read(ms: number, event: Event): string {
  return comparable(parseLine(formatLine(ms, event))!);
}

function momentsOf(...events: readonly Event[]): Moment[] {
  return events.map((event, i) => ({ ms: 100 + i, source: "serial", text: formatLine(i, event) }));
}

describe("a line reads the same in each run", () => {
  test.each<[string, Event, Event]>([
    [
      "a session, at another time and from elsewhere",
      ENDED,
      { ...ENDED, id: 7, client: "192.168.1.20:41000", ms: 300 },
    ],
    [
      "a request, with its own id and timers",
      ASKED,
      { ...ASKED, id: 2, request: "ff-9", in: 61, T: "9/0/0/80/89" },
    ],
    [
      "a cut download, which may be cut anywhere",
      { ...ENDED, out: 812, why: "client-closed" },
      { ...ENDED, out: 1024, why: "client-closed" },
    ],
    [
      "an address in a text",
      { level: "W", on: "proxy", what: "accept-failed", error: "from 10.0.0.7:1" },
      { level: "W", on: "proxy", what: "accept-failed", error: "from 192.168.1.4:20" },
    ],
    [
      "another build",
      { level: "I", on: "boot", version: "0.1.0", build: "aa", heap: 90_000 },
      { level: "I", on: "boot", version: "0.2.0", build: "bb", heap: 80_000 },
    ],
    [
      "another network",
      { level: "I", on: "net", ip: "10.0.0.7", name: "hot-potato", by: "dhcp", rssi: -54 },
      { level: "I", on: "net", ip: "192.168.1.4", rssi: -71 },
    ],
  ])("%s", (_, a, b) => {
    expect(read(5, a)).toBe(read(800, b));
  });
});

describe("a line differs if the board did something else", () => {
  test.each<[string, Event, Event]>([
    ["another backend", ENDED, { ...ENDED, backend: "b" }],
    ["another ending", ENDED, { ...ENDED, why: "idle" }],
    ["a byte more in a stream that was whole", ENDED, { ...ENDED, out: 6 }],
    ["no byte at all", ASKED, { ...ASKED, out: 0 }],
    ["another status", ASKED, { ...ASKED, status: 502 }],
    ["it never came to a connection", ASKED, { ...ASKED, T: "1/0/-1/4/16" }],
    ["it is graver", { ...ENDED, level: "I" }, { ...ENDED, level: "W" }],
  ])("%s", (_, a, b) => {
    expect(read(5, a)).not.toBe(read(5, b));
  });
});

describe("threads", () => {
  const WHOLE = aResult({ atMs: 0, ms: 1000 });
  const threads = (moments: readonly Moment[]): Thread[] => logOf(moments)(WHOLE);

  const PICKED = { level: "I", on: "backend", what: "pick", picked: "a", by: "first" } as const;
  const pick = (id: number): Event => ({ ...PICKED, id, scores: "" });

  test("lines of one session are one thread, however they interleave with others", () => {
    const all = threads(
      momentsOf(
        pick(1),
        pick(2),
        { ...ENDED, id: 2, backend: "b", ms: 0 },
        { ...ENDED, id: 1, ms: 2 },
      ),
    );
    expect(all.map(({ name, lines }) => [name, lines.length])).toEqual([
      ["1", 2],
      ["2", 2],
    ]);
    expect(all[0].lines[1]).toContain("backend=a");
  });

  test("each backend and the board have threads of their own; lines that are no events are in none", () => {
    const all = threads([
      ...momentsOf(
        { level: "W", on: "backend", what: "down", name: "a" },
        { level: "I", on: "proxy", what: "stopped" },
        { level: "I", on: "backend", what: "up", name: "a" },
      ),
      { ms: 9, source: "serial", text: "Rebooting..." },
      { ms: 500, source: "tcp", text: formatLine(1, ENDED) },
    ]);
    expect(all.map(({ kind, name, lines }) => [kind, name, lines.length])).toEqual([
      ["backend", "a", 2],
      ["board", "", 1],
    ]);
  });

  test("a repeated line counts once: how often depends on timing", () => {
    const all = threads(momentsOf(ASKED, ASKED, ASKED, { ...ASKED, status: 502 }));
    expect(all.map(({ lines }) => lines.length)).toEqual([2]);
  });

  test("a session belongs to the scenario in which it began, even if its end is logged later", () => {
    const moments = [{ ...momentsOf(ENDED)[0], ms: 1010 }];
    const next = aResult({ atMs: 1005 });
    expect([logOf(moments)(WHOLE).length, logOf(moments)(next).length]).toEqual([1, 0]);
  });

  test("late lines of a scenario belong to it, although the next one has begun", () => {
    const ready = { level: "I", on: "proxy", what: "ready", ports: "80", backends: 2 } as const;
    const logged = (ms: number, boardMs: number, event: object): Moment => ({
      ...{ ms, source: "serial", text: formatLine(boardMs, event as Event) },
    });
    const moments = [
      logged(10, 1_000, { ...ready, sessionsMax: 12, queueMax: 4 }),
      logged(60, 1_040, { ...ASKED, id: 1 }),
      logged(130, 1_060, { ...ASKED, id: 2 }), // the serial line had other things to say
      logged(140, 1_100, { ...ready, sessionsMax: 12, queueMax: 4 }),
      logged(150, 1_120, { ...ASKED, id: 3 }),
      logged(160, 1_130, { ...ENDED, id: 4, ms: 80 }), // it began in the first
    ];
    const names = (result: ScenarioResult) =>
      logOf(moments)(result).flatMap(({ kind, name }) => (kind === "session" ? name : []));
    expect(names(aResult({ atMs: 0, ms: 100 }))).toEqual(["1", "4", "2"]);
    expect(names(aResult({ atMs: 101, ms: 100 }))).toEqual(["3"]);
  });

  test("lines before and after a scenario do not belong to it", () => {
    const moments = momentsOf({ level: "I", on: "proxy", what: "stopped" }, ENDED);
    expect(logOf(moments)(aResult({ atMs: 0, ms: 50 }))).toEqual([]);
    expect(logOf(moments)(aResult({ atMs: 150, ms: 50 }))).toEqual([]);
  });

  test("session 1 after a start is not session 1 before it, whether that has ended or not", () => {
    const all = threads(
      momentsOf(ASKED, { level: "I", on: "boot", version: "0.1.0" }, ENDED, ASKED),
    );
    expect(all.filter(({ kind }) => kind === "session").length).toBe(3);
  });
});
