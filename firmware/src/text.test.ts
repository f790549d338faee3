import { expect, test } from "vitest";
import fc from "../../hil/testing/properties.ts";
import { printable, quoted } from "./text.ts";

const CHARS = 40;

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({
    unit: fc.constantFrom('"', "\\", "\xe9", "\x9b", " ", "a", "\ud800"),
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

test("text for people has no control character, is bounded, and otherwise as it was", () => {
  fc.assert(
    fc.property(anyText, text => {
      const shown = printable(text, CHARS);
      expect(shown).not.toMatch(/\p{Cc}/u);
      expect(shown.length).toBeLessThanOrEqual(CHARS + "...".length);
      if (!/\p{Cc}/u.test(text) && text.length <= CHARS) expect(shown).toBe(text);
    }),
  );
});
