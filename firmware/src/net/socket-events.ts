import type { SocketFailure, TCPCallbacks, TCPSocket } from "../platform.ts";
import { NATIVE, PIPE_EVENTS, type PipeEnd, type PipeOutcome } from "./pipe.ts";

/** An endpoint, as its socket's events see it. */
export interface SocketTarget extends PipeEnd {
  readonly to: PipeEnd | undefined;
  readonly from: SocketTarget | undefined;
  readonly isLate: boolean | undefined;
  readonly capacity: number;
  /** The socket has an event, and there is no pipe that takes it, or it is late. */
  received(bytes: number): void;
  drained(bytes: number): void;
  finReceived(): void;
  lost(failure: SocketFailure | undefined): void;
  /** The pipe from here has ended. */
  pipeEnded(outcome: PipeOutcome): void;
}

/**
 * The prototype of the options of all sockets: the callbacks are the same for each socket, which knows its
 * endpoint as `target`. A literal with all of them would cost 6 slots more for each socket, and closures more still.
 */
export const SOCKET_EVENTS: Omit<TCPCallbacks, "target"> & { nodelay: boolean } = Object.freeze({
  /** Without it every small piece would wait for the peer's delayed acknowledgement. */
  nodelay: true,

  onReadable(this: TCPSocket, bytes: number): void {
    const endpoint = this.target as SocketTarget;
    const to = endpoint.to;
    if (to === undefined || endpoint.isLate) {
      endpoint.received(bytes);
      return;
    }
    endpoint.readable = bytes;
    const outcome = endpoint.content!.move(endpoint, to);
    if (outcome !== undefined) endpoint.pipeEnded(outcome);
  },

  onWritable(this: TCPSocket, bytes: number): void {
    const endpoint = this.target as SocketTarget;
    if (endpoint.smallWrites > 0 && bytes >= endpoint.capacity) endpoint.smallWrites = 0;
    const from = endpoint.from;
    if (from === undefined || from.isLate) {
      endpoint.drained(bytes);
      return;
    }
    endpoint.writable = bytes;
    if (from.readable === 0) return;
    const outcome = from.content!.move(from, endpoint);
    if (outcome !== undefined) from.pipeEnded(outcome);
  },

  onEnd(this: TCPSocket): void {
    (this.target as SocketTarget).finReceived();
  },

  onError(this: TCPSocket, failure?: SocketFailure): void {
    (this.target as SocketTarget).lost(failure);
  },

  /** A native pipe reports. */
  onPiped(this: TCPSocket, number: number): void {
    const endpoint = this.target as SocketTarget;
    if (endpoint.content !== NATIVE) return; // stopped meanwhile
    const event = PIPE_EVENTS[number];
    if (event === "first" || event === "binary") {
      try {
        if (event === "first") endpoint.onFirstBytes();
        else endpoint.onBinary();
      } catch (error) {
        endpoint.failed(error);
      }
      return;
    }
    if (event === "to-error") endpoint.to!.failing();
    endpoint.pipeEnded(event);
  },
});
