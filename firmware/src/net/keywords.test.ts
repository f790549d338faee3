import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { type Keyword, Keywords } from "./keywords.ts";

const anywhere = (keyword: string): Keyword => ({ keyword, match: "anywhere", in: "text" });
const line = (keyword: string): Keyword => ({ keyword, match: "line", in: "text" });
const inAny = (keyword: Keyword): Keyword => ({ ...keyword, in: "any" });

/** Every byte that ends the search in text: ASCII's control characters without TAB, LF and CR. */
const CONTROL = [...Array.from({ length: 32 }, (_, byte) => byte), 127].filter(
  byte => ![9, 10, 13].includes(byte),
);

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

  test("of several keywords the one that ends first wins", () => {
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

  test.each(CONTROL)("byte %i ends the search in text for good, and not before it", byte => {
    const control = String.fromCharCode(byte);
    for (const rule of [anywhere("END"), line("END")]) {
      for (const text of [`\nEND\n${control}`, `x\nEND\n${control}\nEND\n`]) {
        for (const lengths of [[], [text.length - 1], Array(text.length).fill(1)])
          expect(feed([rule], text, lengths).found).toBe(0);
      }
      const late = `x${control}\nEND\nEND`;
      expect(feed([rule], late, [])).toEqual({ passed: late.length, found: "binary" });
      expect(feed([rule], `EN${control}D END\nEND\n`, []).found).toBe("binary");
    }
  });

  test("every other byte is text, those from 0x80 on included", () => {
    for (let byte = 0; byte < 256; byte++) {
      if (CONTROL.includes(byte)) continue;
      const text = `${String.fromCharCode(byte)} END`;
      expect(feed([anywhere("END")], text, [])).toEqual({ passed: text.length, found: 0 });
    }
  });

  test("a keyword in any stream is found behind control bytes, beside one in text that is not", () => {
    const keywords = [anywhere("END"), inAny(anywhere("STOP")), inAny(line("quit"))];
    expect(feed([inAny(anywhere("END"))], "\0END", [])).toEqual({ passed: 4, found: 0 });
    expect(feed(keywords, "\0 END STOP", [])).toEqual({ passed: 10, found: 1 });
    expect(feed(keywords, "\0quit\n", []).found).toBeUndefined();
    expect(feed(keywords, "\0\nquit\n", [])).toEqual({ passed: 7, found: 2 });
    expect(feed(keywords, "ST\0OP", []).found).toBeUndefined();
  });

  test("what is found does not depend on where the pieces are cut, in text and in any stream", () => {
    const unit = fc.constantFrom("E", "N", "D", "\n", "\0", "\x1b");
    const rule = fc.record<Keyword>({
      keyword: fc.constantFrom("E", "END", "ND", "DE"),
      match: fc.constantFrom("anywhere", "line"),
      in: fc.constantFrom("text", "any"),
    });
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.string({ unit, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 40 }),
        (keywords, text, lengths) => {
          const whole = feed(keywords, text, []);
          const cut = feed(keywords, text, lengths);
          expect(cut.found).toBe(whole.found);
          if (typeof whole.found === "number") expect(cut.passed).toBe(whole.passed);
        },
      ),
      { numRuns: 500 },
    );
  });
});
