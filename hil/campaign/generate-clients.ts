import { STREAM_BYTES_MAX } from "./bytes.ts";
import { MALFORMED } from "./malformed.ts";
import {
  ACTIVE_MS,
  type ClientPart,
  type HostileClient,
  type HttpClient,
  MODES,
  type Part,
  type PlannedRequest,
  PORTS,
  type RawClient,
} from "./plan.ts";
import type { Prng } from "./prng.ts";

const CLIENTS_MAX = 32;

/** The clients of a plan. */
export function clients(prng: Prng): Part[] {
  const kinds = prng.someOf(["raw", "upgrade", "http", "http", "hostile"] as const);
  const modes = prng.chance(0.3) ? (["length"] as const) : prng.someOf(MODES, 0.4);
  const share = { leaving: prng.oneOf([0, 0, 0.1, 0.5]), slow: prng.oneOf([0, 0.2, 0.5]) };
  const parts: ClientPart[] = [];
  const add = (atMs: number) => {
    const kind = prng.oneOf(kinds);
    const id = parts.length;
    const leavesEarly = prng.chance(share.leaving)
      ? {
          afterMs: prng.upTo(prng.oneOf([10, 200, 2_000])),
          how: prng.oneOf(["end", "destroy", "reset", "vanish"] as const),
        }
      : undefined;
    const receiveWindow = prng.oneOf([65_535, 65_535, 2_048]);
    const base = { kind: "client", id, atMs, receiveWindow, leavesEarly } as const;
    if (kind === "hostile") parts.push({ ...base, ...hostile(prng) });
    else if (kind === "http") parts.push({ ...base, ...http(prng, modes, share.slow) });
    else parts.push({ ...base, ...raw(prng, kind === "upgrade", share.slow) });
  };
  const count = prng.between(1, CLIENTS_MAX);
  for (let i = 0; i < count; i++) add(prng.upTo(ACTIVE_MS));
  // More at once than the board can accept.
  if (prng.chance(0.3)) {
    const atMs = prng.upTo(ACTIVE_MS);
    for (let i = prng.between(8, 40); i > 0; i--) add(atMs + prng.upTo(50));
  }
  return parts;
}

/** Most sizes are small; some exceed all buffers on the way several times. */
function size(prng: Prng): number {
  return prng.upTo(prng.oneOf([2, 200, 2_000, 8_000, 40_000]));
}

function writing(prng: Prng, bytes: number): RawClient["writing"] {
  if (prng.chance(0.6)) return { pieceBytes: STREAM_BYTES_MAX, gapMs: 0 };
  return { pieceBytes: prng.between(1 + Math.ceil(bytes / 40), 3_000), gapMs: prng.between(0, 60) };
}

function reading(prng: Prng, slow: number): RawClient["reading"] {
  if (!prng.chance(slow)) return "steady";
  return prng.chance(0.8) ? "slow" : "stalled";
}

function raw(prng: Prng, upgrade: boolean, slow: number) {
  const upBytes = size(prng);
  const ends = [
    "client",
    "client",
    "hasty",
    "backend",
    "neither",
    "keyword",
    "answer-keyword",
  ] as const;
  return {
    does: "raw",
    upgrade,
    port: upgrade ? prng.oneOf([PORTS.auto, PORTS.http]) : prng.oneOf([PORTS.auto, PORTS.tcp]),
    upBytes,
    downBytes: size(prng),
    writing: writing(prng, upBytes),
    reading: reading(prng, slow),
    ends: prng.oneOf(ends),
  } satisfies Partial<RawClient>;
}

function http(prng: Prng, modes: readonly PlannedRequest["mode"][], slow: number) {
  const minor = prng.chance(0.1) ? 0 : 1;
  const count = minor === 0 ? 1 : prng.between(1, 6);
  return {
    does: "http",
    port: prng.oneOf([PORTS.auto, PORTS.http]),
    requests: Array.from({ length: count }, () => request(prng, minor, modes)),
    pipelined: prng.oneOf([1, 1, 2, 6]),
    writing: writing(prng, 10_000),
    reading: reading(prng, slow),
    stays: prng.chance(0.2),
  } satisfies Partial<HttpClient>;
}

function request(
  prng: Prng,
  minor: 0 | 1,
  modes: readonly PlannedRequest["mode"][],
): PlannedRequest {
  const method = prng.oneOf(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"] as const);
  const bodied = method === "POST" || (method === "PUT" && prng.chance(0.8));
  const framing = minor === 0 ? "length" : prng.oneOf(["length", "chunked"] as const);
  return {
    method,
    minor,
    upBytes: bodied ? size(prng) : 0,
    upFraming: bodied ? framing : "none",
    downBytes: size(prng),
    mode: prng.oneOf(modes),
    pauseMs: prng.chance(0.3) ? prng.upTo(700) : 0,
  };
}

function hostile(prng: Prng) {
  return {
    does: prng.oneOf(["silent", "slow-loris", "malformed", "malformed"] as const),
    port: prng.oneOf([PORTS.auto, PORTS.http]),
    which: prng.upTo(MALFORMED.length),
  } satisfies Partial<HostileClient>;
}
