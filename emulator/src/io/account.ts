import type { BoardKind } from "../boards/kind.ts";

/** A header of ESP-IDF's allocator (TLSF). */
const HEADER_BYTES = 4;

/** Heap of one control block: struct tcp_pcb of esp-lwip 2.1.3, with IPv6. */
export const BLOCK_BYTES = 208 + HEADER_BYTES;

/**
 * Heap of an open connection beside its control block: the firmware's own records of the connection and of its object
 * (firmware/native: Connection, TcpRecord).
 */
export const CONNECTION_BYTES = 80 + HEADER_BYTES + 60 + HEADER_BYTES;

/** Heap of a pipe between two connections (struct Pipe: firmware/native). */
export const PIPE_BYTES = 80 + HEADER_BYTES;

/** Heap of a received segment beside its bytes: heads of the frame, IP and TCP 54, struct pbuf 16, the allocator's header; about. */
export const RECEIVED_OVERHEAD_BYTES = 80;

/** The record that the SDK's tcp.c has for each, too; about. */
const SDK_RECEIVED_BYTES = 20;

/**
 * Heap of a segment to be sent beside its payload: struct pbuf 16, room for the headers 76, struct tcp_seg 20, and
 * two of the allocator's headers; about.
 */
export const SEGMENT_OVERHEAD_BYTES = 120;

/**
 * Memory that the connections of one program hold, from its start to the next reset. Objects that outlive their program go
 * on counting in the account of their own, which nothing reads any more.
 */
export class Account {
  /** TCP objects that the program made and did not close: those left at the end have leaked. */
  objects = 0;
  /** Heap that connections hold beside their control blocks. */
  heldBytes = 0;
  /** True: the board was reset since. */
  closed = false;
  #receiveWindowBytes: number;
  #receivedOverheadBytes: number;
  #freeHeapBytes: () => number;

  constructor(
    { receiveWindowBytes, sockets }: Pick<BoardKind, "receiveWindowBytes" | "sockets">,
    freeHeapBytes: () => number,
  ) {
    this.#receiveWindowBytes = receiveWindowBytes;
    this.#receivedOverheadBytes =
      RECEIVED_OVERHEAD_BYTES + (sockets === "sdk" ? SDK_RECEIVED_BYTES : 0);
    this.#freeHeapBytes = freeHeapBytes;
  }

  /** Takes heap; a negative number gives it back. */
  hold(bytes: number): void {
    this.heldBytes += bytes;
  }

  hasHeap(bytes: number): boolean {
    return bytes <= this.#freeHeapBytes();
  }

  /**
   * Heap of a received segment. The computer's network delivers more at once than a window lets in: on
   * the chip, bytes beyond the window would still be at the peer.
   */
  receivedBytes(segment: Uint8Array): number {
    return Math.min(segment.byteLength, this.#receiveWindowBytes) + this.#receivedOverheadBytes;
  }
}
