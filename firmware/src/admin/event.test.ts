import { expect, test } from "vitest";
import { type Event, formatLine, parseLine } from "./event.ts";

test("a line tells level, time, part and facts", () => {
  expect(formatLine(812.7, { level: "I", on: "net", ip: "192.168.1.50", rssi: -54 })).toBe(
    "I (812) net: ip=192.168.1.50 rssi=-54",
  );
});

test.each<Event>([
  { level: "I", on: "net", ip: "192.168.1.50" },
  { level: "W", on: "proxy", what: "dud", error: 'Error: "invalid" from\n  x=1' },
  {
    level: "I",
    on: "session",
    what: "end",
    id: 17,
    client: "192.168.1.20:51234",
    backend: "a",
    in: 312,
    out: 5120,
    ms: 14,
    why: "keyword",
  },
])("what is written can be read back: $on", event => {
  const { level, on, ...rest } = event;
  const { what, ...values } = rest as { what?: string };
  const line = formatLine(12_345, event);
  expect(line).not.toContain("\n");
  expect(parseLine(line)).toEqual({
    level,
    ms: 12_345,
    on,
    what,
    values: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)])),
  });
});

test.each(["", "rst:0x1 (POWERON_RESET),boot:0x13", "hello (3) world: a=1"])(
  "%j is not one of our lines",
  line => {
    expect(parseLine(line)).toBeUndefined();
  },
);
