import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { parseLine } from "../../tools/log-line.ts";
import { type Event, formatLine } from "./event.ts";
import { DROPPED_LINE, REQUEST_LINE, SESSION_LINE } from "./line-format.ts";
import { BOARD_BYTES, type EventKind, Log, REQUESTS_BYTES } from "./log.ts";

const DOWN: Event = { level: "W", on: "backend", what: "down", name: "a", check: "L4CON" };

/** A log at a time that the test sets. */
function newLog() {
  const clock = { ms: 0, now: () => clock.ms };
  const log = new Log({ clock });
  return { log, clock };
}

/** An event of a request, whose line has this many bytes more than its shortest. */
const failed = (id: number, bytes = 0): Event => ({
  ...{ level: "W", on: "backend", what: "connect-failed", id, why: "refused" },
  name: "x".repeat(bytes + 1),
});

const kept = (log: Log, kind?: EventKind) => [...log.last(10_000, kind)];

const idOf = (line: string) => Number(parseLine(line)!.values.id);

/** All lines that wait, as the serial port gets them, in pieces of `pieceBytes`. */
function readAll(log: Log, pieceBytes = 100): string[] {
  const bytes = new ArrayBuffer(pieceBytes);
  let text = "";
  for (;;) {
    const count = log.read(bytes, 0, pieceBytes, false);
    if (count === 0) return text.split("\r\n").slice(0, -1);
    text += Buffer.from(bytes, 0, count).toString("latin1");
  }
}

describe("the last lines", () => {
  test("events of the board are kept through any number of requests", () => {
    const { log } = newLog();
    log.report(DOWN);
    for (let id = 1; id <= 10_000; id++) log.report(failed(id));
    expect(kept(log, "board")).toEqual([formatLine(0, DOWN)]);
    expect(kept(log)).toContain(formatLine(0, DOWN));
    expect(kept(log, "requests").at(-1)).toBe(formatLine(0, failed(10_000)));
    expect(kept(log, "requests")).not.toContain(formatLine(0, DOWN));
  });

  test.each<[string, Event, EventKind]>([
    ["a failed connect", failed(1), "requests"],
    [
      "a connection that could not be accepted",
      { level: "W", on: "proxy", what: "accept-failed", error: "x" },
      "requests",
    ],
    [
      "a refused change",
      { level: "W", on: "admin", what: "refused", client: "x", request: "PUT /", status: 401 },
      "requests",
    ],
    [
      "a bug in a session",
      { level: "E", on: "session", what: "exception", id: 1, error: "x" },
      "board",
    ],
    ["the network's address", { level: "I", on: "net", ip: "10.0.0.1" }, "board"],
    ["low memory", { level: "W", on: "proxy", what: "memory-low", free: 1 }, "board"],
    ["a configuration", { level: "I", on: "config", what: "saved" }, "board"],
    ["an operator's drain", { level: "I", on: "backend", what: "drain", name: "a" }, "board"],
  ])("%s is of its kind", (_, event, kind) => {
    const { log } = newLog();
    log.report(event);
    const other = kind === "board" ? "requests" : "board";
    expect([kept(log, kind), kept(log, other)]).toEqual([[formatLine(0, event)], []]);
  });

  test("both kinds together are in their order, the last of each, and within their bytes", () => {
    const adds = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 150 })), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(adds, fc.integer({ min: 1, max: 80 }), (adds, count) => {
        const { log } = newLog();
        const all = adds.map(([isBoard, bytes], id): [EventKind, string] => {
          const event: Event = isBoard
            ? { ...{ level: "E", on: "session", what: "exception", id }, error: "x".repeat(bytes) }
            : failed(id, bytes);
          log.report(event);
          return [isBoard ? "board" : "requests", formatLine(0, event)];
        });
        for (const [kind, bytesMax] of [
          ["board", BOARD_BYTES],
          ["requests", REQUESTS_BYTES],
        ] as const) {
          const lines = kept(log, kind);
          const ofKind = all.filter(([of]) => of === kind).map(([, line]) => line);
          expect(lines).toEqual(ofKind.slice(ofKind.length - lines.length));
          const bytes = lines.reduce((sum, { length }) => sum + length + 8, 0);
          expect(bytes).toBeLessThanOrEqual(bytesMax);
          if (lines.length < ofKind.length) {
            const oldest = ofKind.at(-lines.length - 1)!;
            const roundedUp = 3 * (lines.length + 2);
            expect(bytes + oldest.length + 8 + roundedUp).toBeGreaterThan(bytesMax);
          }
        }
        const ids = kept(log).map(idOf);
        expect(ids).toEqual(ids.toSorted((a, b) => a - b));
        expect([...log.last(count)]).toEqual(kept(log).slice(-count));
      }),
    );
  });

  test("lines that are overwritten during an iteration are skipped, and new ones are not included", () => {
    const { log } = newLog();
    for (let id = 1; id <= 5; id++) log.report(failed(id));
    const taken: number[] = [];
    for (const line of log.last(5)) {
      taken.push(idOf(line));
      if (taken.length === 2) for (let id = 6; id < 1000; id++) log.report(failed(id));
    }
    expect(taken).toEqual([1, 2]);
  });
});

