import { STREAM_BYTES_MAX } from "./bytes.ts";
import { MALFORMED } from "./malformed.ts";
import {
  type ClientPart,
  type HttpClient,
  MODES,
  type OddClient,
  type Part,
  type PlannedRequest,
  PORTS,
  type RawClient,
  STORM_MS,
} from "./plan.ts";
import type { Dice } from "./prng.ts";

const CLIENTS_MAX = 32;

/** Who comes, when, and what for. */
export function clients(dice: Dice): Part[] {
  const kinds = dice.someOf(["raw", "upgrade", "http", "http", "odd"] as const);
  const modes = dice.chance(0.3) ? (["length"] as const) : dice.someOf(MODES, 0.4);
  const share = { leaving: dice.oneOf([0, 0, 0.1, 0.5]), slow: dice.oneOf([0, 0.2, 0.5]) };
  const parts: ClientPart[] = [];
  const add = (atMs: number) => {
    const kind = dice.oneOf(kinds);
    const id = parts.length;
    const leaves = dice.chance(share.leaving)
      ? {
          afterMs: dice.upTo(dice.oneOf([10, 200, 2_000])),
          how: dice.oneOf(["end", "destroy", "reset", "vanish"] as const),
        }
      : undefined;
    const receiveWindow = dice.oneOf([65_535, 65_535, 2_048]);
    const base = { kind: "client", id, atMs, receiveWindow, leaves } as const;
    if (kind === "odd") parts.push({ ...base, ...odd(dice) });
    else if (kind === "http") parts.push({ ...base, ...http(dice, modes, share.slow) });
    else parts.push({ ...base, ...raw(dice, kind === "upgrade", share.slow) });
  };
  const count = dice.between(1, CLIENTS_MAX);
  for (let i = 0; i < count; i++) add(dice.upTo(STORM_MS));
  // More at once than the board has room for.
  if (dice.chance(0.3)) {
    const atMs = dice.upTo(STORM_MS);
    for (let i = dice.between(8, 40); i > 0; i--) add(atMs + dice.upTo(50));
  }
  return parts;
}

/** Most are small; some fill every buffer on the way several times over. */
function size(dice: Dice): number {
  return dice.upTo(dice.oneOf([2, 200, 2_000, 8_000, 40_000]));
}

function writing(dice: Dice, bytes: number): RawClient["writing"] {
  if (dice.chance(0.6)) return { pieceBytes: STREAM_BYTES_MAX, gapMs: 0 };
  return { pieceBytes: dice.between(1 + Math.ceil(bytes / 40), 3_000), gapMs: dice.between(0, 60) };
}

function reading(dice: Dice, slow: number): RawClient["reading"] {
  if (!dice.chance(slow)) return "steady";
  return dice.chance(0.8) ? "slow" : "stalled";
}

function raw(dice: Dice, upgrade: boolean, slow: number) {
  const upBytes = size(dice);
  const ends = [
    "client",
    "client",
    "hasty",
    "backend",
    "nobody",
    "keyword",
    "answer-keyword",
  ] as const;
  return {
    does: "raw",
    upgrade,
    port: upgrade ? dice.oneOf([PORTS.auto, PORTS.http]) : dice.oneOf([PORTS.auto, PORTS.tcp]),
    upBytes,
    downBytes: size(dice),
    writing: writing(dice, upBytes),
    reading: reading(dice, slow),
    ends: dice.oneOf(ends),
  } satisfies Partial<RawClient>;
}

function http(dice: Dice, modes: readonly PlannedRequest["mode"][], slow: number) {
  const minor = dice.chance(0.1) ? 0 : 1;
  const count = minor === 0 ? 1 : dice.between(1, 6);
  return {
    does: "http",
    port: dice.oneOf([PORTS.auto, PORTS.http]),
    requests: Array.from({ length: count }, () => request(dice, minor, modes)),
    pipelined: dice.oneOf([1, 1, 2, 6]),
    writing: writing(dice, 10_000),
    reading: reading(dice, slow),
    stays: dice.chance(0.2),
  } satisfies Partial<HttpClient>;
}

function request(
  dice: Dice,
  minor: 0 | 1,
  modes: readonly PlannedRequest["mode"][],
): PlannedRequest {
  const method = dice.oneOf(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"] as const);
  const bodied = method === "POST" || (method === "PUT" && dice.chance(0.8));
  const framing = minor === 0 ? "length" : dice.oneOf(["length", "chunked"] as const);
  return {
    method,
    minor,
    upBytes: bodied ? size(dice) : 0,
    upFraming: bodied ? framing : "none",
    downBytes: size(dice),
    mode: dice.oneOf(modes),
    pauseMs: dice.chance(0.3) ? dice.upTo(700) : 0,
  };
}

function odd(dice: Dice) {
  return {
    does: dice.oneOf(["silent", "slow-loris", "malformed", "malformed"] as const),
    port: dice.oneOf([PORTS.auto, PORTS.http]),
    which: dice.upTo(MALFORMED.length),
  } satisfies Partial<OddClient>;
}
