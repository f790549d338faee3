import { expect, test } from "vitest";
import { REQUEST_LINE, SESSION_LINE } from "../../firmware/src/log/line-format.ts";
import { LineRing, writeLine } from "../../firmware/src/log/line-ring.ts";
import type { LineValues } from "../../firmware/src/platform.ts";
import fc from "../../hil/kit/properties.ts";
import { machineWith } from "./engine-snapshots.ts";

/** Half of a pair would not survive the way to the engine. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

test("the chip's C writes the same lines as TypeScript: lines, values of any kind, and what goes for them", () => {
  const machine = machineWith("lines", { now: () => 0, answer: () => "" });
  const text = fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
    fc.string({ unit: fc.constantFrom('"', "\\", "\n", "\0", "\xe9", "\ud800", "\u{1f600}", "a") }),
    fc.string({ unit: "grapheme-ascii", minLength: 150, maxLength: 170 }),
    fc.constantFrom("", "GET", "/index.html"),
  );
  const number = fc.oneof(
    fc.integer({ min: -1, max: 100_000 }),
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    fc.double({ min: -2, max: 1e9, noNaN: true }),
    fc.constantFrom(0, -0, 0.5, -0.5, 2 ** 32 - 1, 2 ** 32, 2 ** 32 - 0.5),
  );
  const values = fc
    .tuple(
      fc.array(text, { minLength: 7, maxLength: 7 }),
      fc.array(number, { minLength: 12, maxLength: 12 }),
    )
    .map(([texts, numbers]) => [...texts, ...numbers] as unknown as LineValues);
  const plain = fc.string({ unit: "grapheme-ascii", maxLength: 2_500 });
  const line = fc.record({
    format: fc.oneof(fc.constantFrom(REQUEST_LINE, SESSION_LINE), plain),
    values,
  });
  const script = fc.record({
    ringBytes: fc.integer({ min: 520, max: 700 }).map(words => 4 * words),
    lines: fc.array(line, { maxLength: 20 }),
    holdAfter: fc.integer({ min: 0, max: 30 }),
  });
  fc.assert(
    fc.property(script, given => {
      const ring = new LineRing(given.ringBytes, {});
      for (const [order, { format, values }] of given.lines.entries()) {
        if (order === given.holdAfter) ring.hold();
        writeLine(ring.buffer, order, format, ...values);
      }
      const words = [...new Uint32Array(ring.buffer, 0, 8)];
      const last: string[] = [];
      for (const at = ring.first(); at.number < ring.count; ring.advance(at))
        last.push(ring.text(at));
      expect(JSON.parse(machine.command(asciiJson(given)))).toEqual({ last, words });
    }),
    { numRuns: 300 },
  );
});
