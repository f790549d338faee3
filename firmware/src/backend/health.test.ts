import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { EJECTION_MAX_MS, EJECTION_MS, Health, type HealthRules } from "./health.ts";
import { RULES } from "./testing.ts";

function health(rules: Partial<HealthRules> = {}): Health {
  return new Health({ ...RULES, ...rules }, { count: 0 });
}

/** Health whose first check, which decides alone, has passed. */
function checkedOnce(rules: Partial<HealthRules> = {}): Health {
  const one = health(rules);
  one.passed("L4OK", 0);
  return one;
}

describe("checks", () => {
  test("`fall` failed checks in a row take it down, and `rise` passed ones bring it back", () => {
    const one = checkedOnce();
    expect(one.failed("L4CON", 1)).toBeUndefined();
    expect(one.failed("L4CON", 2)).toBeUndefined();
    expect(one.passed("L4OK", 3)).toBeUndefined(); // starts the count again
    expect(one.failed("L4CON", 4)).toBeUndefined();
    expect(one.failed("L4TOUT", 5)).toBeUndefined();
    expect([one.failed("L4TOUT", 6), one.up]).toEqual(["down", false]);

    expect(one.passed("L4OK", 7)).toBeUndefined();
    expect(one.failed("L4CON", 8)).toBeUndefined();
    expect(one.passed("L4OK", 9)).toBeUndefined();
    expect([one.passed("L4OK", 10), one.up]).toEqual(["up", true]);
  });

  test("the first check decides alone, whatever `start` is", () => {
    expect(health().failed("L4CON", 1)).toBe("down");
    expect(health({ start: "down" }).passed("L4OK", 1)).toBe("up");
    const usual = health();
    usual.passed("L4OK", 1);
    expect(usual.failed("L4CON", 2)).toBeUndefined();
  });

  test("the code is kept with the time since when it has been the same", () => {
    const one = checkedOnce();
    one.failed("L7STS/503", 10);
    one.failed("L7STS/503", 20);
    expect([one.code, one.codeSinceMs]).toEqual(["L7STS/503", 10]);
    one.failed("L4TOUT", 30);
    expect([one.code, one.codeSinceMs, one.sinceMs]).toEqual(["L4TOUT", 30, 30]);
  });

  test("404 to a check starts a drain, and the next passed check ends it", () => {
    const one = checkedOnce();
    expect(one.passed("L7OKC/404", 1)).toBe("drain");
    expect(one.passed("L7OKC/404", 2)).toBeUndefined();
    expect([one.up, one.wantsDrain]).toEqual([true, true]);
    expect(one.passed("L7OK/200", 3)).toBe("drain-end");
    expect(one.wantsDrain).toBe(false);
  });

  test("a drain ends when the backend goes down, and begins again only when it is up", () => {
    const one = checkedOnce({ fall: 2, rise: 2 });
    expect(one.passed("L7OKC/404", 1)).toBe("drain");
    expect(one.failed("L4CON", 2)).toBeUndefined();
    expect(one.wantsDrain).toBe(true); // still up
    expect([one.failed("L4CON", 3), one.wantsDrain]).toEqual(["down", false]);
    expect([one.passed("L7OK/200", 4), one.passed("L7OK/200", 5)]).toEqual([undefined, "up"]);

    one.failed("L4CON", 6);
    one.failed("L4CON", 7);
    expect([one.passed("L7OKC/404", 8), one.wantsDrain]).toEqual([undefined, false]);
    expect([one.passed("L7OKC/404", 9), one.wantsDrain]).toEqual(["up", true]);
    expect(one.passed("L7OK/200", 10)).toBe("drain-end");
  });

  test("in any sequence of results it is down exactly after `fall` failures, up after `rise` passes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        (rise, fall, verdicts) => {
          const one = checkedOnce({ rise, fall });
          let up = true;
          let against = 0;
          for (const [ms, good] of verdicts.entries()) {
            if (good) one.passed("L4OK", ms);
            else one.failed("L4CON", ms);
            against = good === up ? 0 : against + 1;
            if (against >= (up ? fall : rise)) {
              up = !up;
              against = 0;
            }
            expect(one.up).toBe(up);
          }
        },
      ),
    );
  });
});