describe("the reader for the serial port", () => {
  test("gets each line whole, with its end, in their order, however little room there is", () => {
    const lines = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 40 })), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 150 }), (adds, room) => {
        const { log } = newLog();
        const expected = adds.map(([isBoard, bytes], id) => {
          const event = isBoard ? DOWN : failed(id, bytes);
          log.report(event);
          return formatLine(0, event);
        });
        expect(readAll(log, room)).toEqual(expected);
        expect(log.isMidLine).toBe(false);
      }),
    );
  });

  test("gets one line at a time, if it wants to", () => {
    const { log } = newLog();
    for (let i = 0; i < 2; i++) log.report(DOWN);
    const { length } = formatLine(0, DOWN);
    const into = new ArrayBuffer(200);
    expect([log.read(into, 0, 200), log.isMidLine]).toEqual([length + 2, false]);
    expect([log.read(into, 0, 200), log.isMidLine]).toEqual([length + 2, false]);
    expect(log.read(into, 0, 200)).toBe(0);
  });

  test("says when it stands within a line", () => {
    const { log } = newLog();
    log.report(DOWN);
    const { length } = formatLine(0, DOWN);
    const into = new ArrayBuffer(200);
    expect([log.read(into, 0, 5), log.isMidLine]).toEqual([5, true]);
    expect([log.read(into, 5, length - 5), log.isMidLine]).toEqual([length - 5, true]);
    expect([log.read(into, length, 1), log.isMidLine]).toEqual([1, true]);
    expect([log.read(into, length + 1, 9), log.isMidLine]).toEqual([1, false]);
    expect([log.read(into, 0, 9), log.isMidLine]).toEqual([0, false]);
    expect(Buffer.from(into, 0, length + 2).toString()).toBe(`${formatLine(0, DOWN)}\r\n`);
  });

  test("is called when a line was added", () => {
    const { log } = newLog();
    let calls = 0;
    log.onLine = () => calls++;
    log.report(DOWN);
    log.added();
    expect(calls).toBe(2);
  });

  test("what is overwritten before it was read is counted, and a line says how many, in time", () => {
    const { log, clock } = newLog();
    for (let id = 0; id < 500; id++) log.report(failed(id));
    for (let i = 0; i < 100; i++) log.report(DOWN);
    const { requests, board } = log.dropped;
    expect([500 - requests, 100 - board]).toEqual([
      kept(log, "requests").length,
      kept(log, "board").length,
    ]);
    clock.ms = 5_000;
    const read = readAll(log);
    expect(read[0]).toBe(`W (5000) log: dropped requests=${requests} board=${board}`);
    expect(read.slice(1)).toEqual(kept(log));
  });

  test("more dropped lines within a second are counted in a line of the next one, or when all others were read", () => {
    const { log, clock } = newLog();
    const countsIn = (lines: readonly string[]) =>
      lines.flatMap(line => {
        const { on, values } = parseLine(line)!;
        return on === "log" ? Number(values.requests) : [];
      });
    const burst = () => {
      for (let id = 0; id < 300; id++) log.report(failed(id));
    };
    clock.ms = 2_000;
    burst();
    const one = new ArrayBuffer(300);
    const line = (): string => Buffer.from(one, 0, log.read(one, 0, 300)).toString();
    const first = log.dropped.requests;
    expect(line()).toContain(`requests=${first} `);
    clock.ms = 2_900;
    burst();
    const second = log.dropped.requests;
    expect(line()).toContain("connect-failed");
    clock.ms = 3_000;
    expect(line()).toContain(`requests=${second - first} `);
    burst();
    const rest = readAll(log);
    expect(rest.at(-1)).toBe(
      `W (3000) log: dropped requests=${log.dropped.requests - second} board=0`,
    );
    expect(countsIn(rest).length).toBe(1);
  });

  test("no line that it has begun is torn: a new one is dropped instead", () => {
    const { log } = newLog();
    log.report(failed(0));
    const bytes = new ArrayBuffer(10);
    log.read(bytes, 0, 10);
    for (let id = 1; id < 1000; id++) log.report(failed(id));
    const begun = Buffer.from(bytes).toString() + readAll(log).join("\r\n");
    const lines = begun.split("\r\n");
    expect(lines[0]).toBe(formatLine(0, failed(0)));
    expect(lines[1]).toMatch(/ log: dropped requests=\d+ board=0$/);
    lines.splice(1, 1);
    const ids = lines.map(idOf);
    expect(ids).toEqual(ids.map((_, i) => i)); // the first that had room
    expect(log.dropped).toEqual({ requests: 1000 - ids.length, board: 0 });
    log.report(failed(1000));
    expect(readAll(log)).toEqual([formatLine(0, failed(1000))]);
  });

  test("every line is sent, dropped or waits", () => {
    const steps = fc.array(fc.tuple(fc.nat(60), fc.nat(2_000), fc.nat(400)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, steps => {
        const { log, clock } = newLog();
        const into = new ArrayBuffer(400);
        let added = 0;
        let text = "";
        for (const [lines, room, ms] of steps) {
          clock.ms += ms;
          for (let i = 0; i < lines; i++) log.report(added++ % 5 === 0 ? DOWN : failed(added));
          for (let left = room; left > 0; ) {
            const count = log.read(into, 0, Math.min(left, into.byteLength));
            if (count === 0) break;
            left -= count;
            text += Buffer.from(into, 0, count).toString();
          }
        }
        text += readAll(log).join("\r\n");
        const told = { requests: 0, board: 0 };
        let sent = 0;
        for (const line of text.split("\r\n").filter(line => line !== "")) {
          const { on, values } = parseLine(line)!;
          if (on !== "log") sent++;
          else {
            told.requests += Number(values.requests);
            told.board += Number(values.board);
          }
        }
        expect(told).toEqual(log.dropped);
        expect(sent + told.requests + told.board).toBe(added);
      }),
      { numRuns: 50 },
    );
  });
});

