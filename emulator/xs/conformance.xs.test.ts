import { expect, test } from "vitest";
import { CASES } from "../conformance/cases.ts";
import { XsTarget } from "./conformance.ts";

for (const [index, { name, sockets }] of CASES.entries()) {
  if (sockets === "own") continue;
  test(`${name} (on XS)`, async () => {
    const target = new XsTarget();
    await target.start();
    await target.play(index);
    expect(await target.stop()).toEqual([]);
  });
}
