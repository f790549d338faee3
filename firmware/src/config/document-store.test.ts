import { describe, expect, test } from "vitest";
import { Flash, PowerLost } from "../../../emulator/src/flash.ts";
import { defineKeyValue } from "../../../emulator/src/io/storage.ts";
import fc from "../../../hil/kit/properties.ts";
import type { StorageOpener } from "../platform.ts";
import { DOCUMENT_BYTES_MAX, hasSameJson, jsonLength, jsonPieces } from "./document-parts.ts";
import { DocumentStore } from "./document-store.ts";
import { TextStore } from "./storage.ts";

const KEY = "config-next"; // the longest of the keys

/** The flash of a board: `start` gives what the firmware sees after a start, `texts` what is in it. */
function bench(flash = new Flash()) {
  const logged: string[] = [];
  const open = (): TextStore => {
    flash.change(nvs => nvs.recover());
    let isOn = true;
    flash.onPowerLost = () => {
      isOn = false;
    };
    const storage = defineKeyValue(flash, () => {}).open({ path: "hot-potato", format: "string" });
    /** Nothing happens in flash once the power has failed, whatever the program does. */
    const powered = <T>(work: () => T): T => {
      if (isOn) return work();
      throw new PowerLost();
    };
    const opener: StorageOpener = {
      open: () => ({
        read: key => powered(() => storage.read(key)),
        write: (key, value) => powered(() => storage.write(key, value)),
        delete: key => powered(() => storage.delete(key)),
      }),
    };
    return TextStore.open(opener, "hot-potato", event => {
      if ("key" in event) logged.push(`${event.what} ${event.key} ${event.error}`);
    })!;
  };
  const texts = () => {
    const keys = flash.nvs.keys("hot-potato").sort();
    return keys.map(key => Buffer.from(flash.nvs.find("hot-potato", key)!.bytes).toString());
  };
  return { flash, logged, open, texts, start: () => new DocumentStore(open()) };
}

/** A document with so many backends and routes, as texts of about 190 bytes each. */
function documentOf(count: number, mark = "a"): object {
  return {
    listeners: [{ port: 80 }],
    backends: Array.from({ length: count }, (_, i) => ({
      name: `${mark}${i}`,
      address: `${mark.repeat(40)}-${i}.example.org`,
      port: 8080,
      health: { check: "http", path: `/health/${mark.repeat(60)}`, status: "200" },
    })),
    retries: count,
    routes: Array.from({ length: count }, (_, i) => ({
      path: `/${mark}${i}`,
      backends: [`${mark}${i}`],
    })),
  };
}

const LARGE = documentOf(47);
const OTHER = documentOf(46, "b");

test("the large documents of these tests are about as long as documents may be", () => {
  for (const document of [LARGE, OTHER]) {
    expect(jsonLength(document)).toBe(JSON.stringify(document).length);
    expect(jsonLength(document)).toBeLessThan(DOCUMENT_BYTES_MAX);
    expect(jsonLength(document)).toBeGreaterThan(DOCUMENT_BYTES_MAX * 0.9);
  }
});

describe("any document", () => {
  const text = fc.string({ maxLength: 300 });
  const item = fc.oneof(
    text,
    fc.record({ name: text, more: fc.array(text, { maxLength: 3 }) }),
    fc.constant([]),
  );
  const key = fc.string({ minLength: 1, maxLength: 20 }).filter(name => name !== "__proto__");
  const documents = fc.dictionary(
    key,
    fc.oneof(text, fc.integer(), fc.array(item, { maxLength: 12 }), fc.constant({})),
    { maxKeys: 8 },
  );

  test("is read as it was written, and no piece is longer than an NVS string", () => {
    fc.assert(
      fc.property(documents, document => {
        const { start, texts } = bench();
        expect(start().write(KEY, document)).toBeUndefined();
        expect(JSON.stringify(start().read(KEY))).toBe(JSON.stringify(document));
        for (const piece of texts()) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(3999);
      }),
      { numRuns: 200 },
    );
  });

  test("has the pieces of its JSON, and another document has others", () => {
    fc.assert(
      fc.property(documents, documents, (document, other) => {
        expect([...jsonPieces(document)].join("")).toBe(JSON.stringify(document));
        expect(hasSameJson(document, structuredClone(document))).toBe(true);
        const isSame = JSON.stringify(document) === JSON.stringify(other);
        expect(hasSameJson(document, other)).toBe(isSame);
      }),
    );
  });
});

test("a document that earlier firmware has stored is read, and a short one is stored as it did", () => {
  const { open, start, texts } = bench();
  const json = JSON.stringify(documentOf(10));
  open().write(KEY, json);
  expect(start().read(KEY)).toEqual(documentOf(10));
  expect(start().write(KEY, documentOf(2))).toBeUndefined();
  expect(texts()).toEqual([JSON.stringify(documentOf(2))]);
});

