import { expect, test } from "vitest";
import { REQUEST_LINE, SESSION_LINE } from "../../firmware/src/log/line-format.ts";
import type { LineValues } from "../../firmware/src/platform.ts";
import fc from "../../hil/kit/properties.ts";
import { machineWith } from "./engine-snapshots.ts";
import { playSteps, type Step } from "./line-script.ts";

/** Half of a pair would not survive the way to the engine. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

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

const requestLine = fc.record({ format: fc.constantFrom(REQUEST_LINE, SESSION_LINE), values });

const step: fc.Arbitrary<Step> = fc.oneof(
  requestLine,
  requestLine,
  requestLine,
  fc.record({ format: plain, values }),
  fc.record({
    event: fc.record({
      ...{ level: fc.constant("E" as const), on: fc.constant("proxy" as const) },
      ...{ what: fc.constant("exception" as const), error: text },
    }),
  }),
  fc.record({ read: fc.nat(300), isOneLine: fc.boolean(), afterMs: fc.nat(900) }),
);

test("the chip's C writes and reads the same lines as TypeScript, whatever the values are, and drops the same", () => {
  const machine = machineWith("lines", { now: () => 0, answer: () => "" });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const seen = JSON.parse(machine.command(asciiJson(steps))!);
      expect(seen).toEqual(JSON.parse(JSON.stringify(playSteps(steps, {}))));
    }),
    { numRuns: 300 },
  );
});
