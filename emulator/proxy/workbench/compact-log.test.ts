import { expect, test } from "vitest";
import { type Event, formatLine } from "../../../firmware/src/log/event.ts";
import { COLUMNS_MAX, compactLine, type Style } from "./compact-log.ts";

const REQUEST = {
  ...{ level: "I", on: "http", what: "request", id: 17, request: "a087eaf3-1" },
  ...{
    client: "192.168.1.20:51234",
    backend: "a",
    method: "GET",
    path: "/index.html",
    status: 200,
  },
  ...{ in: 312, out: 5120, T: "1/0/2/3/7" },
} as const;

const request = (changes: object = {}, ms = 12_345) =>
  formatLine(ms, { ...REQUEST, ...changes } as Event);

test("a request is one line of columns: time, status, method, path, backend, client, duration", () => {
  expect(
    compactLine(request())
      .split(/ {2,}| (?=GET)/)
      .filter(text => text !== ""),
  ).toEqual([...["12.345 200", "GET", "/index.html", "a", "192.168.1.20:51234", "7 ms"]]);
});

test("columns are aligned, whatever the requests are", () => {
  const other = {
    path: `/${"x".repeat(50)}`,
    method: "DELETE",
    backend: "blue",
    T: "1/0/2/3/12000",
  };
  const [one, two] = [request(), request(other)].map(line => compactLine(line));
  expect(one.length).toBe(two.length);
  expect(one.indexOf("192.168")).toBe(two.indexOf("192.168"));
});

test.each([
  {},
  { path: `/${"x".repeat(500)}` },
  {
    retries: 2,
    state: "CD",
    backend: "a-backend-with-a-long-name",
    client: "192.168.100.200:65535",
  },
  {
    status: 502,
    why: "headLinesMax",
    path: "/\u009b31m and \u0007 more".repeat(20),
    T: "1/0/2/3/1234567",
  },
])("a request fits %j", changes => {
  const line = compactLine(request(changes, 999_999_999));
  expect(line.length).toBeLessThanOrEqual(COLUMNS_MAX + 1); // after eleven days
  expect(compactLine(request(changes)).length).toBeLessThanOrEqual(COLUMNS_MAX);
  for (const control of ["\u009b", "\u0007"]) expect(line).not.toContain(control);
});

test("other events keep their values, and what is no event is left as it is", () => {
  const down = formatLine(900, {
    level: "W",
    on: "backend",
    what: "down",
    name: "a",
    check: "L4CON",
  });
  expect(compactLine(down)).toBe("    0.900 backend  down name=a check=L4CON");
  expect(compactLine("ok kept")).toBe("ok kept");
});

test("colours tell a status, a warning and an error apart, and take no columns of the text", () => {
  const looks = (line: string) => {
    const seen: Style[] = [];
    const plain = compactLine(line, (look, text) => {
      seen.push(look);
      return text;
    });
    expect(plain).toBe(compactLine(line));
    return seen;
  };
  expect(looks(request())).toEqual(["dim", "good"]);
  expect(looks(request({ status: 302 }))).toEqual(["dim", "note"]);
  expect(looks(request({ status: 404 }))).toEqual(["dim", "warn"]);
  expect(looks(request({ status: 502, retries: 1 }))).toEqual(["dim", "bad", "warn"]);
  expect(looks("E (5) net: no-ssid error=x")).toEqual(["dim", "bad"]);
});
