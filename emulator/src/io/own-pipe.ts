import type { NativePipeOptions } from "../../../firmware/src/platform.ts";
import { type Account, PIPE_BYTES } from "./account.ts";
import { PIPE, READABLE, WRITABLE } from "./news.ts";
import { Search, SearchPlace } from "./search.ts";

/**
 * Numbers of the events that a pipe reports: indexes of PIPE_EVENTS (firmware/src/net/pipe.ts). Up to `found` they are the outcomes of
 * pipes without framing.
 */
export const PIPED = { done: 0, end: 1, fromError: 2, toError: 3, found: 4, first: 7, binary: 8 };

/** A connection as a pipe sees it. */
export interface PipedConnection {
  readonly account: Account;
  // Where the pipe reads:
  /** Received bytes that wait. */
  readonly receivedBytes: number;
  /** The rest of the oldest segment that was received; there must be one. */
  readonly firstReceived: Buffer;
  readonly peerEnded: boolean;
  /** Why the connection is lost. */
  readonly error: unknown;
  /** Drops the first bytes that wait, no more than the oldest segment has, and opens the window for as many. */
  consume(bytes: number): void;
  // Where it writes:
  /** The pipe that does. */
  pipeTo: Pipe | undefined;
  /** Bytes for which there is room. */
  readonly room: number;
  readonly segmentBytes: number;
  readonly unackedBytes: number;
  readonly isWriteClosed: boolean;
  /** Takes a piece of at most a segment, which is not copied; false: there is no memory for it now. */
  writePassed(piece: Buffer): boolean;
  /** Sends these pieces. */
  sendPassed(): void;
  /** For the owner. */
  report(events: number): void;
}

/**
 * Content that goes from one connection to another below the program (firmware/native/pipes.c): what is received here is written there,
 * as far as there is room. There is no queue: other bytes stay in the receive window. Pieces pass by reference, at most a segment at once.
 */
export class Pipe {
  readonly from: PipedConnection;
  /** `undefined`: closed; the outcome is reported then. */
  to: PipedConnection | undefined;
  /** Bytes of content that have passed. */
  passed = 0;
  #bytesMax: number;
  #place: SearchPlace | undefined;
  /** Where the content ends is reached; the outcome follows. */
  #reached: number | undefined;
  #outcome: number | "stopped" | undefined;
  /** Events that the program has been told. */
  #told = { first: false, binary: false, outcome: false };

  constructor(from: PipedConnection, to: PipedConnection, { bytes, search }: PipeOptions) {
    this.from = from;
    this.to = to;
    this.#bytesMax = bytes;
    if (search !== undefined) this.#place = new SearchPlace(search);
    from.account.hold(PIPE_BYTES);
  }

  get runs(): boolean {
    return this.#outcome === undefined;
  }

  /** The receiver holds it up: bytes wait for room, or its buffers are full of what has passed. */
  get waitsForRoom(): boolean {
    return this.from.receivedBytes > 0 || this.to?.room === 0;
  }

  /** Bytes that were received and not passed, or passed and not acknowledged. */
  get heldBytes(): number {
    return this.from.receivedBytes + (this.to?.unackedBytes ?? 0);
  }

  /** Passes what it can: call it when bytes arrive, when there is room, and when one of the ends does. */
  move(): void {
    if (!this.runs) return;
    const wasFirst = this.passed === 0;
    const wasBinary = this.#place?.binary;
    this.#passAll();
    // On the computer's network a write may be acknowledged at once, and so this be called inside of `passAll`.
    if (!this.runs) return;
    const outcome = this.#reached ?? this.#outcomeOfEnds();
    const isFirst = wasFirst && this.passed > 0;
    if (outcome !== undefined || isFirst || this.#place?.binary !== wasBinary) {
      this.from.report(PIPE);
    }
    if (outcome !== undefined) this.#end(outcome);
  }

  stop(): void {
    if (this.runs) this.#end("stopped");
  }

  /** Gives its memory back. */
  free(): void {
    this.stop();
    if (this.to !== undefined) this.to.pipeTo = undefined;
    this.from.account.hold(-PIPE_BYTES);
  }

  /** The next event that the program has not been told; `undefined`: there is none. */
  nextEvent(): number | undefined {
    const told = this.#told;
    if (this.#outcome === "stopped") return undefined;
    if (this.passed > 0 && !told.first) {
      told.first = true;
      return PIPED.first;
    }
    if (this.#place?.binary && !told.binary) {
      told.binary = true;
      return PIPED.binary;
    }
    if (told.outcome) return undefined;
    told.outcome = !this.runs;
    return this.#outcome;
  }

  #passAll(): void {
    const { from, to } = this;
    if (to === undefined || to.room === 0) return;
    let passed = false;
    while (this.#reached === undefined && from.receivedBytes > 0 && this.#passPiece(to)) {
      passed = true;
    }
    if (passed) to.sendPassed();
  }

  #passPiece(to: PipedConnection): boolean {
    const { from } = this;
    const received = from.firstReceived;
    const left = this.#bytesMax - this.passed;
    let count = Math.min(received.byteLength, left, to.room, to.segmentBytes);
    if (count === 0) return false;
    let piece = count === received.byteLength ? received : received.subarray(0, count);
    const before = this.#place?.copy();
    if (this.#place !== undefined) {
      count = this.#place.next(piece);
      piece = piece.subarray(0, count);
    }
    if (!to.writePassed(piece)) {
      this.#place = before; // searched again when there is memory
      return false;
    }
    this.passed += count;
    if (this.#place?.found) this.#reached = PIPED.found;
    else if (this.passed === this.#bytesMax) this.#reached = PIPED.done;
    from.consume(count);
    return true;
  }

  /** The ends of a pipe other than by its content. */
  #outcomeOfEnds(): number | undefined {
    const { from, to } = this;
    if (from.receivedBytes === 0) {
      if (from.error !== undefined) return PIPED.fromError;
      if (from.peerEnded) return PIPED.end;
    }
    return to === undefined || to.isWriteClosed ? PIPED.toError : undefined;
  }

  /** Frees its connections, and announces what waits there. */
  #end(outcome: number | "stopped"): void {
    const { from, to } = this;
    this.#outcome = outcome;
    if (from.receivedBytes > 0) from.report(READABLE);
    if (to !== undefined && to.room > 0) to.report(WRITABLE);
  }
}

/** The options of a pipe, converted. */
export interface PipeOptions {
  /** Infinity: until the end of the stream. */
  readonly bytes: number;
  readonly search: Search | undefined;
}

/** Reads the options as binding-pipes.c does. */
export function pipeOptions(options: NativePipeOptions): PipeOptions {
  const { bytes = Number.POSITIVE_INFINITY, fromFraming, toFraming, search } = options;
  if (fromFraming !== undefined || toFraming !== undefined) {
    throw new Error("not emulated: a pipe with framing");
  }
  if (!(bytes > 0) || (bytes !== Number.POSITIVE_INFINITY && !Number.isSafeInteger(bytes))) {
    throw new RangeError("invalid bytes");
  }
  if (search !== undefined && !(search instanceof Search)) throw new Error("invalid search");
  return { bytes, search };
}
