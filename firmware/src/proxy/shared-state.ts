import type { LongHeadMemory } from "../http1/head-pool.ts";
import type { Report } from "../log/event.ts";
import { noTraffic, type Traffic } from "../log/traffic.ts";
import { Deadlines } from "../net/deadlines.ts";
import { SCRATCH_BYTES } from "../net/pump.ts";
import { randomSipKey, type SipKey } from "../net/sip-hash.ts";
import type { Clock, Platform } from "../platform.ts";

/** What all configurations share, one after the other: platform, buffers, deadlines, counters. */
export interface SharedState {
  readonly platform: Platform;
  readonly clock: Clock;
  readonly report: Report;
  /** One piece of bytes on its way; see `SCRATCH_BYTES`. */
  readonly scratch: Uint8Array;
  readonly deadlines: Deadlines;
  readonly traffic: Traffic;
  /** Memory for long heads. */
  readonly longHeadMemory: LongHeadMemory;
  /** Our name in Via, different for each board and at each start: it tells that a request has come here before. */
  readonly pseudonym: string;
  /** A new X-Request-Id. */
  requestId(): string;
  /** What cookies are hashed with where the configuration has no key: secret, different at each start. */
  stickyKey(): SipKey;
}

export function sharedState(platform: Platform, report: Report): SharedState {
  const boot = Math.floor(platform.random() * 2 ** 32)
    .toString(16)
    .padStart(8, "0");
  let requests = 0;
  let key: SipKey | undefined;
  return {
    platform,
    clock: platform.clock,
    report,
    scratch: new Uint8Array(SCRATCH_BYTES),
    deadlines: new Deadlines(platform.clock),
    traffic: noTraffic(),
    longHeadMemory: { heldBytes: 0, platform },
    pseudonym: `hot-potato-${boot}`,
    requestId: () => `${boot}-${++requests}`,
    // Drawn when the first client needs it: the chip's random numbers are only good while its radio is on.
    stickyKey: () => {
      key ??= randomSipKey(() => platform.random());
      return key;
    },
  };
}
