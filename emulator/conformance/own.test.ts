import { expect, test } from "vitest";
import { CASES } from "./cases.ts";
import { complaintOf } from "./complaint.ts";
import { OWN_DIFFERENCES, OWN_TRAITS } from "./differences.ts";
import { MemoryTarget } from "./memory.ts";

/** Plays a case on the firmware's own sockets, emulated; what it complained about. */
async function play(run: (typeof CASES)[number]["run"]): Promise<string | undefined> {
  const target = new MemoryTarget("own");
  await target.start();
  const seen = await complaintOf(() => run(target));
  expect(await target.stop()).toEqual([]);
  return seen;
}

for (const { name, run } of CASES) {
  const difference = OWN_DIFFERENCES[name];
  const title = difference ? `${OWN_TRAITS[difference.trait]}: not "${name}"` : name;
  test(`${title} (own sockets)`, async () => {
    expect(await play(run)).toBe(difference?.seen);
  });
}

test("every difference is one of a case, and every trait is seen", () => {
  const names = CASES.map(({ name }) => name);
  expect(Object.keys(OWN_DIFFERENCES).filter(name => !names.includes(name))).toEqual([]);
  const seen = new Set<string>(Object.values(OWN_DIFFERENCES).map(({ trait }) => trait));
  expect(Object.keys(OWN_TRAITS).filter(trait => !seen.has(trait))).toEqual([]);
});
