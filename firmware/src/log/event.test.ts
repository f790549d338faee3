import { expect, test } from "vitest";
import { parseLine } from "../../tools/log-line.ts";
import { type Event, formatLine } from "./event.ts";

test("a line has level, time, part and values", () => {
  expect(formatLine(812.7, { level: "I", on: "net", ip: "192.168.1.50", rssi: -54 })).toBe(
    "I (813) net: ip=192.168.1.50 rssi=-54",
  );
});

test.each<Event>([
  { level: "I", on: "net", ip: "192.168.1.50" },
  { level: "W", on: "proxy", what: "accept-failed", error: 'Error: "invalid" from\n  x=1' },
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

test("no value brings a control character into a line, and each is read back as it was", () => {
  for (let code = 0; code < 0xff; code++) {
    const error = `a${String.fromCharCode(code)}b`;
    const line = formatLine(1, { level: "W", on: "proxy", what: "accept-failed", error });
    expect(line).not.toMatch(/\p{Cc}/u);
    expect(parseLine(line)?.values).toEqual({ error });
  }
});

test("values are as they are where that can be read back, else in quotes", () => {
  const written = (error: string) =>
    formatLine(1, { level: "W", on: "proxy", what: "accept-failed", error }).slice(
      "W (1) proxy: accept-failed ".length,
    );
  expect(written("/a?b=%20&c|d")).toBe("error=/a?b=%20&c|d");
  expect(written("/caf\xe9")).toBe('error="/caf\\u00e9"');
  expect(written("")).toBe('error=""');
  expect(written("a b")).toBe('error="a b"');
  expect(written('a"b')).toBe('error="a\\"b"');
  expect(written("\x9b31m")).toBe('error="\\u009b31m"');
  expect(written("\ud800")).toBe('error="\\ud800"');
});

test.each(["", "rst:0x1 (POWERON_RESET),boot:0x13", "hello (3) world: a=1"])(
  "%j is not one of our lines",
  line => {
    expect(parseLine(line)).toBeUndefined();
  },
);

test("a value whose quoting noise has broken is read as it is", () => {
  const line = 'E (5) net: no-ssid error="a\0b" ip=1';
  expect(parseLine(line)?.values).toEqual({ error: '"a\0b"', ip: "1" });
});
