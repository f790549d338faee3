import type { SocketFailure } from "../../../firmware/src/platform.ts";
import type { Cancel } from "../clock.ts";
import { type Account, CONNECTION_BYTES, PIPE_BYTES } from "./account.ts";
import { END, ERROR, News, NewsQueue, PIPE, READABLE, WRITABLE } from "./news.ts";
import { Pipe, type PipedConnection, type PipeOptions } from "./own-pipe.ts";
import type { Pcb, PcbFailure, PcbOwner } from "./pcb.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import type { Stack } from "./stack.ts";

/** Time in which a closed connection must have sent the rest (LEAVING_MS_MAX). */
const LEAVING_MS_MAX = 60_000;

/** Connections that a program may keep, for each control block: lost ones keep their record until `close` (RECORDS_MAX). */
const RECORDS_PER_BLOCK = 2;

/** State that the connections of one program share. */
export class OwnStack {
  readonly stack: Stack;
  readonly account: Stack["account"];
  readonly news: NewsQueue;
  /** Connections that are not freed: those that wait to be accepted, and closed ones that send the rest, too. */
  readonly connections = new Set<OwnConnection>();
  /** A control block is being allocated for the program, and may be taken from an old connection. */
  #allocating = false;
  /** Written to in this round, and not sent yet: the next write to it goes out with these bytes. */
  #written: Pcb | undefined;

  constructor(stack: Stack) {
    this.stack = stack;
    this.account = stack.account;
    this.news = new NewsQueue(stack.parts.tasks, this.account, () => this.sendWritten());
  }

  get allocating(): boolean {
    return this.#allocating;
  }

  /** There is room for another connection. */
  get hasRecord(): boolean {
    return this.connections.size < RECORDS_PER_BLOCK * this.stack.kind.connectionsMax;
  }

  /** There is a control block, for a connection or a listener of the program. */
  allocate(): boolean {
    this.#allocating = true;
    const available = this.stack.available();
    this.#allocating = false;
    return available;
  }

  /** Power off: nothing is sent or reported any more. */
  stop(): void {
    for (const connection of this.connections) connection.stop();
    this.connections.clear();
  }

  /** In a round with what else is written to the connection, otherwise now. */
  sendLater(pcb: Pcb): void {
    if (this.#written !== pcb) this.sendWritten();
    this.#written = pcb;
    if (!this.news.inRound) this.sendWritten();
  }

  sendWritten(): void {
    const pcb = this.#written;
    this.#written = undefined;
    pcb?.trim();
    if (!pcb?.isDelayed) pcb?.output();
  }
}

/**
 * A connection as the firmware's own sockets have it, from the SYN or the accept on: firmware/native/sockets.h has its life.
 * It outlives the object that closes it while bytes wait to be sent.
 */
export class OwnConnection implements PcbOwner, PipedConnection {
  readonly halfCloses = true;
  readonly news = new News();
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The listener in whose queue it waits to be accepted. */
  waitsAt: { lost(connection: OwnConnection): void } | undefined;
  error: SocketFailure | undefined;
  /** The peer's FIN has arrived. */
  peerEnded = false;
  /** The pipe that reads here, also when it has ended, and the one that writes here. */
  pipeFrom: Pipe | undefined;
  pipeTo: Pipe | undefined;
  #own: OwnStack;
  /** `undefined`: lwIP has freed it, or it was given back. */
  #pcb: Pcb | undefined;
  #state: "connecting" | "open" | "finished" | "lost" | "leaving";
  #received: ReceiveQueue;
  /** END, ERROR: to be reported when everything that was received has been read. */
  #due = 0;
  /** `end` was called. */
  #ended = false;
  /** Ends the wait for memory, or that of a closed connection for its bytes to be sent. */
  #timer: Cancel | undefined;

  constructor(own: OwnStack, pcb: Pcb, state: "connecting" | "open") {
    this.#own = own;
    this.#pcb = pcb;
    this.#state = state;
    this.#received = new ReceiveQueue(own.account);
    this.remoteAddress = pcb.remoteAddress;
    this.remotePort = pcb.remotePort;
    own.connections.add(this);
    own.account.hold(CONNECTION_BYTES);
    pcb.own(this);
  }

  /** Reports to another owner, beginning with the present state. `undefined`: what happens is kept for the next one. */
  set owner(owner: News["owner"]) {
    this.#own.news.forget(this.news);
    this.news.owner = owner;
    if (owner === undefined) return;
    if (this.peerEnded) this.#due |= END;
    if (this.error !== undefined) this.#due |= ERROR;
    if (this.pipeFrom !== undefined) this.report(PIPE);
    this.report((this.readable > 0 ? READABLE : 0) | (this.writable > 0 ? WRITABLE : 0));
    this.#reportEnding();
  }

