/**
 * Where the firmware's own sockets (firmware/native) are not what the cases say of the SDK's, emulated or on real lwIP. Each difference is
 * intended.
 */
export const OWN_TRAITS = {
  freed: "the SDK's sockets point to what lwIP has freed, and end the board; ours do not",
  end: "the peer's FIN is reported once, behind the last byte, and writing goes on until then",
  reported: "an end or a reset is reported to every object that takes the connection over",
  early:
    "bytes and FIN that are received before a connection is accepted are kept, and can be read at once",
  waiting: "a listener that is closed resets the clients that wait",
  flush: "each write leaves at once",
  queued: "what lwIP cannot queue is not taken, and the connection lives on",
  empty: "a client that finds no control block is not announced",
  once: "events of a connection are merged, and there is no queue of them that could be full",
  words: "the same refusal in other words",
} as const;

export interface Difference<Trait extends string> {
  readonly trait: Trait;
  /** How the case fails. */
  readonly seen: string;
}

const differs = (trait: keyof typeof OWN_TRAITS, seen: string) => ({ trait, seen });

const NOT_READY = 'expected Error "not ready", nothing thrown';
const NO_END = 'expected Error "", nothing thrown';

/** By the names of the cases. */
export const OWN_DIFFERENCES: Readonly<Record<string, Difference<keyof typeof OWN_TRAITS>>> = {
  "an address is a number: names and other texts are refused": differs(
    "words",
    'expected RangeError "cannot buffer string", thrown was Error "invalid address"',
  ),
  "a format is set to number or buffer, or not at all": differs(
    "words",
    'expected RangeError "unknown", thrown was RangeError "unimplemented"',
  ),
  "a port that is taken is no memory, and one control block less until the reset": differs(
    "words",
    'expected RangeError "no memory", thrown was Error "socket bind"',
  ),
  "written bytes leave at the end of the turn, all as one piece": differs(
    "flush",
    'pieces: is ["ab","cd"], expected ["abcd"]',
  ),
  "closing over unread bytes is a reset, and bytes that were not yet sent are lost": differs(
    "flush",
    'received, ending: is ["answer","reset"], expected ["","reset"]',
  ),
  "more segments than lwIP queues: the write returns undefined, and the connection is dead":
    differs("queued", "the first that was refused: is -1, expected 23"),
  "onError waits until all was read, and writing is over meanwhile": differs("end", NOT_READY),
  "after a reset, bytes that arrived before it can be read, then onError": differs(
    "end",
    NOT_READY,
  ),
  "bytes and FIN in one turn, read at once, give onError twice": differs(
    "end",
    'events: is ["readable 3","error"], expected ["readable 3","error","error"]',
  ),
  "an error that was reported to the first object is not reported to the second": differs(
    "reported",
    NOT_READY,
  ),
  "from a dead connection is invalid, and the dead one must still be closed": differs(
    "reported",
    'expected Error "invalid from", nothing thrown',
  ),
  "a reset after FIN calls no callback, and closing then ends the board": differs("freed", NO_END),
  "a reset in the same turn as FIN is reported as one error, and closing ends the board": differs(
    "freed",
    NO_END,
  ),
  "closing a listener over a waiting client that has reset ends the board": differs(
    "freed",
    NO_END,
  ),
  "accepting a client that reset while it waited ends the board": differs("freed", NO_END),
  "asking for the peer of a connection that was reset ends the board, whatever the program catches":
    differs("freed", 'fatal: is undefined, expected "remote address of a connection that is gone"'),
  "a reset between close and an event that was queued ends the board": differs(
    "freed",
    "timed out: the end",
  ),
  "closing a listener whose announcement is queued ends the board": differs(
    "freed",
    "timed out: the end",
  ),
  "closed while an event of it is queued, it begins to close only when that is served": differs(
    "once",
    'expected RangeError "no socket", nothing thrown',
  ),
  "one event more than the queue holds ends the board": differs(
    "once",
    "fatal: is undefined, expected true",
  ),
  "reading past the end gives undefined, and leaks an object": differs(
    "empty",
    "objects: is 1, expected 2",
  ),
  "a full board announces an empty socket for each SYN, and accepts the client when a connection is over":
    differs("empty", "timed out: an empty socket"),
  "an empty socket has no connection: reading and writing give undefined, from refuses it": differs(
    "empty",
    "timed out: an empty socket",
  ),
  "asking an empty socket for its peer ends the board, whatever the program catches": differs(
    "empty",
    "timed out: an empty socket",
  ),
  "a closed listener refuses new clients, closes those that wait, and throws SyntaxError": differs(
    "waiting",
    "timed out: the end",
  ),
  "a bare FIN that arrived before it was accepted is never reported: lwIP closes by itself, and then it is an error":
    differs("early", "errors: is 1, expected 0"),
  "lwIP closes a waiting connection that has sent FIN, and accepting it later ends the board":
    differs("early", "timed out: the board's own FIN"),
  "bytes that arrived before it was accepted are delivered when lwIP's fast timer rings": differs(
    "early",
    "reported 0 ms late: is [false,true], expected [true,true]",
  ),
  "of the segments that arrive before it is accepted only the first is kept: the others are sent again, in order":
    differs("early", "announced less than all: is false, expected true"),
  "each segment takes a full one of the heap, and none left is a dead connection": differs(
    "queued",
    'some dead, fatal: is [false,"none"], expected [true,"none"]',
  ),
};

