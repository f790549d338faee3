import { expect, test } from "vitest";
import { type Keyword, Keywords } from "../../firmware/src/net/keywords.ts";
import fc from "../../hil/kit/properties.ts";
import { machineWith } from "./engine-snapshots.ts";

test("keywords are found by the chip's C exactly where the plain search finds them", () => {
  const machine = machineWith("keywords", { now: () => 0, answer: () => "" });
  const letters = fc.constantFrom("E", "N", "D", "\n", "\r", "\0", "\x7f");
  const keyword = fc.record<Keyword>({
    keyword: fc.string({ unit: fc.constantFrom("E", "N", "D"), minLength: 1, maxLength: 6 }),
    match: fc.constantFrom("anywhere", "line"),
    in: fc.constantFrom("text", "any"),
  });
  const piece = fc.string({ unit: letters, maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(keyword, { minLength: 1, maxLength: 8 }),
      fc.array(piece, { maxLength: 6 }),
      (keywords, texts) => {
        const pieces = texts.map(text => [...Buffer.from(text)]);
        const scan = new Keywords(keywords).scan();
        const passed = pieces.map(bytes => scan.next(Uint8Array.from(bytes)));
        const plain = JSON.stringify({ passed, found: scan.found });
        expect(machine.command(JSON.stringify({ keywords, pieces }))).toBe(plain);
      },
    ),
    { numRuns: 500 },
  );
});

test("eight keywords with as many bytes as allowed fill the table, and each is found", () => {
  const machine = machineWith("keywords", { now: () => 0, answer: () => "" });
  const keywords = Array.from({ length: 8 }, (_, i) => ({
    keyword: String.fromCharCode(...Array.from({ length: 16 }, (_, j) => 1 + 16 * i + j)),
    match: "line" as const,
    in: "any" as const,
  }));
  for (const [found, { keyword }] of keywords.entries()) {
    const bytes = [...Buffer.from(`no\n${keyword}\r\nmore`, "latin1")];
    const answer = machine.command(JSON.stringify({ keywords, pieces: [bytes] }));
    expect(JSON.parse(answer)).toEqual({ passed: [3 + 16 + 2], found });
  }
});
