import type { Head } from "../http1/head.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { send } from "../net/send.ts";
import type { ProxyContext } from "./context.ts";

/**
 * One direction of an exchange: a head that is read and rewritten, then a body. What the receiver has no room for
 * of a rewritten head waits here; a body waits in the sender's receive window.
 */
export class MessageSide {
  protected readonly context: ProxyContext;
  /** The head that is read, as long as it is needed. */
  declare head: Head | undefined;
  /** The rest of a rewritten head, or of a reply, that waits for room. */
  declare pending: Uint8Array | undefined;
  /** Bytes that no pipe has moved: those received of a request, those written of a response. */
  declare protected headBytes: number;
  /** The endpoint from which a pipe moves the body, or has moved it. */
  declare sender: Endpoint | undefined;
  /** Bytes of memory that were claimed for `pending`; absent until some were. */
  declare private claimedBytes: number | undefined;

  constructor(context: ProxyContext) {
    this.context = context;
    this.reset();
  }

  /** Sets the fields for the next message. */
  reset(): void {
    this.head = undefined;
    this.pending = undefined;
    this.headBytes = 0;
    this.sender = undefined;
  }

  /** Bytes of the message so far. */
  get bytes(): number {
    return this.sender === undefined ? this.headBytes : this.headBytes + this.sender.passedBytes;
  }

  /** Bytes of heads that it holds. */
  get heldBytes(): number {
    return (this.head?.length ?? 0) + (this.pending?.byteLength ?? 0);
  }

  /** Sends what waits for room; true when nothing waits any more. */
  flush(to: Endpoint): boolean {
    if (this.pending === undefined) return true;
    this.pending = send(to, this.pending);
    if (this.pending !== undefined) return false;
    this.unclaim();
    return true;
  }

  /** Gives the head back. */
  releaseHead(): void {
    if (this.head === undefined) return;
    this.context.heads.give(this.head);
    this.head = undefined;
  }

  /** Forgets what waits for room. */
  dropPending(): void {
    if (this.pending === undefined) return;
    this.pending = undefined;
    this.unclaim();
  }

  /** The writer for a rewritten head of at most `bytes`; `undefined` where the board has no memory for one. */
  protected writerFor(bytes: number): HeadWriter | undefined {
    const writer = this.context.writer;
    if (bytes <= writer.end) return writer;
    return this.claim(bytes) ? new HeadWriter(this.context.platform, bytes) : undefined;
  }

  /**
   * Sends the first `length` bytes of a writer from `writerFor`. False when part of them would have to wait and the board
   * has no memory for it: then the message stays incomplete.
   */
  protected sendHead(to: Endpoint, writer: HeadWriter, length: number): boolean {
    if (length > writer.end) throw new RangeError(`a head of ${length} bytes in ${writer.end}`);
    const isShared = writer === this.context.writer;
    const bytes = writer.bytes.subarray(0, length);
    if (length <= to.writable && !to.sendQueueFull) {
      to.write(bytes);
      if (!isShared) this.unclaim();
      return true;
    }
    const rest = send(to, bytes);
    if (rest === undefined) {
      if (!isShared) this.unclaim();
    } else {
      if (isShared && !this.claim(rest.byteLength)) return false;
      this.pending = isShared ? rest.slice() : rest;
    }
    return true;
  }

  private claim(bytes: number): boolean {
    if (!this.context.heads.claim(bytes)) return false;
    this.claimedBytes = bytes;
    return true;
  }

  private unclaim(): void {
    if (this.claimedBytes === undefined) return;
    this.context.heads.unclaim(this.claimedBytes);
    this.claimedBytes = undefined;
  }
}
