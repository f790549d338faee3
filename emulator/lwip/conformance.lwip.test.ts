import { expect, test } from "vitest";
import { CASES } from "../conformance/cases.ts";
import { complaintOf } from "../conformance/complaint.ts";
import { LWIP_DIFFERENCES, LWIP_TRAITS, lwipDifference } from "../conformance/differences.ts";
import { XsTarget } from "../xs/conformance.ts";
import { LwipTarget } from "./conformance.ts";

/** Plays a case; what it complained about. */
async function play(index: number): Promise<string | undefined> {
  const target = new XsTarget("own", machine => new LwipTarget(machine));
  await target.start();
  const seen = await complaintOf(() => target.play(index));
  expect(await target.stop()).toEqual([]);
  return seen;
}

for (const [index, { name }] of CASES.entries()) {
  const difference = lwipDifference(name);
  if (difference === undefined) {
    test(`${name} (on lwIP)`, async () => {
      expect(await play(index)).toBeUndefined();
    });
    continue;
  }
  test(`${difference.reason}: not "${name}" (on lwIP)`, async () => {
    const seen = await play(index);
    expect(seen?.endsWith(difference.seen) ? difference.seen : seen).toBe(difference.seen);
  });
}

test("every difference is one of a case, and every trait is seen", () => {
  const names = CASES.map(({ name }) => name);
  expect(Object.keys(LWIP_DIFFERENCES).filter(name => !names.includes(name))).toEqual([]);
  const seen = new Set(Object.values(LWIP_DIFFERENCES).map(({ trait }) => trait));
  expect(
    Object.keys(LWIP_TRAITS).filter(trait => !seen.has(trait as keyof typeof LWIP_TRAITS)),
  ).toEqual([]);
});
