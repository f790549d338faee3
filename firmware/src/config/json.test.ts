import { expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { JsonParser, readJson } from "./json.ts";

const bytes = (text: string, encoding: BufferEncoding) =>
  Buffer.from(text, encoding).toString("latin1");

test.each([
  ['{"a": [1, 2,]}', "line 1, column 12: a comma before ], which JSON does not allow"],
  ['{\n  "a": 1,\n}', "line 2, column 9: a comma before }, which JSON does not allow"],
  ['{\n  // why\n  "a": 1\n}', "line 2, column 3: a comment, which JSON does not have"],
  ['{"a": 1 /* one */}', "line 1, column 9: a comment, which JSON does not have"],
  ['# top\n{"a": 1}', "line 1, column 1: a comment, which JSON does not have"],
  ["{'a': 1}", "line 1, column 2: a single quote; JSON has double quotes"],
  ["{a: 1}", 'line 1, column 2: "a"; wanted a key in double quotes'],
  ['{"a": ewma}', 'line 1, column 7: "ewma" is not a value; a text needs double quotes'],
  ['{"a": True}', 'line 1, column 7: "True" is not a value; a text needs double quotes'],
  ['{"a": 08}', 'line 1, column 7: "08" is not a value; a text needs double quotes'],
  ['{"a" 1}', 'line 1, column 6: "1"; wanted a colon'],
  ['{"a": 1\n "b": 2}', "line 2, column 2: a text; wanted a comma or }"],
  ['{"a": 1]', 'line 1, column 8: "]"; wanted a comma or }'],
  ['{"a": "x\n"}', "line 1, column 7: a text without its closing quote in this line"],
  ['{"a": "\\x"}', "line 1, column 7: a text with an escape that JSON does not have"],
  [`{"a": "${"x".repeat(1_537)}"}`, "line 1, column 7: a text of more than 1536 characters"],
  [`{"${"x".repeat(1_537)}": 1}`, "line 1, column 2: a text of more than 1536 characters"],
  [`{"a": "${"x".repeat(1_537)}\n"}`, "line 1, column 7: a text of more than 1536 characters"],
  ['{"a": }', "line 1, column 7: }; wanted a value"],
  ['{"a": 1', "line 1, column 8: the text ends; wanted a comma or }"],
  ['{"a":', "line 1, column 6: the text ends; wanted a value"],
  ["", "line 1, column 1: the text ends; wanted a value"],
  ["{} {}", 'line 1, column 4: "{" behind the end'],
  ["[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "line 1, column 17: more than 16 brackets deep"],
  [bytes("\ufeff{}", "utf16le"), "it is UTF-16; wanted UTF-8"],
  [bytes("{}", "utf16le"), "it is UTF-16; wanted UTF-8"],
])("%j: %s", (text, complaint) => {
  expect(readJson(text)).toEqual({ complaint });
});

test.each(["\ufeff", bytes("\ufeff", "utf8")])("a byte-order mark of UTF-8 is taken", mark => {
  expect(readJson(`${mark}{"a":1}`)).toEqual({ value: { a: 1 } });
});

test("a text may be as long as a setting whose every character is an escape", () => {
  const text = "\\u00e9".repeat(256);
  expect(readJson(`["${text}"]`)).toEqual({ value: ["\u00e9".repeat(256)] });
});

test("a text that is too long is dropped before it has arrived as a whole", () => {
  const parser = new JsonParser();
  parser.read(Buffer.from(`["${"x".repeat(1_400)}`));
  parser.read(Buffer.from("x".repeat(1_400)));
  parser.read(Buffer.from("x".repeat(1_400)));
  expect(parser.end()).toEqual({
    complaint: "line 1, column 2: a text of more than 1536 characters",
  });
});

test("every text that JSON.parse refuses gets a place, and the one behind it", () => {
  const signs = ["{", "}", "[", "]", ",", ":", '"', "1", "true", '"a"', " ", "\n", "-", "\\", "/"];
  const texts = fc.array(fc.constantFrom(...signs), { maxLength: 12 }).map(parts => parts.join(""));
  fc.assert(
    fc.property(texts, text => {
      let good = true;
      try {
        JSON.parse(text);
      } catch {
        good = false;
      }
      const parsed = readJson(text);
      if (good) expect(parsed).toEqual({ value: JSON.parse(text) });
      else expect(parsed).toEqual({ complaint: expect.stringMatching(/^line \d+, column \d+: ./) });
    }),
    { numRuns: 3000 },
  );
});

/** The result of the parser for these pieces, with a character for each byte. */
function inPieces(pieces: readonly string[]) {
  const parser = new JsonParser();
  for (const piece of pieces) parser.read(Buffer.from(piece, "latin1"));
  return parser.end();
}

test("a text says the same in whatever pieces it arrives", () => {
  const signs = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "1",
    "true",
    '"a"',
    " ",
    "\n",
    "/",
    "//",
    "\\",
    "é",
  ];
  const typed = fc.array(fc.constantFrom(...signs), { maxLength: 14 }).map(parts => parts.join(""));
  const made = fc.json({ maxDepth: 4, stringUnit: "binary-ascii" });
  fc.assert(
    fc.property(fc.oneof(typed, made), fc.array(fc.nat(6), { minLength: 1 }), (text, sizes) => {
      const pieces: string[] = [];
      for (let at = 0, i = 0; at < text.length; i++) {
        const size = i < 1_000 ? sizes[i % sizes.length] : text.length;
        pieces.push(text.slice(at, at + size));
        at += size;
      }
      expect(inPieces(pieces)).toEqual(readJson(text));
    }),
    { numRuns: 2000 },
  );
});

test("what is JSON is read as JSON.parse does it, keys such as __proto__ included", () => {
  const keys = fc.constantFrom("a", "__proto__", "constructor", "toString", "", "1", "a b");
  const texts = fc.oneof(
    fc.json(),
    fc
      .dictionary(keys, fc.jsonValue(), { noNullPrototype: true })
      .map(value => JSON.stringify(value, null, 2)),
    fc.constantFrom(
      '{"__proto__": {"a": 1}, "b": 2}',
      '{"a": 1, "a": 2}',
      " [ -1.5e3 , null ] ",
      '"\\u0041\\n"',
    ),
  );
  fc.assert(
    fc.property(texts, text => {
      const parsed = readJson(text);
      const deep = /more than 16 brackets/.test(JSON.stringify(parsed));
      if (deep) return;
      expect(parsed).toEqual({ value: JSON.parse(text) });
      expect(JSON.stringify((parsed as { value: unknown }).value)).toBe(
        JSON.stringify(JSON.parse(text)),
      );
    }),
    { numRuns: 1000 },
  );
});

test("no more values are made when memory is short", () => {
  let room = 3;
  const parser = new JsonParser(() => room-- > 0);
  let pieces = 0;
  while (!parser.lacksMemory) parser.read(Buffer.from(pieces++ === 0 ? "[0" : ",0"));
  expect(pieces).toBeLessThan(4 * 8 + 2);
  parser.read(Buffer.from("]"));
  expect(parser.end()).toEqual({ complaint: expect.stringContaining("no memory for more") });
});