test("a document shrinks and grows, and nothing of the others stays in flash", () => {
  const { start, texts } = bench();
  for (const count of [50, 1, 30, 49, 8, 50]) {
    expect(start().write(KEY, documentOf(count))).toBeUndefined();
    expect(start().read(KEY)).toEqual(documentOf(count));
    expect(texts().join("").length).toBeLessThan(jsonLength(documentOf(count)) * 1.05 + 20);
  }
  expect(start().delete(KEY)).toBeUndefined();
  expect(texts()).toEqual([]);
  expect(start().read(KEY)).toBeUndefined();
});

describe("a power cut at any step", () => {
  /** Plays `change` with a power cut at each of its steps; `check` sees the board after its next start. */
  function cutEach(
    before: object | undefined,
    change: (store: DocumentStore) => void,
    check: (store: DocumentStore, board: ReturnType<typeof bench>) => void,
  ): number {
    for (let step = 1; ; step++) {
      const board = bench();
      if (before !== undefined) board.start().write(KEY, before);
      const store = board.start();
      board.flash.cutPowerAt(step);
      change(store);
      if (board.logged.length === 0) return step - 1;
      board.logged.length = 0;
      board.flash.cutPowerAt(Number.POSITIVE_INFINITY);
      check(board.start(), board);
    }
  }

  for (const [how, before, after] of [
    ["a large document replaces a large one", LARGE, OTHER],
    ["a large document replaces a short one", documentOf(1, "b"), LARGE],
    ["a short document replaces a large one", LARGE, documentOf(1, "b")],
    ["the first document is large", undefined, LARGE],
  ] as const) {
    test(`while ${how}: flash has the old one or the new one, whole`, () => {
      const found = new Set<string>();
      const steps = cutEach(
        before,
        store => store.write(KEY, after),
        (store, { texts, start }) => {
          const json = JSON.stringify(store.read(KEY));
          found.add(json === JSON.stringify(before) ? "old" : "new");
          expect([JSON.stringify(before), JSON.stringify(after)]).toContain(json);
          // Leftover pieces are deleted by the next write.
          expect(start().write(KEY, OTHER)).toBeUndefined();
          expect(start().read(KEY)).toEqual(OTHER);
          expect(texts().join("").length).toBeLessThan(jsonLength(OTHER) * 1.05 + 20);
        },
      );
      expect(steps).toBeGreaterThan(5);
      // Without an old document its last step is the one that makes the new one valid.
      expect([...found].sort()).toEqual(before === undefined ? ["old"] : ["new", "old"]);
    });
  }

  test("while a document is deleted: it is there as a whole, or it is not", () => {
    const steps = cutEach(
      LARGE,
      store => store.delete(KEY),
      (store, { logged }) => {
        expect([JSON.stringify(LARGE), undefined]).toContain(JSON.stringify(store.read(KEY)));
        expect(logged).toEqual([]);
      },
    );
    expect(steps).toBeGreaterThan(5);
  });
});

test("flash that is full at any write keeps the old document whole, and nothing of the new one", () => {
  let refused = 0;
  for (let junk = 0; junk < 60; junk++) {
    const { flash, open, start, texts } = bench();
    expect(start().write(KEY, LARGE)).toBeUndefined();
    const other = open();
    for (let i = 0; i < junk && other.write(`junk${i}`, "x".repeat(1000)) === undefined; i++);
    const before = texts();
    const error = start().write(KEY, OTHER);
    if (error === undefined) {
      expect(start().read(KEY)).toEqual(OTHER);
      continue;
    }
    refused++;
    expect(error).toContain("ESP_ERR_NVS_NOT_ENOUGH_SPACE");
    expect(start().read(KEY)).toEqual(LARGE);
    expect(texts()).toEqual(before);
    flash.change(nvs => nvs.recover());
    expect(start().read(KEY)).toEqual(LARGE);
  }
  expect(refused).toBeGreaterThan(5);
  expect(refused).toBeLessThan(55);
});

test("the partition has room for the saved document, the one before, the next one and one that is written", () => {
  const { start, open } = bench();
  const store = start();
  for (let round = 0; round < 20; round++) {
    for (const key of ["config-a", "config-b", "config-next"]) {
      expect(store.write(key, round % 2 === 0 ? LARGE : OTHER)).toBeUndefined();
    }
  }
  for (let i = 0; i < 12; i++) expect(open().write(`small${i}`, "x".repeat(64))).toBeUndefined();
});

test("a document of which a piece is missing or damaged counts as absent, and the log names the piece", () => {
  for (const [change, error] of [
    [(store: TextStore) => store.delete("config-next-x3"), "config-next-x3 is missing"],
    [
      (store: TextStore) => store.write("config-next-x2", "{"),
      "config-next-x2 is not a JSON document",
    ],
    [
      (store: TextStore) => store.write("config-next-x1", "[1]"),
      "config-next-x1 is not a JSON document",
    ],
  ] as const) {
    const { logged, open, start } = bench();
    start().write(KEY, LARGE);
    change(open());
    expect(start().read(KEY)).toBeUndefined();
    expect(logged).toEqual([`ignored ${error}`]);
  }
});
