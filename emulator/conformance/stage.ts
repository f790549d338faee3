import type { BoardPlatform, Listener, TCP } from "../src/platform.ts";
import type { Peer, Target } from "./target.ts";

/**
 * Helpers of the cases. Nothing here or in a case imports anything but types, so that they run
 * wherever JavaScript does.
 */

/** Records the events of one socket of the board. */
export class EventRecorder {
  /** In their order: `readable 3`, `writable 8192`, `error`. */
  readonly events: string[] = [];
  readonly readable: number[] = [];
  readonly writable: number[] = [];
  errors = 0;

  readonly callbacks = {
    onReadable: (bytes: number): void => {
      this.events.push(`readable ${bytes}`);
      this.readable.push(bytes);
    },
    onWritable: (bytes: number): void => {
      this.events.push(`writable ${bytes}`);
      this.writable.push(bytes);
    },
    onError: (): void => {
      this.events.push("error");
      this.errors++;
    },
  };
}

export interface Connection {
  tcp: TCP;
  recorder: EventRecorder;
  peer: Peer;
}

/** The board has connected to a peer, and has its address. */
export async function dialled(target: Target): Promise<Connection> {
  const { address, port, peers } = await target.listen();
  const recorder = new EventRecorder();
  const tcp = new target.TCP({ address, port, ...recorder.callbacks });
  await target.until("a connection", () => recorder.writable.length > 0 && peers.length > 0);
  return { tcp, recorder, peer: peers[0] };
}

/** Where the board listens: a port that a program may open on a computer, too. */
export const PORT = 4180;

/** The board listens, records the counts that `onReadable` gives, and accepts no client by itself. */
export function listening(target: Target): { listener: Listener; announced: number[] } {
  const announced: number[] = [];
  const listener = new target.Listener({
    port: PORT,
    onReadable: clients => announced.push(clients),
  });
  return { listener, announced };
}

/** A peer has connected to the board, which has accepted and not yet taken over. */
export async function accepted(
  target: Target,
): Promise<{ bare: TCP; peer: Peer; listener: Listener }> {
  let bare: TCP | undefined;
  const listener: Listener = new target.Listener({
    port: PORT,
    onReadable: () => {
      bare = listener.read();
    },
  });
  const peer = target.connect(PORT);
  await target.until("a client", () => bare !== undefined);
  return { bare: bare!, peer, listener };
}

/** Connects until the board has no control block left; its listeners take some, too. */
export async function filled(target: Target): Promise<Connection[]> {
  const { address, port, peers } = await target.listen();
  const all: Omit<Connection, "peer">[] = [];
  while (all.length < target.numbers.connectionsMax) {
    const recorder = new EventRecorder();
    const tcp = unlessFull(() => new target.TCP({ address, port, ...recorder.callbacks }));
    if (tcp === undefined) break;
    all.push({ tcp, recorder });
    await target.until("a connection", () => peers.length === all.length);
  }
  await target.quiet();
  return all.map((connection, i) => ({ ...connection, peer: peers[i] }));
}

function unlessFull<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith("no socket")) return undefined;
    throw error;
  }
}

/** Boots a program that hands out its platform, and waits for the network. */
export async function booted(target: Target): Promise<BoardPlatform> {
  let platform: BoardPlatform | undefined;
  target.unplug();
  target.boot(given => {
    platform = given;
  });
  await target.until("the network", () => platform?.link.address !== undefined);
  return platform!;
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

/** A character for each byte of what was read; one for a byte that is a number. */
export function text(bytes: ArrayBuffer | Uint8Array | number | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  if (typeof bytes === "number") return String.fromCharCode(bytes);
  const view = new Uint8Array(bytes);
  let text = "";
  // The chip's stack is small: its calls take no hundreds of arguments.
  for (let at = 0; at < view.byteLength; at += 64) {
    text += String.fromCharCode(...view.subarray(at, at + 64));
  }
  return text;
}

/** Fails the case unless both are the same, by their JSON. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== wanted) throw new Error(`${what}: is ${is}, expected ${wanted}`);
}

/** Fails the case unless `call` throws this; debug builds of XS append the function's name. */
export function throws(call: () => unknown, kind: string, message: string): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof Error)) throw new Error(`expected ${kind} "${message}", nothing thrown`);
  if (thrown.name !== kind || !thrown.message.startsWith(message)) {
    throw new Error(`expected ${kind} "${message}", thrown was ${thrown.name} "${thrown.message}"`);
  }
}
