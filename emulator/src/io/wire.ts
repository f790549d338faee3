import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";

/**
 * The network that a board is plugged into: the computer's own `node:net` (for UDP `{ ...net, createSocket }` with
 * that of `node:dgram`), or an object with the same interface, such as a host of net-mock-socket.
 */
export interface Wire {
  connect(options: {
    host: string;
    port: number;
    allowHalfOpen: boolean;
    onread?: WireReads | undefined;
  }): WireSocket;
  /** `connect` takes `onread`: so does `net.connect`, and a simulated network does not. */
  readonly takesOnread?: boolean;
  createServer(options: {
    allowHalfOpen: boolean;
    pauseOnConnect: boolean;
    /**
     * Only a simulated network calls it, for each SYN; others accept without it. Without a place for a
     * connection the SYN is not answered. The place is given back when the handshake
     * is over, just before `connection`.
     */
    admit(): (() => void) | undefined;
  }): WireServer;
  /** Where it is missing, there is no UDP. */
  createSocket?(options: { type: "udp4"; lookup: WireLookup }): WireDatagrams;
}

/** The option `onread` of `net.connect`: where to read to. Then no `data` is emitted. */
export interface WireReads {
  /** The next read goes here. */
  buffer(): Uint8Array;
  /** `count` bytes were read. */
  callback(count: number, buffer: Uint8Array): boolean;
}

/** Finds the address of a host, for those of `node:dgram`. */
export type WireLookup = (
  host: string,
  options: unknown,
  found: (error: null, address: string, family: number) => void,
) => void;

/** A socket for datagrams, shaped like `dgram.Socket`. */
export interface WireDatagrams extends EventEmitter {
  bind(options: { port: number; address?: string | undefined }): unknown;
  send(bytes: Uint8Array, port: number, address: string): unknown;
  address(): { readonly port: number };
  /** Multicast groups; where it is missing, there are none. */
  addMembership?(group: string): unknown;
  dropMembership?(group: string): unknown;
  /** Whether datagrams may go to all hosts; where it is missing, they may not. */
  setBroadcast?(flag: boolean): unknown;
  setMulticastTTL?(timeToLive: number): unknown;
  close(): unknown;
}

/**
 * One connection. Some members only a simulated network has; on the computer's the kernel's buffers
 * stand before the board's, and what it does not report is guessed.
 */
export interface WireSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly connecting: boolean;
  resetAndDestroy(): unknown;
  setNoDelay(noDelay: boolean): unknown;
  setKeepAlive(enable: boolean, idleMs: number): unknown;
  /**
   * Opens the receive window by `bytes`, as lwIP's tcp_recved does. On the computer's network, reading is paused instead.
   * A network that has `recved` also has the members below, and three events:
   *
   * - `sent`: the peer has acknowledged bytes, as lwIP's tcp_sent
   * - `finSent`: the peer has acknowledged the FIN
   * - `released`: the connection is forgotten or in TIME_WAIT; with true if both ends had closed it, and else the code
   *   of the error that broke it
   */
  recved?(bytes: number): void;
  /** Called for each new segment; false: it is lost, because there is no memory for it. */
  admits?: ((segment: Uint8Array) => boolean) | undefined;
  /** Bytes that were written and not sent yet. */
  readonly unsentBytes?: number;
  /** Resets the connection, also one that still sends after `end` (tcp_abort). */
  abort?(): void;
  /** Ends the connection and sends nothing (tcp_abandon without a reset). */
  forget?(): void;
}

export interface WireServer extends EventEmitter {
  listen(options: { port: number; host?: string | undefined }): unknown;
  close(): unknown;
  address(): unknown;
}
