import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";

/**
 * What a board is plugged into: the computer's own `node:net` (for UDP `{ ...net, createSocket }` with
 * that of `node:dgram`), or anything of its shape, such as a host of net-mock-socket.
 */
export interface Wire {
  connect(options: {
    host: string;
    port: number;
    allowHalfOpen: boolean;
    noDelay: boolean;
  }): WireSocket;
  createServer(options: {
    allowHalfOpen: boolean;
    pauseOnConnect: boolean;
    noDelay: boolean;
  }): WireServer;
  /** Where it is missing, there is no UDP. */
  createSocket?(type: "udp4"): WireDatagrams;
}

/** A socket for datagrams, shaped like `dgram.Socket`. */
export interface WireDatagrams extends EventEmitter {
  bind(options: { port: number; address?: string | undefined }): unknown;
  send(bytes: Uint8Array, port: number, address: string): unknown;
  close(): unknown;
}

export interface WireSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly connecting: boolean;
  resetAndDestroy(): unknown;
  /**
   * Opens the receive window by `bytes`, as lwIP's tcp_recved does. Only a simulated network has it
   * (with the event `sent`, lwIP's tcp_sent); on the computer's network the kernel's buffers stand
   * before the board's, and reading is paused instead.
   */
  recved?(bytes: number): void;
}

export interface WireServer extends EventEmitter {
  listen(options: { port: number; host?: string | undefined }): unknown;
  close(): unknown;
  address(): unknown;
}
