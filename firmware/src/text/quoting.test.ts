import { expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { printable, quoted } from "./quoting.ts";

const CHARS = 40;

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({
    unit: fc.constantFrom('"', "\\", "\xe9", "\x9b", " ", "a", "\ud800", "\u2028", "\u202e"),
    maxLength: 100,
  }),
);

test("a quoted value is ASCII on one line, bounded, and read back whole where it was not cut", () => {
  fc.assert(
    fc.property(anyText, text => {
      const line = quoted(text, CHARS);
      expect(line).toMatch(/^[ -~]+$/);
      expect(line.length).toBeLessThanOrEqual(CHARS + '"..."'.length);
      const inner = line.startsWith('"') ? JSON.parse(line) : line;
      if (inner.endsWith("...") && inner !== text) {
        expect(text.startsWith(inner.slice(0, -"...".length))).toBe(true);
      } else {
        expect(inner).toBe(text);
      }
    }),
  );
});

/** Control characters, ends of lines, turns of direction, halves of pairs. */
const UNSEEN = /[\p{Cc}\p{Cs}\u2000-\u206f]/u;

test("printable text has no invisible characters, is bounded, and otherwise unchanged", () => {
  fc.assert(
    fc.property(anyText, text => {
      const shown = printable(text, CHARS);
      expect(shown).not.toMatch(UNSEEN);
      expect(shown.length).toBeLessThanOrEqual(CHARS + "...".length);
      const isPlain = !UNSEEN.test(text) && !/[\ud800-\udfff]/.test(text);
      if (isPlain && text.length <= CHARS) expect(shown).toBe(text);
    }),
  );
});
