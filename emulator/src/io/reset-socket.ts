/** The parts of a socket that `resetSocket` needs. */
export interface Resettable {
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  readonly writableLength: number;
  once(event: "finish", listener: () => void): unknown;
  resetAndDestroy(): unknown;
}

/**
 * Resets a connection of the computer, also one that has just been ended. Between `end` and its shutdown, one
 * turn of the event loop, libuv refuses a reset (EINVAL in uv_tcp_close_reset), and Node then drops the
 * socket without closing it: its descriptor leaks, and what the peer sends is read for ever.
 */
export function resetSocket(socket: Resettable): void {
  const shuttingDown =
    socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (shuttingDown) socket.once("finish", () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}
