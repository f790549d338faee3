import type { Stack } from "./stack.ts";
import type { WireSocket } from "./wire.ts";

/** What the owner of a control block hears; lwIP's callbacks of the same names. */
export interface PcbOwner {
  connected(): void;
  received(segment: Buffer): void;
  sent(): void;
  /** The peer's FIN. */
  finished(): void;
  /** Reset or given up: the block is gone. */
  failed(): void;
}

/**
 * One connection below the JavaScript: lwIP's protocol control block on a wire. It knows the send
 * buffer, the receive window, and how a connection closes.
 *
 * Bytes written wait here until `output()`, which the port calls at its next turn.
 */
export class Pcb {
  readonly remoteAddress: string;
  readonly remotePort: number;
  #stack: Stack;
  #socket: WireSocket;
  #owner: PcbOwner | undefined;
  /** Written and not yet given to the wire. Pieces of one slab that follow each other are joined. */
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  /** Given to the wire and not yet acknowledged. */
  #unackedBytes = 0;
  /** Arrived and not yet freed by `recved`. */
  #windowUsed = 0;
  #paused = false;
  #closing = false;
  /** The peer's FIN has come. */
  #finished = false;
  #gone = false;

  constructor(stack: Stack, socket: WireSocket, peer?: { address: string; port: number }) {
    this.#stack = stack;
    this.#socket = socket;
    this.remoteAddress = peer?.address ?? ipv4(socket.remoteAddress);
    this.remotePort = peer?.port ?? socket.remotePort ?? 0;
    stack.opened(this);

    socket.on("error", ignore); // `close` always follows, and tells the same
    socket.on("close", () => this.#onClose());
    socket.on("end", () => this.#onEnd());
    if (peer === undefined) return; // accepted: it reads once it has an owner
    socket.on("connect", () => this.#owner?.connected());
    this.#read();
  }

  /** Hands the connection to its next owner; an accepted one begins to read. */
  own(owner: PcbOwner): void {
    const first = this.#owner === undefined;
    this.#owner = owner;
    if (!first || this.#socket.listenerCount("data") > 0) return;
    this.#read();
    this.#socket.resume();
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Room in the send buffer (tcp_sndbuf). */
  get sendSpace(): number {
    return Math.max(0, this.#stack.kind.sendBufferBytes - this.#unsentBytes - this.#unackedBytes);
  }

  /** Bytes that wait here in either direction: they take heap. */
  get heldBytes(): number {
    return this.#unsentBytes + this.#unackedBytes + this.#windowUsed;
  }

  write(bytes: Uint8Array): void {
    const copy = this.#stack.slab.copy(bytes);
    const last = this.#unsent.length - 1;
    const previous = this.#unsent[last];
    if (
      previous !== undefined &&
      previous.buffer === copy.buffer &&
      previous.byteOffset + previous.byteLength === copy.byteOffset
    ) {
      this.#unsent[last] = Buffer.from(
        copy.buffer,
        previous.byteOffset,
        previous.byteLength + copy.byteLength,
      );
    } else {
      this.#unsent.push(copy);
    }
    this.#unsentBytes += bytes.byteLength;
  }

  /** Gives what was written to the wire (tcp_output). */
  output(): void {
    if (this.#unsentBytes === 0 || this.#gone) return;
    const socket = this.#socket;
    const pieces = this.#unsent;
    this.#unackedBytes += this.#unsentBytes;
    this.#unsent = [];
    this.#unsentBytes = 0;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece, this.#onTaken);
    if (pieces.length > 1) socket.uncork();
    if (socket.recved === undefined) this.#onTaken();
  }

  /** `bytes` were read: the window opens again (tcp_recved). */
  recved(bytes: number): void {
    this.#windowUsed -= bytes;
    if (this.#socket.recved !== undefined) {
      this.#socket.recved(bytes);
    } else if (this.#paused && this.#windowUsed < this.#stack.kind.receiveWindowBytes) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  /**
   * Closes as lwIP does: what was written still goes out, then FIN; but over unread bytes, and when
   * more of them come later, a reset, and what was not yet sent is lost (tcp_close_shutdown).
   */
  close(): void {
    this.#owner = undefined;
    this.#closing = true;
    if (this.#gone) return;
    if (this.#socket.connecting) {
      this.#socket.destroy();
    } else if (this.#windowUsed > 0 || this.#socket.readableLength > 0) {
      this.abort();
    } else {
      this.output();
      this.#socket.end();
      if (this.#socket.listenerCount("data") === 0) this.#read();
      this.#socket.resume();
      this.#stack.closing(this);
    }
  }

  /** Sends a reset and forgets the connection; its owner is not told (tcp_abort). */
  abort(): void {
    this.#owner = undefined;
    if (!this.#gone) this.#socket.resetAndDestroy();
  }

  #read(): void {
    const socket = this.#socket;
    socket.on("data", (segment: Buffer) => {
      if (this.#closing) {
        this.abort();
        return;
      }
      this.#windowUsed += segment.byteLength;
      if (socket.recved === undefined && this.#windowUsed >= this.#stack.kind.receiveWindowBytes) {
        this.#paused = true;
        socket.pause();
      }
      this.#owner?.received(segment);
    });
    if (socket.recved !== undefined) {
      socket.on("sent", (bytes: number) => {
        this.#unackedBytes -= bytes;
        if (!this.#finished) this.#owner?.sent(); // the port lets go of its callbacks at FIN
      });
    }
  }

  /** The kernel has taken a write, or part of what waits: as good as an acknowledgement. */
  #onTaken = (): void => {
    if (this.#socket.recved !== undefined) return;
    const waiting = this.#socket.writableLength;
    if (waiting >= this.#unackedBytes) return;
    this.#unackedBytes = waiting;
    if (!this.#finished) this.#owner?.sent();
  };

  #onEnd(): void {
    this.#finished = true;
    this.output(); // lwIP sends what waits with every segment that comes (tcp_input)
    this.#owner?.finished();
  }

  #onClose(): void {
    this.#gone = true;
    this.#stack.closed(this);
    const owner = this.#owner;
    this.#owner = undefined;
    if (!this.#finished) owner?.failed();
  }
}

function ignore(): void {}

/** Node writes IPv4 peers of a dual-stack server as `::ffff:127.0.0.1`. */
function ipv4(address = "0.0.0.0"): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