const KERNEL =
  "the computer's kernel takes each write at once, which counts as acknowledged, and ends it with FIN before a reset";

/** The cases that the firmware's own sockets cannot play on the computer's network, beside those that no board can. */
export const OWN_NOT_ON_LOOPBACK: Readonly<Record<string, string>> = {
  "a write returns the room that is left": KERNEL,
  "a write beyond the room would block, and takes nothing": KERNEL,
  "written bytes leave at the end of the turn, all as one piece": KERNEL,
  "in format number, write sends the low eight bits of a number": KERNEL,
  "closing over unread bytes is a reset, and bytes that were not yet sent are lost": KERNEL,
};

/** Where real lwIP, and the network that it is plugged into here, are not what the emulated ones are. */
export const LWIP_TRAITS = {
  peer: "the peer's lwIP sends whole segments, and no part of one into what is left of a window",
  silent: "a board without power sends nothing: its peers learn of it by what they send",
  ticks:
    "lwIP counts silence in steps of half a second, and of two that are equal gives up the one that was heard before",
  prompt: "what one packet brings is delivered before the next packet arrives",
} as const;

const onLwip = (trait: keyof typeof LWIP_TRAITS, seen: string) => ({ trait, seen });

/** By the names of the cases. */
export const LWIP_DIFFERENCES: Readonly<Record<string, Difference<keyof typeof LWIP_TRAITS>>> = {
  "a sender is stopped by what is left unread, and only whole segments let it go on": onLwip(
    "peer",
    "unread at most: is 7180, expected 8192",
  ),
  "a write after a reset that was not yet reported returns undefined, and its bytes are lost":
    onLwip("prompt", 'written, errors reported before: is [8188,0], expected ["undefined",0]'),
  "a full board gives up the closing connection that received nothing for longest, to connect":
    onLwip("ticks", "connections after bytes for the silent one: is 7, expected 8"),
  "a full board gives up the closing connection that received nothing for longest, for a new client":
    onLwip("ticks", "connections after bytes for the silent one: is 6, expected 7"),
  "an exception out of a callback ends the board, and resets its connections": onLwip(
    "silent",
    "timed out: resets",
  ),
  "without power connections are reset, alarms do not ring, callbacks are not called": onLwip(
    "silent",
    "timed out: resets",
  ),
  "booted again, the board serves on the same port, and the old program gets no callback": onLwip(
    "silent",
    "timed out: a reset",
  ),
};

/** Why a case does not hold on target `lwip`, and how it fails. */
export function lwipDifference(name: string): { reason: string; seen: string } | undefined {
  const own = OWN_DIFFERENCES[name];
  const network = LWIP_DIFFERENCES[name];
  if (network !== undefined) return { reason: LWIP_TRAITS[network.trait], seen: network.seen };
  return own && { reason: OWN_TRAITS[own.trait], seen: own.seen };
}
