import { expect, test } from "vitest";
import { CASES } from "../conformance/cases.ts";
import { complaintOf } from "../conformance/complaint.ts";
import { OWN_DIFFERENCES, OWN_TRAITS } from "../conformance/differences.ts";
import type { SocketKind } from "../src/boards/kind.ts";
import { XsTarget } from "./conformance.ts";

/** Plays a case; what it complained about. */
async function play(index: number, sockets: SocketKind): Promise<string | undefined> {
  const target = new XsTarget(sockets);
  await target.start();
  const seen = await complaintOf(() => target.play(index));
  expect(await target.stop()).toEqual([]);
  return seen;
}

for (const [index, { name, sockets }] of CASES.entries()) {
  const difference = OWN_DIFFERENCES[name];
  const title = difference ? `${OWN_TRAITS[difference.trait]}: not "${name}"` : name;
  if (sockets !== "own") {
    test(`${name} (on XS)`, async () => {
      expect(await play(index, "sdk")).toBeUndefined();
    });
  }
  test(`${title} (own sockets, on XS)`, async () => {
    const seen = await play(index, "own");
    expect(difference && seen?.endsWith(difference.seen) ? difference.seen : seen).toBe(
      difference?.seen,
    );
  });
}
