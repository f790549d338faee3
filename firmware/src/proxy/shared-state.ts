import { Resolver } from "../dns/resolver.ts";
import type { Report } from "../log/event.ts";
import type { Log } from "../log/log.ts";
import { noTraffic } from "../log/traffic.ts";
import { PowerButtons } from "../machines/power-buttons.ts";
import { Deadlines } from "../net/deadlines.ts";
import { RawStream, SCRATCH_BYTES } from "../net/raw-stream.ts";
import { randomSipKey, type SipKey } from "../net/sip-hash.ts";
import type { Platform } from "../platform.ts";

/** State that is shared by successive configurations: platform, buffers, deadlines, counters. */
export type SharedState = Readonly<ReturnType<typeof sharedState>> & {
  /** See `resolverOf`. */
  resolver?: Resolver;
  /** See `powerButtonsOf`. */
  powerButtons?: PowerButtons;
  /** The time at which the clock was 0, in ms since 1970; `undefined`: not known. The app sets it. */
  timeOfDay?: { readonly startedMs: number | undefined };
};

/** The board's resolver of host names, made for the first that needs it. */
export function resolverOf(shared: SharedState): Resolver {
  const { platform, report } = shared;
  const servers = () => platform.link.dnsServers ?? [];
  shared.resolver ??= new Resolver({ platform, report, servers });
  return shared.resolver;
}

/** The power buttons of machines, made for the first configuration with a machine. */
export function powerButtonsOf(shared: SharedState): PowerButtons {
  shared.powerButtons ??= new PowerButtons(shared.platform);
  return shared.powerButtons;
}

export function sharedState(platform: Platform, log: Log, report: Report) {
  const { clock } = platform;
  const boot = Math.floor(platform.random() * 2 ** 32)
    .toString(16)
    .padStart(8, "0");
  let requests = 0;
  let key: SipKey | undefined;
  const scratch = new Uint8Array(SCRATCH_BYTES);
  return {
    platform,
    clock,
    log,
    report,
    /** One piece of bytes on its way; see `SCRATCH_BYTES`. */
    scratch,
    /** A stream without keywords. */
    rawStream: new RawStream(scratch),
    deadlines: new Deadlines(clock),
    traffic: noTraffic(),
    longHeadMemory: { heldBytes: 0, platform },
    /** The proxy's name in Via, different for each board and at each start: a request that has it was here before. */
    pseudonym: `hot-potato-${boot}`,
    /** A new X-Request-Id. */
    requestId: () => `${boot}-${++requests}`,
    /**
     * The key for cookies where the configuration has none: secret, different at each start. Drawn when
     * the first client needs it: the chip's random numbers are only good while its radio is on.
     */
    stickyKey: () => {
      key ??= randomSipKey(() => platform.random());
      return key;
    },
  };
}
