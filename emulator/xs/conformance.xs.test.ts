import { expect, test } from "vitest";
import { CASES } from "../conformance/cases.ts";
import { XsTarget } from "./conformance.ts";

for (const [index, { name }] of CASES.entries()) {
  test(`${name} (on XS)`, async () => {
    const target = new XsTarget();
    await target.start();
    await target.play(index);
    expect(await target.stop()).toEqual([]);
  });
}