describe("without a serial port", () => {
  test("each line is printed at once, and none is dropped", () => {
    const printed: string[] = [];
    const log = new Log({ clock: { now: () => 7 } }, line => printed.push(line));
    for (let id = 0; id < 300; id++) log.report(failed(id));
    expect(printed).toEqual(Array.from({ length: 300 }, (_, id) => formatLine(7, failed(id))));
    expect(log.dropped).toEqual({ requests: 0, board: 0 });
  });

  test("lines that waited for a port that cannot be opened are printed", () => {
    const { log } = newLog();
    const printed: string[] = [];
    log.report(DOWN);
    log.printTo(line => printed.push(line));
    log.report(failed(1));
    expect(printed).toEqual([formatLine(0, DOWN), formatLine(0, failed(1))]);
  });

  test("the rest of a line that the port has begun is printed", () => {
    const { log } = newLog();
    const printed: string[] = [];
    for (let id = 1; id < 4; id++) log.report(failed(id));
    const { length } = formatLine(0, failed(1));
    log.read(new ArrayBuffer(200), 0, length + 2 + length, false);
    log.printTo(line => printed.push(line));
    expect(printed).toEqual([formatLine(0, failed(3))]);
    log.printTo(undefined);
    log.report(failed(4));
    log.read(new ArrayBuffer(10), 0, 10);
    log.printTo(line => printed.push(line));
    expect(printed.slice(1)).toEqual([formatLine(0, failed(4)).slice(10)]);
  });
});

