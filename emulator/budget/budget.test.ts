import { expect, test } from "vitest";
import { compare, merged, overLimit, readBudgets } from "./budget.ts";
import { esp32Bytes, figure } from "./figures.ts";
import { instructionTable } from "./instruction-table.ts";

const measured = (value: number) => [figure("tcp.up", value, "computrons/KiB")];

test("a figure may grow by 1 %, and not by more", () => {
  expect(compare(measured(1010), { "tcp.up": 1000 }, 32)).toEqual({ broken: [], saved: [] });
  expect(compare(measured(1011), { "tcp.up": 1000 }, 32).broken).toEqual([
    "tcp.up: 1011 computrons/KiB, the budget is 1000 (+1.1 %)",
  ]);
});

test("zero stays zero", () => {
  expect(compare(measured(0), { "tcp.up": 0 }, 32)).toEqual({ broken: [], saved: [] });
  expect(compare(measured(0.001), { "tcp.up": 0 }, 32).broken).toHaveLength(1);
});

test("a figure below zero, where more was freed than taken, keeps its budget too", () => {
  expect(compare(measured(-76), { "tcp.up": -76 }, 32)).toEqual({ broken: [], saved: [] });
  expect(compare(measured(-70), { "tcp.up": -76 }, 32).broken).toEqual([
    "tcp.up: -70 computrons/KiB, the budget is -76 (+7.9 %)",
  ]);
});

test("a lower figure is to be committed, so that it stays", () => {
  expect(compare(measured(500), { "tcp.up": 1000 }, 32)).toEqual({
    broken: [],
    saved: ["tcp.up: 500 computrons/KiB, the budget is 1000 (-50.0 %)"],
  });
});

test("a figure without a budget, and a budget without a figure, break it", () => {
  expect(compare(measured(1), {}, 32).broken).toEqual([
    "tcp.up: 1 computrons/KiB has no budget yet",
  ]);
  expect(compare([], { "tcp.up": 1 }, 32).broken).toEqual([
    "tcp.up: has a budget and is not measured",
  ]);
});

test("modules are reported where an SDK compiles them, and break no budget", () => {
  const modules = [figure("module.pump", 600, "bytes"), figure("modules.bytes", 600, "bytes")];
  expect(compare(modules, {}, 32)).toEqual({ broken: [], saved: [] });
});

const heap = [
  figure("tcp.idle.slots", 58, "slots/session"),
  figure("tcp.idle.chunkBytes", 78, "bytes/session"),
  figure("bundle.bytes", 144_708, "bytes"),
];
const HEAP = { "tcp.idle.slots": 57, "tcp.idle.chunkBytes": 43, "bundle.bytes": 144_708 };

test("bytes of a heap with pointers of 64 bits break no budget; slots and code do", () => {
  const slots = "tcp.idle.slots: 58 slots/session, the budget is 57 (+1.8 %)";
  const bytes = "tcp.idle.chunkBytes: 78 bytes/session, the budget is 43 (+81.4 %)";
  expect(compare(heap, HEAP, 64).broken).toEqual([slots]);
  expect(compare(heap, HEAP, 32).broken).toEqual([slots, bytes]);
});

test("an engine of 64 bits writes what it can measure, and keeps the other figures", () => {
  expect(merged(heap, HEAP, 64)).toEqual({ ...HEAP, "tcp.idle.slots": 58 });
  expect(merged(heap, HEAP, 32)).toEqual({
    "tcp.idle.slots": 58,
    "tcp.idle.chunkBytes": 78,
    "bundle.bytes": 144_708,
  });
});

test("NaN is refused as a figure", () => {
  expect(() => figure("tcp.up", Number.NaN, "computrons/KiB")).toThrow(
    "tcp.up: NaN computrons/KiB",
  );
});

test.each([
  ['{ "tcp.up": "160" }', '"tcp.up" is "160"; wanted a number'],
  ['{ "tcp.up": null }', '"tcp.up" is null; wanted a number'],
  ['{ "tcp.up": NaN }', "is not JSON: "],
  ['{ "tcp.up": 16', "is not JSON: "],
  ["[]", 'is []; wanted { "figure": number, … }'],
])("a damaged file of budgets is named, and holds nothing: %s", (text, complaint) => {
  expect(() => readBudgets(text)).toThrow(`firmware/budgets.json: ${complaint}`);
});

test("a heap in bytes: 16 for a slot, and the chunks", () => {
  expect(esp32Bytes({ slots: 100, chunkBytes: 24 })).toBe(1624);
});

const count = (instructions: number) => ({
  name: "lwip.pipe",
  unit: "KiB" as const,
  instructions,
  parts: { engine: 0, sockets: 0, lwip: instructions },
  computrons: undefined,
  functions: [],
});
const LIMITS = { "tcp.up": 1, "lwip.pipe.instructions": 10_500 };

test("instructions have a limit, without tolerance; fewer are no complaint", () => {
  expect(overLimit([count(10_500)], LIMITS)).toEqual([]);
  expect(overLimit([count(10_501)], LIMITS)).toEqual([
    "lwip.pipe.instructions: 10501 instructions/KiB, the limit is 10500",
  ]);
});

test("instructions without a limit, and a limit of nothing, are reported", () => {
  expect(overLimit([count(1)], {})).toEqual([
    "lwip.pipe.instructions: 1 instructions/KiB has no limit in firmware/budgets.json",
  ]);
  expect(overLimit([], LIMITS)).toEqual(["lwip.pipe.instructions: has a limit and is not counted"]);
});

test("limits are no budgets: they are not compared with figures, and stay when budgets are written", () => {
  expect(compare(measured(1), LIMITS, 32)).toEqual({ broken: [], saved: [] });
  expect(merged(measured(2), LIMITS, 32)).toEqual({ ...LIMITS, "tcp.up": 2 });
});

test("the table of instructions shows the limit, the parts and the computrons of each row", () => {
  const bare = count(9_657.4);
  const get = {
    ...bare,
    name: "lwip.http.get",
    unit: "request" as const,
    computrons: 19_866.62,
    parts: { engine: 9_000, sockets: 600, lwip: 57 },
  };
  expect(instructionTable([bare, get], LIMITS).split("\n")).toEqual([
    "on target lwip instructions        limit       engine      sockets         lwIP   computrons",
    "lwip.pipe             9657        10500            0            0         9657            -  /KiB",
    "lwip.http.get         9657            -         9000          600           57      19866.6  /request",
    "",
  ]);
});
