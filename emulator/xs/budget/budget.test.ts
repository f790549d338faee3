import { expect, test } from "vitest";
import { compare, readBudgets } from "./budget.ts";
import { esp32Bytes, figure } from "./figures.ts";

const measured = (value: number) => [figure("tcp.up", value, "computrons/KiB")];

test("a figure may grow by 1 %, and not by more", () => {
  expect(compare(measured(1010), { "tcp.up": 1000 })).toEqual({ broken: [], saved: [] });
  expect(compare(measured(1011), { "tcp.up": 1000 }).broken).toEqual([
    "tcp.up: 1011 computrons/KiB, the budget is 1000 (+1.1 %)",
  ]);
});

test("zero stays zero", () => {
  expect(compare(measured(0), { "tcp.up": 0 })).toEqual({ broken: [], saved: [] });
  expect(compare(measured(0.001), { "tcp.up": 0 }).broken).toHaveLength(1);
});

test("whoever spends less is asked to commit it, so that it stays", () => {
  expect(compare(measured(500), { "tcp.up": 1000 })).toEqual({
    broken: [],
    saved: ["tcp.up: 500 computrons/KiB, the budget is 1000 (-50.0 %)"],
  });
});

test("a figure without a budget, and a budget without a figure, break it", () => {
  expect(compare(measured(1), {}).broken).toEqual(["tcp.up: 1 computrons/KiB has no budget yet"]);
  expect(compare([], { "tcp.up": 1 }).broken).toEqual(["tcp.up: has a budget and is not measured"]);
});

test("modules are told where an SDK compiles them, and break no budget", () => {
  const modules = [figure("module.pump", 600, "bytes"), figure("modules.bytes", 600, "bytes")];
  expect(compare(modules, {})).toEqual({ broken: [], saved: [] });
});

test("what was not measured is no figure", () => {
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

test("a heap is told in the ESP32's bytes: 16 for a slot, and the chunks", () => {
  expect(esp32Bytes({ slots: 100, chunkBytes: 24 })).toBe(1624);
});