describe("lines that are written by a format", () => {
  const anyText = fc.string({ unit: "binary", maxLength: 200 });
  const number = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 32, 2 ** 40 + 1, 9.5));
  const ended = { in: number, out: number, ms: number, status: number };

  function lineOf(write: (log: Log) => void): string {
    const { log } = newLog();
    write(log);
    return kept(log)[0];
  }

  test("the line of a request is that of its event, whatever a client sends: ASCII, on one line", () => {
    const given = fc.record({
      ...{ id: number, port: fc.nat(65_535), status: number, in: number, out: number },
      retries: fc.nat(3),
      timers: fc.array(fc.integer({ min: -1 }), { minLength: 5, maxLength: 5 }),
      ...{
        method: anyText,
        path: anyText,
        request: anyText,
        backend: fc.constantFrom("", "web-1"),
      },
      ...{ state: fc.constantFrom("", "CD"), why: fc.constantFrom("", "slow") },
    });
    fc.assert(
      fc.property(given, of => {
        const line = lineOf(log =>
          log.writeLine(
            ...[log.requests, log.order++, REQUEST_LINE],
            ...[of.request, "10.0.0.7", of.backend, of.method, of.path, of.state, of.why],
            ...[12_345, of.id, of.port, of.status, of.in, of.out, of.retries],
            ...(of.timers as [number, number, number, number, number]),
          ),
        );
        const event = {
          ...{ level: "I", on: "http", what: "request", id: Math.round(of.id) },
          ...{ request: of.request || undefined, client: `10.0.0.7:${of.port}` },
          ...{ backend: of.backend || undefined, method: of.method, path: of.path },
          ...{ status: Math.round(of.status), in: Math.round(of.in), out: Math.round(of.out) },
          ...{ retries: of.retries || undefined, T: of.timers.join("/") },
          ...{ state: of.state || undefined, why: of.why || undefined },
        };
        expect(line).toBe(formatLine(12_345, event as Event));
        expect(line).toMatch(/^[ -~]*$/);
      }),
    );
  });

  test("so is that of a session, and of dropped lines", () => {
    fc.assert(
      fc.property(fc.record(ended), fc.constantFrom("", "raw"), (of, protocol) => {
        const line = lineOf(log =>
          log.writeLine(
            ...[log.requests, log.order++, SESSION_LINE],
            ...["I", "10.0.0.7", protocol, "", "idle", "", ""],
            ...[12_345, 17, 50_000, of.status, of.in, of.out, of.ms, 0, 0, 0, 0, 0],
          ),
        );
        const event = {
          ...{ level: "I", on: "session", what: "end", id: 17, client: "10.0.0.7:50000" },
          ...{ protocol: protocol || undefined, status: Math.round(of.status) || undefined },
          ...{ in: Math.round(of.in), out: Math.round(of.out), ms: Math.round(of.ms), why: "idle" },
        };
        expect(line).toBe(formatLine(12_345, event as Event));
      }),
    );
    const line = lineOf(log =>
      log.writeLine(
        ...[log.requests, log.order++, DROPPED_LINE, "", "", "", "", "", "", ""],
        ...[5, 17, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ),
    );
    const event: Event = { level: "W", on: "log", what: "dropped", requests: 17, board: 2 };
    expect(line).toBe(formatLine(5, event));
  });
});
