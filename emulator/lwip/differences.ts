import { type Difference, OWN_DIFFERENCES, OWN_TRAITS } from "../conformance/differences.ts";

/** Where real lwIP, and the network that it is plugged into here, are not what the emulated ones are. */
export const TRAITS = {
  peer: "the peer's lwIP sends whole segments, and no part of one into what is left of a window",
  silent: "a board without power sends nothing: its peers learn of it by what they send",
  ticks:
    "lwIP counts silence in steps of half a second, and of two that are equal gives up the one that was heard before",
  prompt: "what one packet brings is delivered before the next packet arrives",
} as const;

const differs = (trait: keyof typeof TRAITS, seen: string) => ({ trait, seen });

/** By the names of the cases. */
export const LWIP_DIFFERENCES: Readonly<Record<string, Difference<keyof typeof TRAITS>>> = {
  "a sender is stopped by what is left unread, and only whole segments let it go on": differs(
    "peer",
    "unread at most: is 7180, expected 8192",
  ),
  "a write after a reset that was not yet reported returns undefined, and its bytes are lost":
    differs("prompt", 'written, errors reported before: is [8188,0], expected ["undefined",0]'),
  "a full board gives up the closing connection that received nothing for longest, to connect":
    differs("ticks", "connections after bytes for the silent one: is 7, expected 8"),
  "a full board gives up the closing connection that received nothing for longest, for a new client":
    differs("ticks", "connections after bytes for the silent one: is 6, expected 7"),
  "an exception out of a callback ends the board, and resets its connections": differs(
    "silent",
    "timed out: resets",
  ),
  "without power connections are reset, alarms do not ring, callbacks are not called": differs(
    "silent",
    "timed out: resets",
  ),
  "booted again, the board serves on the same port, and the old program gets no callback": differs(
    "silent",
    "timed out: a reset",
  ),
};

/** Why a case does not hold on target `lwip`, and how it fails. */
export function lwipDifference(name: string): { reason: string; seen: string } | undefined {
  const own = OWN_DIFFERENCES[name];
  const network = LWIP_DIFFERENCES[name];
  if (network !== undefined) return { reason: TRAITS[network.trait], seen: network.seen };
  return own && { reason: OWN_TRAITS[own.trait], seen: own.seen };
}
