import { expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { readJson } from "./json.ts";

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