describe("a host name", () => {
  test("without an address the backend is down, with DNS as its reason once that failed", () => {
    const one = health();
    one.awaitsAddress(1);
    expect([one.up, one.code]).toEqual([false, undefined]);
    expect(one.unresolved(2)).toBe("down");
    expect([one.unresolved(3), one.code, one.codeSinceMs]).toEqual([undefined, "DNS", 2]);
  });

  test("with its first addresses it is what `start` says, and the first check decides alone", () => {
    const one = health();
    one.awaitsAddress(1);
    expect(one.resolved(true, 2)).toBe("up");
    expect(one.failed("L4CON", 3)).toBe("down");
    const cautious = health({ start: "down" });
    cautious.awaitsAddress(1);
    expect(cautious.resolved(true, 2)).toBeUndefined();
    expect(cautious.passed("L4OK", 3)).toBe("up");
  });

  test("after a failure it waits for a passed check, of which one is enough, at its whole weight", () => {
    const one = health({ slowStartMs: 10_000 });
    one.awaitsAddress(1);
    one.unresolved(2);
    expect([one.resolved(true, 3), one.up, one.code]).toEqual([undefined, false, undefined]);
    expect(one.passed("L4OK", 4)).toBe("up");
    expect(one.slowStartFactor(5)).toBe(1);
  });

  test("without checks it is up as soon as it has an address", () => {
    const one = health();
    one.awaitsAddress(1);
    one.unresolved(2);
    expect([one.resolved(false, 3), one.up]).toEqual(["up", true]);
  });

  test("each change of what can be picked is counted", () => {
    const changes = { count: 0 };
    const one = new Health(RULES, changes);
    one.awaitsAddress(1);
    expect(changes.count).toBe(1);
    one.resolved(false, 2);
    expect(changes.count).toBe(2);
  });
});

describe("requests", () => {
  function fails(one: Health, times: number, nowMs: number): unknown[] {
    return Array.from({ length: times }, () => one.requestFailed("L4CON", nowMs, false));
  }

  test("three failures in a row eject for 10 s; an answered request starts the count again", () => {
    const one = checkedOnce();
    fails(one, 2, 1000);
    one.requestAnswered();
    expect(fails(one, 3, 1000)).toEqual([undefined, undefined, "ejected"]);
    expect(one.ejectedUntilMs).toBe(1000 + EJECTION_MS);
    expect(one.up).toBe(true); // only checks change that
  });

  test("failures during an ejection change nothing", () => {
    const one = checkedOnce();
    fails(one, 3, 0);
    fails(one, 10, 5000);
    expect(one.ejectedUntilMs).toBe(EJECTION_MS);
  });

  test("after an ejection the first request decides, and each ejection in a row is longer, up to the maximum", () => {
    const one = checkedOnce();
    fails(one, 3, 0);
    const lengths: number[] = [];
    for (let round = 0; round < 20; round++) {
      const nowMs = one.ejectedUntilMs;
      expect(one.requestFailed("L4CON", nowMs, false)).toBe("ejected");
      lengths.push(one.ejectedUntilMs - nowMs);
    }
    expect(lengths.slice(0, 3)).toEqual([2 * EJECTION_MS, 3 * EJECTION_MS, 4 * EJECTION_MS]);
    expect(Math.max(...lengths)).toBe(EJECTION_MAX_MS);
  });

  test("after serving for as long as its last ejection it starts at the shortest again", () => {
    const one = checkedOnce();
    fails(one, 3, 0);
    one.requestFailed("L4CON", 10_000, false); // 20 s, until 30 s
    one.requestAnswered();
    fails(one, 3, 50_000);
    expect(one.ejectedUntilMs).toBe(50_000 + EJECTION_MS);
  });

  test("the last available backend is not ejected, and with `ejectAfter` 0 none is", () => {
    const last = checkedOnce();
    for (let i = 0; i < 10; i++) expect(last.requestFailed("L4CON", i, true)).toBeUndefined();
    expect(last.ejectedUntilMs).toBe(0);
    expect(fails(checkedOnce({ ejectAfter: 0 }), 10, 0)).toEqual(Array(10).fill(undefined));
  });

  test("coming up clears failures and ejections", () => {
    const one = checkedOnce({ fall: 1, rise: 1 });
    fails(one, 3, 0);
    one.failed("L4CON", 1);
    one.passed("L4OK", 2);
    expect(one.ejectedUntilMs).toBe(0);
    expect(fails(one, 3, 3)).toEqual([undefined, undefined, "ejected"]);
    expect(one.ejectedUntilMs).toBe(3 + EJECTION_MS);
  });
});

test("slow start: after it was down its share grows from a tenth; at boot it is whole at once", () => {
  const rules = { slowStartMs: 10_000, fall: 1, rise: 1 };
  const atBoot = health({ ...rules, start: "down" });
  atBoot.passed("L4OK", 0);
  expect(atBoot.slowStartFactor(0)).toBe(1);

  atBoot.failed("L4CON", 1000);
  atBoot.passed("L4OK", 2000);
  expect([2000, 4000, 7000, 12_000, 99_000].map(ms => atBoot.slowStartFactor(ms))).toEqual([
    0.1, 0.2, 0.5, 1, 1,
  ]);
});
