import { describe, expect, test } from "vitest";
import fc from "../../../testing/properties.ts";
import { type Keyword, Keywords } from "./keywords.ts";

const anywhere = (keyword: string): Keyword => ({ keyword, match: "anywhere" });
const line = (keyword: string): Keyword => ({ keyword, match: "line" });

/** Feeds `text` in pieces of the given lengths; how many bytes go through, and what was found. */
function feed(keywords: readonly Keyword[], text: string, lengths: readonly number[]) {
  const scan = new Keywords(keywords).scan();
  const bytes = Buffer.from(text, "latin1");
  let at = 0;
  let passed = 0;
  for (let i = 0; at < bytes.byteLength; i++) {
    const piece = bytes.subarray(at, at + (lengths[i] ?? bytes.byteLength));
    at += piece.byteLength;
    passed += scan.next(piece);
    if (scan.found !== undefined) break;
  }
  return { passed, found: scan.found };
}

describe("keywords", () => {
  test.each([
    ["END", "say END now", 7],
    ["END", "EEND", 4],
    ["END", "ENEND", 5],
    ["END", "WEEKEND", 7],
    ["ENEND", "ENENEND", 7],
    ["aab", "aaaab", 5],
  ])("%s is found in %s, wherever the pieces are cut", (keyword, text, end) => {
    for (let cut = 1; cut < text.length; cut++) {
      expect(feed([anywhere(keyword)], text, [cut])).toEqual({ passed: end, found: 0 });
    }
    expect(feed([anywhere(keyword)], text, Array(text.length).fill(1))).toEqual({
      passed: end,
      found: 0,
    });
  });

  test.each([
    ["END\n", 4],
    ["hello\nEND\n", 10],
    ["hello\r\nEND\r\n", 12],
    ["ENDED\nEND\nmore", 10],
  ])("a whole line is found in %j", (text, end) => {
    expect(feed([line("END")], text, []).passed).toBe(end);
    expect(feed([line("END")], text, Array(text.length).fill(1)).passed).toBe(end);
  });

  test.each(["END", "WEEKEND\n", "END \n", " END\n", "END\rmore\n"])(
    "%j holds no line END",
    text => {
      expect(feed([line("END")], text, []).found).toBeUndefined();
    },
  );

  test("several keywords are told apart, the one that ends first wins", () => {
    const keywords = [anywhere("STOP"), anywhere("TOP"), anywhere("O")];
    expect(feed(keywords, "xSTOP", [])).toEqual({ passed: 4, found: 2 });
    expect(feed(keywords.slice(0, 2), "xSTOP", [])).toEqual({ passed: 5, found: 0 });
    expect(feed(keywords.slice(0, 2), "xTOP", [])).toEqual({ passed: 4, found: 1 });
  });

  test("the first end of any keyword is found, as searching the whole text would", () => {
    const word = fc.string({ unit: fc.constantFrom("E", "N", "D"), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 4 }),
        fc.string({ unit: fc.constantFrom("E", "N", "D", "x"), maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 20 }),
        (words, text, lengths) => {
          const ends = words.flatMap(w => (text.includes(w) ? [text.indexOf(w) + w.length] : []));
          const first = ends.length > 0 ? Math.min(...ends) : undefined;
          const { passed, found } = feed(words.map(anywhere), text, lengths);
          expect(passed).toBe(first ?? text.length);
          expect(found !== undefined).toBe(first !== undefined);
        },
      ),
    );
  });
});
