import { expect, test } from "vitest";
import { buildId, hashOf, sources } from "./build-id.ts";

const files = (...entries: [string, string][]) =>
  new Map(entries.map(([name, text]) => [name, Buffer.from(text)]));

const A: [string, string] = ["src/a.ts", "export {};"];
const B: [string, string] = ["src/b.ts", "const b = 1;"];

test("one byte more or less gives another id", () => {
  const before = hashOf(files(A, B));
  expect(hashOf(files(A, ["src/b.ts", "const b = 2;"]))).not.toBe(before);
  expect(hashOf(files(A, ["src/c.ts", "const b = 1;"]))).not.toBe(before);
  expect(hashOf(files(A))).not.toBe(before);
});

test("the order in which a computer lists files makes no difference", () => {
  expect(hashOf(files(B, A))).toBe(hashOf(files(A, B)));
});

test("settings change the id; Wi-Fi credentials and the token do not", () => {
  const before = buildId([]);
  expect(before).toMatch(/^[0-9a-f]{8}$/);
  expect(buildId(["port=81"])).not.toBe(before);
  expect(buildId(["ssid=home", "password=secret", "token=also-secret"])).toBe(before);
});

test("everything that ships is included, also C and ESP-IDF's settings, and no test or document", () => {
  const names = [...sources().keys()];
  expect(names).toEqual(
    expect.arrayContaining(["native/keywords.c", "sdkconfig/sdkconfig.defaults", "src/main.ts"]),
  );
  expect(names.filter(name => /test|\.md$/.test(name))).toEqual([]);
});
