import type { Platform, SocketFailure, TCPSocket } from "../platform.ts";
import { CountedSocket } from "./counted-socket.ts";
import { type Content, NATIVE, type PipeOutcome, startNative, stopNative } from "./pipe.ts";
import { SOCKET_EVENTS, type SocketTarget } from "./socket-events.ts";

/** The owner of an endpoint, which gets its events. */
export interface EndpointOwner {
  /** Bytes have arrived, there is room again, or one direction has ended: see `readable`, `writable` and `ended`. */
  onReady(endpoint: Endpoint): void;
  /** The pipe from here has ended, other than by `pipe` itself, `unpipe` or `close`. */
  onPiped?(endpoint: Endpoint, outcome: PipeOutcome): void;
  /** The first bytes are passed by the pipe from here. */
  onFirstBytes?(endpoint: Endpoint): void;
  /** The bytes from the peer are no text: keywords are no longer looked for in them. */
  onBinary?(endpoint: Endpoint): void;
  /** `onReady` is not called when there is room again: nothing waits for it. An idle connection has that event after each request. */
  readonly ignoresRoom?: boolean;
  /** A bug threw inside one of the calls above. */
  failed(error: unknown): void;
}

/**
 * One socket of a session, and the pipe from it to another one.
 *
 * Invariant: an exception never leaves a socket's callback; on the chip that would be a reboot.
 *
 * All fields are here and in its base class, not in parts, because pipes read and write them for each segment.
 */
export class Endpoint extends CountedSocket implements SocketTarget {
  /** The current owner: a session, a handler, a connector, a lingering close, or the idle connections. */
  owner: EndpointOwner;
  /** Where the pipe from here goes to, and where the one to here comes from. */
  to: Endpoint | undefined = undefined;
  from: Endpoint | undefined = undefined;
  // Absent until a pipe has run from here: most connections of HTTP have none.
  /** Bytes that the last one has passed; of a native one, at its end. */
  declare passed: number;
  /** The content that the pipe from here moves with each event of the two sockets. */
  declare content: Content | undefined;
  /** That is not enough: bytes that were read ahead come first, or the stream has ended. */
  declare isLate: boolean | undefined;

  /** Throws what the socket's constructor throws: "no network", "no socket", "invalid from", … */
  constructor(
    platform: Pick<Platform, "TCP">,
    peer: { from: TCPSocket } | { address: string; port: number },
    owner: EndpointOwner,
  ) {
    super();
    this.owner = owner;
    const options: unknown =
      "from" in peer
        ? { __proto__: SOCKET_EVENTS, target: this, from: peer.from }
        : { __proto__: SOCKET_EVENTS, target: this, address: peer.address, port: peer.port };
    this.socket = new platform.TCP(options as ConstructorParameters<Platform["TCP"]>[0]);
    this.source = this.socket;
  }

  /**
   * Moves content from here to `to` until one of the outcomes: at once, then it is returned; or later, then the owner's
   * `onPiped` gets it. Meanwhile `onReady` reports no bytes of this endpoint and no room of `to`, and nothing is read here or
   * written there by hand. Neither FIN nor an error is passed on: that is for the owner to decide.
   */
  pipe(to: Endpoint, content: Content): PipeOutcome | undefined {
    this.to = to;
    this.passed = 0;
    if (this.socket.pipe !== undefined && startNative(this, to, content)) return undefined;
    const outcome = content.move(this, to) ?? this.ending(content);
    if (outcome !== undefined) this.to = undefined;
    else if (this.to !== undefined) this.goOn(to, content);
    return outcome;
  }

  /** A pipe runs from here. */
  get isPiping(): boolean {
    return this.to !== undefined;
  }

  /** Ends the pipe from here, if there is one: what was not passed is readable here again. */
  unpipe(): void {
    const to = this.to;
    if (to === undefined) return;
    if (this.content === NATIVE) stopNative(this, to);
    this.to = this.content = to.from = undefined;
    if (this.isLate) this.isLate = false;
  }

  /** Bytes of content that the last pipe from here has passed so far. */
  get passedBytes(): number {
    return this.content === NATIVE ? this.socket.passed! : (this.passed ?? 0);
  }

