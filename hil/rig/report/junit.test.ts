import { describe, expect, test } from "vitest";
import { EXIT } from "../run.ts";
import { junit } from "./junit.ts";
import { aResult, aRun, parsed } from "./testing.ts";

const NOISE = `\u0000\u001b[31m\u007f\u009f\ud800 \ufffe ]]> </failure> & <b> "it's" é 🥔`;

describe("JUnit XML", () => {
  test("is well-formed whatever a board printed, and contains the printable part", () => {
    const elements = parsed(
      junit(
        aRun({
          board: { kind: "serial", identity: NOISE, firmware: NOISE },
          results: [
            aResult({ verdict: "failed", theme: NOISE, title: NOISE, why: NOISE }),
            aResult({ verdict: "flaky", why: NOISE }),
          ],
          measurements: [{ name: NOISE, unit: NOISE, value: 1, min: 2 }],
        }),
      ),
    );
    const failure = elements.find(({ name }) => name === "failure");
    expect(failure?.text).toBe(`␀␛[31m␡\ufffd\ufffd \ufffd ]]> </failure> & <b> "it's" é 🥔`);
  });

  test("has a failure for the firmware's fault, an error for the rig's, and a skip with its reason", () => {
    const elements = parsed(
      junit(
        aRun({
          exitCode: EXIT.firmware,
          results: [
            aResult(),
            aResult({
              verdict: "failed",
              why: "no answer\nthe last lines: …",
              incidents: [
                { kind: "panic", blame: "firmware", text: "x", lines: ["Backtrace: 1"], ms: 1 },
              ],
            }),
            aResult({ verdict: "rig-error", why: "brownout" }),
            aResult({ verdict: "skipped", why: "needs weather" }),
            aResult({ verdict: "not-reached", why: "the board was lost" }),
            aResult({ verdict: "flaky", why: "port-lost" }),
          ],
        }),
      ),
    );
    const fates = elements.filter(({ name }) => /^(failure|error|skipped)$/.test(name));
    expect(fates.map(({ name, attributes }) => [name, attributes.message])).toEqual([
      ["failure", "no answer"],
      ["error", "brownout"],
      ["skipped", "needs weather"],
      ["skipped", "not reached: the board was lost"],
    ]);
    expect(fates[0].text).toContain("Backtrace: 1");
    const [scenarios] = elements.filter(({ name }) => name === "testsuite");
    expect(scenarios.attributes).toMatchObject({
      tests: "6",
      failures: "1",
      errors: "1",
      skipped: "2",
    });
  });

  test("has measurements as properties with units; a broken limit or a missing figure fails", () => {
    const elements = parsed(
      junit(
        aRun({
          exitCode: EXIT.firmware,
          measurements: [
            { name: "boot", unit: "ms", value: 412, max: 500 },
            { name: "connect p95", unit: "ms", value: 38.2, max: 25 },
            { name: "heap floor", unit: "B", value: null, min: 40_000 },
          ],
        }),
      ),
    );
    const properties = elements
      .filter(({ name }) => name === "property")
      .map(({ attributes }) => [attributes.name, attributes.value]);
    expect(properties).toContainEqual(["boot (ms)", "412"]);
    expect(properties).toContainEqual(["heap floor (B)", "not measured"]);
    expect(
      elements.filter(({ name }) => name === "failure").map(({ attributes }) => attributes.message),
    ).toEqual([
      "connect p95: 38.2 ms, at most 25 ms",
      "heap floor: not measured, at least 40,000 B",
    ]);
  });

  test.each([EXIT.rig, EXIT.boardLost, EXIT.noBoard])(
    "a run that ends with code %i is red, even if nothing in it is",
    exitCode => {
      const [all] = parsed(junit(aRun({ exitCode }))).filter(({ name }) => name === "testsuites");
      expect(all.attributes).toMatchObject({ failures: "0", errors: "1" });
    },
  );

  test("has no failure for a passed run", () => {
    const [all] = parsed(junit(aRun())).filter(({ name }) => name === "testsuites");
    expect(all.attributes).toMatchObject({ tests: "2", failures: "0", errors: "0" });
  });
});
