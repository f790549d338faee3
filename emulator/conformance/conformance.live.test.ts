import { expect, test } from "vitest";
import { PATIENCE_MS } from "../../hil/kit/patience.ts";
import type { SocketKind } from "../src/boards/kind.ts";
import { CASES } from "./cases.ts";
import { complaintOf } from "./complaint.ts";
import { OWN_DIFFERENCES, OWN_NOT_ON_LOOPBACK, OWN_TRAITS } from "./differences.ts";
import { LoopbackTarget } from "./loopback.ts";
import type { Case } from "./target.ts";

/** How long a case waits for what does not happen. */
const FUTILE_MS = 1_000;

/** Plays a case; what it complained about. */
async function play(
  run: Case["run"],
  kind: SocketKind,
  patienceMs = PATIENCE_MS,
): Promise<string | undefined> {
  const target = new LoopbackTarget(patienceMs, kind);
  try {
    await target.start();
    return await complaintOf(() => run(target));
  } finally {
    await target.stop();
  }
}

for (const { name, not, sockets, run } of CASES) {
  if (sockets !== "own") {
    test(`${name} (on loopback)`, async ({ skip }) => {
      if (not?.loopback) skip(not.loopback);
      expect(await play(run, "sdk")).toBeUndefined();
    });
  }
  const difference = OWN_DIFFERENCES[name];
  const title = difference ? `${OWN_TRAITS[difference.trait]}: not "${name}"` : name;
  test(`${title} (own sockets, on loopback)`, async ({ skip }) => {
    const skipped = not?.loopback ?? OWN_NOT_ON_LOOPBACK[name];
    if (skipped) skip(skipped);
    const isFutile = difference?.seen.startsWith("timed out");
    expect(await play(run, "own", isFutile ? FUTILE_MS : undefined)).toBe(difference?.seen);
  });
}