  /** The pipe from here waits for bytes of the sender, or for room at the receiver. */
  get waitsFor(): "bytes" | "room" {
    const { content, to, socket } = this;
    const isFull =
      content === NATIVE ? socket.waitsFor === 1 : this.readable > 0 || to?.writable === 0;
    return isFull ? "room" : "bytes";
  }

  /** Received and not read, or written and not acknowledged; of a native pipe what it holds at its other end, too. */
  get heldBytes(): number {
    const { from } = this;
    const received = this.content === NATIVE ? this.socket.heldBytes! : this.readable;
    if (from?.content === NATIVE) return received + from.socket.heldBytes!;
    return received + (this.writeClosed ? 0 : this.capacity - this.writable);
  }

  onFirstBytes(): void {
    this.owner.onFirstBytes?.(this);
  }

  onBinary(): void {
    this.owner.onBinary?.(this);
  }

  failed(error: unknown): void {
    this.owner.failed(error);
  }

  close(): void {
    if (this.state === "closed") return;
    if (this.to !== undefined) this.unpipe();
    this.from?.unpipe();
    this.state = "closed";
    this.readable = 0;
    this.writable = 0;
    this.source = this.socket;
    this.socket.close(this.resets);
  }

  // For the callbacks of socket-events.ts

  received(bytes: number): void {
    if (this.state === "closed") return;
    this.readable = this.source === this.socket ? bytes : bytes + this.aheadBytes;
    if (this.to === undefined) this.tell();
    else this.moveLate();
  }

  drained(bytes: number): void {
    if (this.state === "closed") return;
    if (bytes > this.capacity) this.capacity = bytes;
    if (this.state === "open" || !this.writeClosed) this.writable = bytes;
    if (this.from !== undefined) this.from.moveLate();
    else if (this.owner.ignoresRoom !== true) this.tell();
  }

  // The socket is read empty now, but bytes that were read ahead still count.

  finReceived(): void {
    if (this.state === "closed") return;
    this.state = this.state === "open" ? "peer-ended" : "peer-closed";
    const outcome = this.moveLast();
    if (outcome !== undefined) this.pipeEnded(outcome);
    else if (this.to === undefined) this.tell();
  }

  lost(failure: SocketFailure | undefined): void {
    if (this.state === "closed") return;
    if (failure !== undefined && !this.peerEnded) this.failure = failure;
    this.state = "peer-closed";
    this.writable = 0;
    this.from?.pipeEnded("to-error");
    const outcome = this.moveLast();
    if (outcome !== undefined) this.pipeEnded(outcome);
    else if (this.to === undefined) this.tell();
  }

  pipeEnded(outcome: PipeOutcome): void {
    this.unpipe();
    try {
      this.owner.onPiped?.(this, outcome);
    } catch (error) {
      this.owner.failed(error);
    }
  }

  /** The outcome of a pipe whose sender has ended its stream, or whose receiver takes nothing more. */
  private ending(content: Content): PipeOutcome | undefined {
    const to = this.to;
    if (to === undefined) return undefined; // closed meanwhile
    if (this.state === "open" && to.state === "open") return undefined;
    if (this.ended) {
      if (this.failure !== undefined) return "from-error";
      return content.end === undefined ? "end" : content.end(to);
    }
    return to.writeClosed ? "to-error" : undefined;
  }

  private moveLate(): void {
    const outcome = this.moveLast();
    if (outcome !== undefined) this.pipeEnded(outcome);
  }

  /** Moves what is left of a stream that has ended, and bytes that were read ahead. */
  private moveLast(): PipeOutcome | undefined {
    const to = this.to;
    const content = this.content;
    if (to === undefined || content === NATIVE) return undefined; // a native pipe reports it
    const outcome = content!.move(this, to) ?? this.ending(content!);
    if (outcome === undefined && this.to !== undefined) this.goOn(to, content!);
    return outcome;
  }

  /** The pipe waits for the next event. */
  private goOn(to: Endpoint, content: Content): void {
    const isLate = this.source !== this.socket || this.peerEnded;
    if (isLate || this.isLate) this.isLate = isLate;
    this.content = content;
    to.from = this;
  }

  private tell(): void {
    if (this.state === "closed") return;
    try {
      this.owner.onReady(this);
    } catch (error) {
      this.owner.failed(error);
    }
  }
}
