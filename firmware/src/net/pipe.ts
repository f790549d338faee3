import type { NativeFraming, NativeSearch, TCPSocket } from "../platform.ts";

/**
 * Why a pipe has ended:
 *
 * - `done`: all of the content has been passed
 * - `end`: the peer of `from` has sent FIN, and every byte before it has been passed
 * - `from-error`: `from` is lost, and every byte that it had received has been passed
 * - `to-error`: `to` cannot be written to any more; what was not passed is still readable at `from`
 * - `found`: a keyword was found; its last byte is the last one passed
 * - `bad-framing`: the framing of what `from` sends is not as it must be; the content before the fault has been passed
 * - `too-large`: `from` announces more content than it may send; what it had announced before has been passed
 */
export type PipeOutcome =
  | "done"
  | "end"
  | "from-error"
  | "to-error"
  | "found"
  | "bad-framing"
  | "too-large";

/** The outcomes in the order of native/sockets.h. */
export const PIPE_OUTCOMES: readonly PipeOutcome[] = Object.freeze([
  "done",
  "end",
  "from-error",
  "to-error",
  "found",
  "bad-framing",
  "too-large",
]);

/** Events of a native pipe, numbered; those that are no outcome: the first bytes have been passed, the search has ended. */
export const PIPE_EVENTS: readonly (PipeOutcome | "first" | "binary")[] = Object.freeze([
  ...PIPE_OUTCOMES,
  "first",
  "binary",
]);

/** One end of a pipe, as its content sees it. */
export interface PipeEnd {
  /** Bytes that wait to be read. */
  readable: number;
  /** Bytes that can be written without a throw. */
  writable: number;
  /** Bytes of content that the pipe from here has passed. */
  passed: number;
  /** Small writes since the peer had acknowledged everything. */
  smallWrites: number;
  /** Only large pieces may be written: too many small ones are in flight. */
  readonly sendQueueFull: boolean;
  /** No more bytes can be written. */
  readonly writeClosed: boolean;
  readonly source: { read(view: Uint8Array): unknown };
  readonly socket: TCPSocket;
  /** The content of the pipe from here, and the other end of the pipe to here. */
  content: Content | undefined;
  from: PipeEnd | undefined;
  /** Writes `view`, which must not be longer than `writable`. */
  write(view: Uint8Array): void;
  /** Puts bytes back that were read last. */
  unread(bytes: Uint8Array): void;
  /** Takes the bytes that were read ahead of the socket. */
  takeAhead(): Uint8Array | undefined;
  /** The first bytes from here are about to be passed on. */
  onFirstBytes(): void;
  /** The bytes from here are no text. */
  onBinary(): void;
  /** A write here has failed. */
  failing(): void;
  /** A bug threw. */
  failed(error: unknown): void;
}

/**
 * The content of a pipe, and how it is moved: a raw stream (net/raw-stream.ts), or a body of HTTP (http1/body.ts). For a native
 * pipe it is the options; where there is none, its functions are the pipe.
 */
export interface Content {
  /** Bytes of content, or with `fromFraming` the bytes that it may have; absent: until the end of the stream. */
  readonly bytes?: number | undefined;
  /** How the content is framed at the sender; absent: not at all. */
  readonly fromFraming?: NativeFraming | undefined;
  /** The same for the receiver. */
  readonly toFraming?: NativeFraming | undefined;
  /** Keywords to look for. */
  readonly search?: NativeSearch | undefined;
  /**
   * Moves what `from` has and `to` has room for, and counts it in `from.passed`. Gives the outcome where this was the
   * last of it. Never throws: a bug goes to `from.failed`.
   */
  move(from: PipeEnd, to: PipeEnd): PipeOutcome | undefined;
  /** The stream has ended, and all of it has been moved: sends what frames the end. `undefined`: there is no room for it yet. */
  end?(to: PipeEnd): PipeOutcome | undefined;
}

/** Stands for what a native pipe moves: nothing is left to do here. */
export const NATIVE: Content = Object.freeze({ move: () => undefined });

/** Lets the sockets, which have pipes, move the content by themselves; false where they have no memory for it. */
export function startNative(from: PipeEnd, to: PipeEnd, content: Content): boolean {
  if (!giveBack(from)) return false;
  try {
    from.socket.pipe!(to.socket, content);
  } catch {
    from.readable = from.socket.readable!; // what was given back waits there
    return false; // no memory, or no such pipe: the bytes are moved by the engine
  }
  from.content = NATIVE;
  to.from = from;
  from.readable = to.writable = 0; // they are the pipe's now
  return true;
}

/** The end of a native pipe, with the counts of now: the sockets announce them later. */
export function stopNative(from: PipeEnd, to: PipeEnd): void {
  const { socket } = from;
  from.passed = socket.passed!;
  socket.unpipe!();
  from.readable = socket.readable!;
  if (!to.writeClosed) to.writable = to.socket.writable!;
}

/** Gives bytes that were read ahead back to the socket, which passes them first; false: there is no memory for them. */
function giveBack(from: PipeEnd): boolean {
  const bytes = from.takeAhead();
  if (bytes === undefined) return true;
  if (from.socket.unread!(bytes)) return true;
  from.unread(bytes);
  return false;
}
