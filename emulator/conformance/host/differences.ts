/**
 * Where the SDK's Linux simulator is not the chip. Its sockets are another implementation of the same
 * interface, on the computer's kernel: modules/io/socket/lin/tcp.c @ 48ee02d.
 */
export const TRAITS = {
  buffer: "it has room for 1536 bytes each way, and no window",
  early: 'before it is connected, it has no room yet: "would block"',
  late: "it goes on writing after the peer has closed, until the kernel complains",
  flush: "each write leaves at once, so the peer receives them together only by chance",
  once: "after an error it does not look at the socket again",
  bare: "an accepted socket is dead until it changes hands",
  unlimited: "it carries as many connections as the computer does",
  unread: "bytes that it has in its own buffer are not unread for the kernel, so it sends FIN",
  ports: "the computer's kernel gives ports from a range of its own",
  empty: "it takes an empty datagram for none",
  words: "the same refusal in other words",
  taken: "a port that is taken is another error, and may end it: what was freed still has a timer",
} as const;

export interface Difference {
  readonly trait: keyof typeof TRAITS;
  /** The messages with which the case may fail there. */
  readonly seen: string | readonly string[];
  /** Now and then the case holds there all the same. */
  readonly sometimes?: true;
}

const STILL_WRITES = 'expected Error "not ready", nothing thrown';
const WOULD_BLOCK = "Error: would block";
const BLOCKED = 'thrown was Error "would block"';
const ROOM = 'events: is ["writable 1536"], expected ["writable 8192"]';
const ENDED = "the board ended";

/** By the names of the cases. */
export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  "an empty datagram is one, too": {
    trait: "empty",
    seen: 'received: is [], expected [" from 127.0.0.1"]',
  },
  "the port of a UDP socket is 0 to 65535, its format buffer, its callback a function": {
    trait: "words",
    seen: 'thrown was RangeError "unimplemented"',
  },
  "a datagram goes to an address in numbers: a name is refused": {
    trait: "words",
    seen: 'thrown was Error "sendto failed"',
  },
  "the first onWritable means connected, and gives the whole room": { trait: "buffer", seen: ROOM },
  "nothing can be written before the connection is established": { trait: "early", seen: BLOCKED },
  "a TCP made without options has no connection: nothing to read, never ready to write": {
    trait: "early",
    seen: BLOCKED,
  },
  "a refusal gives one onError and no onWritable": { trait: "late", seen: STILL_WRITES },
  "a connection more than the board carries is no socket": {
    trait: "unlimited",
    seen: 'expected RangeError "no socket", nothing thrown',
  },
  "a sender is stopped by what is left unread, and only whole segments let it go on": {
    trait: "buffer",
    seen: "unread at most: is 1536, expected 8192",
  },
  "a write returns the room that is left": {
    trait: "buffer",
    seen: "room: is 536, expected 7192",
  },
  "a write beyond the room would block, and takes nothing": { trait: "buffer", seen: WOULD_BLOCK },
  "written bytes leave at the end of the turn, all as one piece": {
    trait: "flush",
    seen: 'pieces: is ["ab","cd"], expected ["abcd"]',
    sometimes: true,
  },
  "onWritable is called again with the whole room once all was acknowledged": {
    trait: "buffer",
    seen: WOULD_BLOCK,
  },
  "an accepted socket reads and writes without any callback": { trait: "bare", seen: WOULD_BLOCK },
  "the peer's FIN is an error, and forbids writing": { trait: "late", seen: STILL_WRITES },
  "onError waits until all was read, and writing is over meanwhile": {
    trait: "late",
    seen: STILL_WRITES,
  },
  "bytes and FIN in one turn, read at once, give onError twice": {
    trait: "once",
    seen: 'events: is ["readable 3","error"], expected ["readable 3","error","error"]',
  },
  "after a reset, bytes that arrived before it can be read, then onError": {
    trait: "late",
    seen: STILL_WRITES,
  },
  "without onError, FIN shows only in writing that is not ready": {
    trait: "late",
    seen: STILL_WRITES,
  },
  "without onError, a reset shows only in writes that return undefined": {
    trait: "bare",
    seen: WOULD_BLOCK,
  },
  "closed while an event of it is queued, it begins to close only when that is served": {
    trait: "unlimited",
    seen: 'expected RangeError "no socket", nothing thrown',
  },
  "closing over unread bytes is a reset, and bytes that were not yet sent are lost": {
    trait: "unread",
    seen: 'received, ending: is ["answer","finished"], expected ["","reset"]',
  },
  "an empty socket has no connection: reading and writing give undefined, from refuses it": {
    trait: "unlimited",
    seen: WOULD_BLOCK,
  },
  "a full board has no socket for a listener": {
    trait: "unlimited",
    seen: 'expected Error "no socket", nothing thrown',
  },
  "a port that is taken is no memory, and one control block less until the reset": {
    trait: "taken",
    seen: [ENDED, 'thrown was Error "bind socket failed"'],
  },
  "without a port, or with port 0, it gets one of its own": {
    trait: "ports",
    seen: "ephemeral: is false, expected true",
  },
  "from gets the unread bytes, and they are announced": {
    trait: "bare",
    seen: 'read by the first hand: is undefined, expected "h"',
  },
  "from gets onWritable at once, with the room": { trait: "buffer", seen: ROOM },
  "from is ready to write in the same turn, and what was written before still leaves": {
    trait: "bare",
    seen: WOULD_BLOCK,
  },
  "from a dead connection is invalid, and the dead one must still be closed": {
    trait: "bare",
    seen: 'expected Error "invalid from", nothing thrown',
  },
  "of the segments that arrive before it is accepted only the first is kept: the others are sent again, in order":
    { trait: "buffer", seen: "timed out: all of it" },
  "an error that was reported to the first object is not reported to the second": {
    trait: "bare",
    seen: BLOCKED,
  },
  "as many events as the queue holds are served": { trait: "bare", seen: WOULD_BLOCK },
};
