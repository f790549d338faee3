import { test } from "vitest";
import { PATIENCE_MS } from "../../hil/kit/patience.ts";
import { CASES } from "./cases.ts";
import { LoopbackTarget } from "./loopback.ts";

for (const { name, not, sockets, run } of CASES) {
  if (sockets === "own") continue;
  test(`${name} (on loopback)`, async ({ skip }) => {
    if (not?.loopback) skip(not.loopback);
    const target = new LoopbackTarget(PATIENCE_MS);
    try {
      await target.start();
      await run(target);
    } finally {
      await target.stop();
    }
  });
}
