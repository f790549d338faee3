import { expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { type Event, formatLine } from "./event.ts";
import { BOARD_BYTES, type EventKind, REQUESTS_BYTES, RecentEvents } from "./recent-events.ts";

const down: Event = { level: "W", on: "backend", what: "down", name: "a", check: "L4CON" };
const ended = (id: number, backend = "a"): Event => ({
  level: "I",
  on: "session",
  what: "end",
  id,
  client: "10.0.0.7:50000",
  backend,
  in: 1,
  out: 1,
  ms: 1,
  why: "done",
});

/** The least memory that XS takes for the events: 16 bytes for an element of an array, 8 for the head of a chunk, the text. */
const bytesOf = (recent: RecentEvents, kind: EventKind) =>
  [...recent.last(1000, kind)].reduce((sum, { length }) => sum + 24 + length, 0);

const textOf = (recent: RecentEvents, kind?: EventKind) => [...recent.last(1000, kind)].join("\n");

test("events of the board are kept through any number of requests", () => {
  const recent = new RecentEvents();
  recent.add(down, formatLine(1, down));
  for (let id = 1; id <= 10_000; id++) recent.add(ended(id), formatLine(id, ended(id)));
  expect(textOf(recent, "board")).toBe(formatLine(1, down));
  expect(textOf(recent)).toContain("backend: down");
  expect(textOf(recent, "requests")).toContain("id=10000 ");
  expect(textOf(recent, "requests")).not.toContain("backend: down");
});

test.each<[string, Event, EventKind]>([
  [
    "a failed connect",
    { level: "W", on: "backend", what: "connect-failed", name: "a", id: 1, why: "refused" },
    "requests",
  ],
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
  const recent = new RecentEvents();
  recent.add(event, "x");
  const other = kind === "board" ? "requests" : "board";
  expect([textOf(recent, kind), textOf(recent, other)]).toEqual(["x", ""]);
});

test("both kinds together are in their order of time, and within their bytes", () => {
  const kinds = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 400 })), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(kinds, fc.integer({ min: 1, max: 80 }), (adds, count) => {
      const recent = new RecentEvents();
      adds.forEach(([isBoard, length], at) => {
        recent.add(isBoard ? down : ended(at), `${at}`.padEnd(length, "x"));
      });
      const numbers = [...recent.last(1000)].map(line => Number.parseInt(line, 10));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(bytesOf(recent, "board")).toBeLessThanOrEqual(BOARD_BYTES);
      expect(bytesOf(recent, "requests")).toBeLessThanOrEqual(REQUESTS_BYTES);
      expect(numbers.at(-1)).toBe(adds.length === 0 ? undefined : adds.length - 1);
      const last = [...recent.last(count)];
      expect(last).toEqual([...recent.last(1000)].slice(-count));
    }),
  );
});

test("lines that are dropped during an iteration are skipped, and new ones are not included", () => {
  const recent = new RecentEvents();
  for (let id = 1; id <= 5; id++) recent.add(ended(id), `${id}`);
  const taken: string[] = [];
  for (const line of recent.last(5)) {
    taken.push(line);
    if (taken.length === 2) for (let id = 6; id < 1000; id++) recent.add(ended(id), `${id}`);
  }
  expect(taken).toEqual(["1", "2"]);
});

test("a line is ASCII, whatever a client sends, so that a character is a byte", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  fc.assert(
    fc.property(text, text, (path, request) => {
      const line = formatLine(1, {
        ...{ level: "I", on: "http", what: "request", id: 1, client: "10.0.0.7:50000" },
        ...{ method: "GET", status: 200, in: 1, out: 1, retries: 0, state: "--" },
        ...{ TR: 0, Tw: 0, Tc: 0, Tr: 0, Ta: 0, path, request },
      });
      expect(line).toMatch(/^[ -~]*$/);
    }),
  );
});