  set nagle(nagle: boolean) {
    if (this.#pcb) this.#pcb.nagle = nagle;
  }

  set keepaliveMs(ms: number) {
    if (this.#pcb) this.#pcb.keepaliveMs = ms;
  }

  /** Bytes that wait to be read: none while they are those of a pipe. */
  get readable(): number {
    return this.pipeFrom?.runs ? 0 : this.receivedBytes;
  }

  /** Reads as many bytes as the view has, and opens the window for the segments that are freed. */
  read(view: Uint8Array): void {
    this.#received.fill(view, this.#openWindow);
    this.#reportEnding();
  }

  /** Puts bytes back that were read last. False: no memory. */
  unread(bytes: Uint8Array): boolean {
    if (this.pipeFrom?.runs) throw new Error("in use");
    return this.#received.unshift(Buffer.from(bytes));
  }

  /** Nothing can be written any more. */
  get isWriteClosed(): boolean {
    return this.#pcb === undefined || this.#ended;
  }

  /** Bytes that `write` takes now: none while a pipe writes here. */
  get writable(): number {
    return this.pipeTo?.runs ? 0 : this.room;
  }

  #waitForMemory(): void {
    const { timers, clock } = this.#own.stack;
    this.#timer ??= timers.atSlowTimer(clock.now(), () => {
      this.#timer = undefined;
      this.#reportWritable();
    });
  }

  // For pipes (PipedConnection)

  get account(): Account {
    return this.#own.account;
  }

  get segmentBytes(): number {
    return this.#own.stack.kind.segmentBytes;
  }

  get receivedBytes(): number {
    return this.#received.bytes;
  }

  get firstReceived(): Buffer {
    return this.#received.first;
  }

  consume(bytes: number): void {
    this.#received.drop(bytes, this.#openWindow);
    this.#reportEnding();
  }

  get unackedBytes(): number {
    const pcb = this.#pcb;
    return pcb === undefined ? 0 : this.#own.stack.kind.sendBufferBytes - pcb.sendSpace;
  }

  get room(): number {
    const pcb = this.#pcb;
    if (pcb === undefined || this.#ended || this.#state !== "open") return 0;
    const { segmentsQueuedMax, segmentBytes } = this.#own.stack.kind;
    // The first bytes may fill the last segment, and lwIP counts that as one more.
    const segments = pcb.segmentsQueued + (pcb.unsentBytes > 0 ? 1 : 0);
    if (segments >= segmentsQueuedMax) return 0;
    return Math.min(pcb.sendSpace, (segmentsQueuedMax - segments) * segmentBytes);
  }

  writePassed(piece: Buffer): boolean {
    if (this.#pcb!.pass(piece)) return true;
    this.#waitForMemory();
    return false;
  }

  sendPassed(): void {
    this.#pcb?.trim();
    this.#output();
  }

  /** Takes as many bytes as fit; returns their number. */
  write(bytes: Uint8Array): number {
    const pcb = this.#pcb!;
    const { segmentBytes } = this.#own.stack.kind;
    const { byteLength } = bytes;
    const count = Math.min(byteLength, this.writable);
    let taken = 0;
    while (taken < count) {
      const end = Math.min(count, taken + segmentBytes);
      const piece = end - taken === byteLength ? bytes : bytes.subarray(taken, end);
      if (!pcb.write(piece)) {
        this.#waitForMemory();
        break;
      }
      taken += piece.byteLength;
    }
    if (taken > 0) this.#own.sendLater(pcb);
    return taken;
  }

  /**
   * Passes content from here to `to`. Meanwhile nothing is readable here, and there is no room to write there. Throws where a pipe runs
   * already, and without memory.
   */
  pipe(to: OwnConnection, options: PipeOptions): void {
    if (to === this) throw new Error("invalid to");
    if (this.pipeFrom?.runs || to.pipeTo?.runs) throw new Error("in use");
    if (!this.account.hasHeap(PIPE_BYTES)) throw new RangeError("no memory");
    this.#forgetPipeFrom();
    if (to.pipeTo !== undefined) to.pipeTo.to = undefined;
    const pipe = new Pipe(this, to, options);
    this.pipeFrom = pipe;
    to.pipeTo = pipe;
    // Bytes that were announced are the pipe's now.
    this.news.events &= ~READABLE;
    to.news.events &= ~WRITABLE;
    pipe.move();
  }

  /** Ends the pipe from here, without an event: what waits is announced. */
  unpipe(): void {
    if (!this.pipeFrom?.runs) return;
    this.pipeFrom.stop();
    this.news.events &= ~PIPE;
  }

  #forgetPipeFrom(): void {
    this.pipeFrom?.free();
    this.pipeFrom = undefined;
  }

  /** This connection goes: so does the pipe from it, and the one to it ends. */
  #forgetPipes(): void {
    const to = this.pipeTo;
    this.#forgetPipeFrom();
    if (to === undefined) return;
    to.to = undefined;
    this.pipeTo = undefined;
    to.move();
  }

