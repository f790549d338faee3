import { ACTIVE_MS, type DnsPart, NO_CLIENT, type Part, POWER_EVENTS } from "./plan.ts";
import type { Prng } from "./prng.ts";

const POWER_EVENTS_MAX = 5;
const DNS_EVENTS_MAX = 4;

const DNS_EVENTS = [
  "silent",
  "servfail",
  "refused",
  "wrong-id",
  "wrong-question",
  "query",
  "truncated",
  "cut",
  "garbage",
  "slow",
  "unknown",
  "moved",
  "moved",
] as const satisfies readonly DnsPart["what"][];

/** Machines that sleep, and what happens to them: about every third plan has some. */
export function machines(prng: Prng, names: readonly string[]): Part[] {
  if (!prng.chance(0.35)) return [];
  const sleepers = prng.chance(0.5) ? names : prng.someOf(names, 0.6);
  const parts: Part[] = sleepers.map(backend => {
    const bootMs = prng.oneOf([300, 2_000, 8_000, 15_000]);
    const hasButton = prng.chance(0.3);
    return {
      kind: "machine",
      backend,
      bootMs,
      networkMs: prng.upTo(bootMs),
      // A host that refuses connections runs, for all that the board knows: its button is not pressed.
      answersArp: !hasButton && prng.chance(0.2),
      suspends: prng.chance(0.3),
      hasButton,
      wakeFor: prng.oneOf([undefined, undefined, undefined, [{ protocol: "raw" }], NO_CLIENT]),
    };
  });
  parts.push({ kind: "setting", key: "holdMs", value: prng.oneOf([2_000, 20_000, 60_000]) });
  if (prng.chance(0.4)) parts.push({ kind: "setting", key: "heldMax", value: prng.upTo(9) });
  if (prng.chance(0.6)) {
    for (let i = prng.between(1, POWER_EVENTS_MAX); i > 0; i--) {
      const [backend, what] = [prng.oneOf(sleepers), prng.oneOf(POWER_EVENTS)];
      parts.push({ kind: "power", backend, atMs: prng.upTo(ACTIVE_MS), what });
    }
  }
  return parts;
}

/** Host names of backends, and what DNS does with them: about every third plan has some. */
export function names(prng: Prng, names: readonly string[]): Part[] {
  if (!prng.chance(0.35)) return [];
  const parts: Part[] = prng.someOf(names, 0.7).map(backend => ({
    kind: "name",
    backend,
    ttlS: prng.oneOf([0, 5, 8, 60]),
    dead: prng.oneOf(["none", "none", "none", "first", "last"]),
  }));
  if (prng.chance(0.3)) {
    parts.push({ kind: "setting", key: "time", value: { server: "time.home" } });
  }
  if (prng.chance(0.6)) {
    const kinds = prng.someOf(DNS_EVENTS, 0.3);
    for (let i = prng.between(1, DNS_EVENTS_MAX); i > 0; i--) {
      const [what, atMs] = [prng.oneOf(kinds), prng.upTo(ACTIVE_MS)];
      parts.push({ kind: "dns", what, atMs, lastsMs: prng.between(500, 12_000) });
    }
  }
  return parts;
}
