import type { NativePipeOptions, Platform, SocketFailure, TCPCallbacks } from "../platform.ts";
import { Endpoint, type EndpointOwner } from "./endpoint.ts";
import { PIPE_EVENTS } from "./pipe.ts";

/** A socket that a test plays the network of. */
export class ScriptedSocket {
  target: unknown;
  /** Bytes that the proxy has written. */
  written = "";
  closed = false;
  /** Room that `write` leaves when the connection is dead: none. */
  dead = false;
  waiting: number[] = [];
  room = 0;
  private callbacks: TCPCallbacks;

  constructor(options: TCPCallbacks) {
    this.target = options.target;
    this.callbacks = options;
  }

  read(view: Uint8Array): number {
    if (view.byteLength > this.waiting.length) throw new Error("longer than what waits");
    view.set(this.waiting.splice(0, view.byteLength));
    return view.byteLength;
  }

  write(view: Uint8Array): number | undefined {
    if (this.dead) return undefined;
    if (view.byteLength > this.room) throw new Error("would block");
    this.written += Buffer.from(view).toString("latin1");
    this.room -= view.byteLength;
    return this.room;
  }

  close(): void {
    this.closed = true;
  }

  // The network

  receives(text: string): void {
    this.waiting.push(...Buffer.from(text, "latin1"));
    this.callbacks.onReadable.call(this, this.waiting.length);
  }

  /** The peer has acknowledged bytes: this is the room now. */
  hasRoom(bytes: number): void {
    this.room = bytes;
    this.callbacks.onWritable.call(this, bytes);
  }

  receivesFin(): void {
    this.callbacks.onEnd!.call(this);
  }

  isLost(failure?: SocketFailure): void {
    this.callbacks.onError.call(this, failure);
  }

  reports(event: (typeof PIPE_EVENTS)[number]): void {
    this.callbacks.onPiped!.call(this, PIPE_EVENTS.indexOf(event));
  }
}

/** A socket with native pipes, which a test plays, too. */
export class NativeSocket extends ScriptedSocket {
  /** The options of the pipe that runs. */
  options: NativePipeOptions | undefined;
  passed = 0;
  waitsFor = 0;
  heldBytes = 0;
  /** There is no memory for a pipe, or for bytes that are put back. */
  isFull: "pipe" | "unread" | undefined;

  pipe(_to: ScriptedSocket, options: NativePipeOptions): void {
    if (this.isFull === "pipe") throw new RangeError("no memory");
    this.options = options;
  }

  unpipe(): void {
    this.options = undefined;
  }

  unread(bytes: Uint8Array): boolean {
    if (this.isFull === "unread") return false;
    this.waiting.unshift(...bytes);
    return true;
  }

  get readable(): number {
    return this.waiting.length;
  }

  get writable(): number {
    return this.room;
  }
}

/** Two endpoints with scripted sockets, and the events of their owner. */
export function scriptedPair<S extends ScriptedSocket>(Socket: new (options: TCPCallbacks) => S) {
  const told: string[] = [];
  const names = new Map<Endpoint, string>();
  const tell = (what: string) => (endpoint: Endpoint) =>
    told.push(`${names.get(endpoint)} ${what}`);
  const owner: EndpointOwner = {
    onReady: tell("ready"),
    onFirstBytes: tell("first"),
    onBinary: tell("binary"),
    onPiped: (endpoint, outcome) => tell(outcome)(endpoint),
    failed: error => {
      throw error;
    },
  };
  const endpoint = (name: string) => {
    const made = new Endpoint(
      { TCP: Socket } as unknown as Platform,
      { address: "10.0.0.1", port: 1 },
      owner,
    );
    names.set(made, name);
    return { made, socket: made.socket as unknown as S };
  };
  const { made: from, socket: sender } = endpoint("from");
  const { made: to, socket: receiver } = endpoint("to");
  receiver.hasRoom(10_000);
  sender.hasRoom(10_000);
  told.length = 0;
  return { from, to, sender, receiver, told };
}
