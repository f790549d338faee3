import { expect, test } from "vitest";
import type { Storage } from "../platform.ts";
import { bytes, onBench, text } from "../testing.ts";

// Read from modules/io/storage/esp32/storage-esp32.c @ 48ee02d; the function is named with each test.

test("a value is kept over a restart and a power cut (xs_directorystorage_write)", async () => {
  const bench = onBench();
  const before = bench.boot().storage.open({ path: "gateway" });
  before.write("config", bytes("x".repeat(8000)));
  before.write("slot", Uint8Array.of(1).buffer);
  bench.board.reset();
  await bench.clock.run({ until: () => bench.given.length === 2 });
  bench.board.unplug();
  const after = bench.boot().storage.open({ path: "gateway/", mode: "r" });
  expect(text(after.read("config") as ArrayBuffer)).toBe("x".repeat(8000));
  expect([...after]).toEqual(["config", "slot"]);
});

test("a key that does not exist reads as nothing, and may be deleted (xs_directorystorage_read, _delete)", () => {
  const storage = onBench().boot().storage.open({ path: "gateway" });
  expect(storage.read("none")).toBe(undefined);
  storage.delete("none");
  storage.write("some", bytes("1"));
  storage.write("some", bytes("2"));
  expect([text(storage.read("some") as ArrayBuffer), [...storage]]).toEqual(["2", ["some"]]);
  storage.delete("some");
  expect([storage.read("some"), [...storage]]).toEqual([undefined, []]);
});

test("namespaces do not see each other, and a value has the format it was written in", () => {
  const { storage } = onBench().boot();
  const [one, other] = [storage.open({ path: "one" }), storage.open({ path: "other" })];
  one.write("key", bytes("bytes"));
  other.format = "string";
  other.write("key", "text ü");
  expect(other.read("key")).toBe("text ü");
  one.format = "string";
  expect(() => one.read("key")).toThrow(new TypeError("mismatch"));
  other.format = "buffer";
  expect(() => other.read("key")).toThrow(new TypeError("mismatch"));
});

test("a value of another format is replaced, and the old one takes no room (IDF: Storage::writeItem)", () => {
  const { board, boot } = onBench();
  const storage = boot().storage.open({ path: "gateway" });
  for (const format of ["string", "buffer", "string"]) {
    storage.format = format;
    storage.write("key", format === "string" ? "same" : bytes("same"));
    expect([...storage]).toEqual(["key"]);
  }
  expect(storage.read("key")).toBe("same");
  const kinds = board.flash.nvs.pages.flatMap(({ items }) => items.map(({ kind }) => kind));
  expect(kinds).toEqual(["namespace", "string"]);
});

test("names and strings have the limits of NVS", () => {
  const { storage } = onBench().boot();
  const space = storage.open({ path: "gateway", format: "string" });
  space.write("fifteen-letters", "x");
  expect(() => space.write("sixteen--letters", "x")).toThrow("ESP_ERR_NVS_KEY_TOO_LONG");
  expect(() => space.read("n".repeat(64))).toThrow(new RangeError("cannot buffer string"));
  expect(() => storage.open({ path: "sixteen--letters" })).toThrow("ESP_ERR_NVS_KEY_TOO_LONG");
  space.write("long", "x".repeat(3999));
  expect(() => space.write("long", "x".repeat(4000))).toThrow("ESP_ERR_NVS_VALUE_TOO_LONG");
  expect(String(space.read("long")).length).toBe(3999);
});

test("reading alone makes nothing and writes nothing (xs_directorystorage_open)", () => {
  const { storage } = onBench().boot();
  expect(() => storage.open({ path: "none", mode: "r" })).toThrow("ESP_ERR_NVS_NOT_FOUND");
  storage.open({ path: "some" });
  const reader = storage.open({ path: "some", mode: "r" });
  expect(() => reader.write("key", bytes("x"))).toThrow(new Error("read-only"));
  expect(() => reader.delete("key")).toThrow(new Error("read-only"));
});

test("options are refused in the port's words, and what is not modelled throws", () => {
  const { storage } = onBench().boot();
  expect(() => storage.open({} as never)).toThrow(new Error("no path"));
  expect(() => storage.open({ path: "" })).toThrow(new Error("invalid"));
  expect(() => storage.open({ path: "a", mode: "w" as never })).toThrow(new Error("invalid mode"));
  expect(() => storage.open({ path: "a", format: "text" as never })).toThrow(RangeError);
  expect(() => storage.open({ path: "a", format: "uint8" as never })).toThrow(/^not emulated: /);
  const space = storage.open({ path: "a" });
  expect(() => space.read("")).toThrow(/^not emulated: /);
  const { read, write, delete: remove, close, [Symbol.iterator]: iterate } = space;
  space.close();
  space.close();
  for (const receiver of [space, {} as Storage, undefined as never]) {
    for (const member of [read, write, remove, iterate]) {
      expect(() => (member as typeof write).call(receiver, "key", "value")).toThrow(SyntaxError);
    }
  }
  expect(() => close.call({} as Storage)).toThrow(SyntaxError);
});

test("nothing runs on the chip while the flash is written", async () => {
  const { boot, clock } = onBench();
  const rang: number[] = [];
  const platform = boot(({ storage, clock }) => {
    clock.after(1, () => rang.push(clock.now()));
    storage.open({ path: "gateway" }).write("config", new Uint8Array(8000));
  });
  await clock.run({ ms: 1000 });
  expect(rang[0]).toBeGreaterThan(10);
  expect(rang[0]).toBeLessThan(100);
  expect(platform.vitals.uptimeMs).toBe(1000);
});