  /** FIN behind what was written; while connecting, as soon as the connection is established. Reading goes on. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#own.sendWritten();
    this.#sendFin();
    this.pipeTo?.move();
  }

  /** Written bytes are still sent, then FIN; but over unread bytes RST, at once. */
  close(): void {
    this.#own.sendWritten();
    this.#forgetPipes();
    this.owner = undefined;
    const pcb = this.#pcb;
    if (pcb === undefined || this.#state === "connecting") {
      this.#retire();
      pcb?.close();
    } else if (this.receivedBytes > 0) {
      this.reset();
    } else {
      this.#state = "leaving";
      this.#timer?.();
      this.#timer = undefined;
      if (this.#leave()) return;
      this.#timer = this.#own.stack.clock.after(LEAVING_MS_MAX, () => this.reset());
    }
  }

  /** RST, and everything is dropped. */
  reset(): void {
    const pcb = this.#pcb;
    this.#retire();
    pcb?.abort();
  }

  /** RST, and an error for the owner: a part of its message was taken, and it must not go on. */
  abandon(): void {
    const pcb = this.#pcb;
    this.#pcb = undefined;
    pcb?.abort();
    this.#lose("memory");
  }

  /** True: lwIP has sent every byte of the closed connection, which needs its record no longer. */
  #leave(): boolean {
    const pcb = this.#pcb;
    if (pcb === undefined || pcb.unsentBytes > 0) return false;
    this.#retire();
    pcb.close();
    return true;
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#pcb = undefined;
  }

  #retire(): void {
    this.stop();
    this.#forgetPipes();
    this.#own.news.forget(this.news);
    this.news.owner = undefined;
    this.#received.clear();
    this.#own.connections.delete(this);
    this.#own.account.hold(-CONNECTION_BYTES);
  }

  #openWindow = (bytes: number) => {
    this.#pcb?.recved(bytes);
  };

  #sendFin(): void {
    const pcb = this.#pcb;
    if (this.#ended && this.#state === "open" && pcb?.unsentBytes === 0) pcb.shutdown();
  }

  // Events of the control block

  connected(): void {
    this.#state = "open";
    this.#sendFin();
    this.#reportWritable();
  }

  received(segment: Buffer): void {
    if (this.#state === "leaving") {
      this.reset();
      return;
    }
    this.#received.push(segment);
    if (this.pipeFrom?.runs) this.pipeFrom.move();
    else this.report(READABLE);
  }

  sent(): void {
    if (this.#state === "leaving") {
      this.#output();
      this.#leave();
      return;
    }
    this.#sendFin();
    this.#reportWritable();
    this.#output();
  }

  /** lwIP sends what was held back with each segment that arrives. */
  #output(): void {
    if (!this.#pcb?.isDelayed) this.#pcb?.output();
  }

  finished(): void {
    if (this.#state === "leaving") return;
    this.peerEnded = true;
    this.#reportEnd(END);
  }

  failed(why: PcbFailure): void {
    this.#pcb = undefined;
    if (this.waitsAt !== undefined) {
      this.waitsAt.lost(this);
      this.#retire();
    } else if (this.#state === "leaving") {
      this.#retire();
    } else if (why === "closed") {
      // The wire may forget the connection before the peer's FIN is read from it.
      if (!this.peerEnded) this.finished();
      this.#state = "finished";
    } else if (this.#own.allocating) {
      this.#lose("memory");
    } else {
      this.#lose(this.#state === "connecting" && why === "reset" ? "refused" : why);
    }
  }

  #lose(error: SocketFailure): void {
    this.error = error;
    this.#state = "lost";
    this.#reportEnd(ERROR);
  }

  report(events: number): void {
    this.#own.news.report(this.news, events);
  }

  #reportWritable(): void {
    if (this.pipeTo?.runs) this.pipeTo.move();
    else if (!this.#ended) this.report(WRITABLE);
  }

  /** Pipes come to their outcome first. */
  #reportEnd(event: number): void {
    this.#due |= event;
    this.pipeTo?.move();
    this.pipeFrom?.move();
    this.#reportEnding();
  }

  /** Received bytes are read before anything ends. */
  #reportEnding(): void {
    if (this.receivedBytes > 0 || this.#due === 0) return;
    this.report(this.#due);
    this.#due = 0;
  }
}
