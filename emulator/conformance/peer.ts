import type { Duplex } from "node:stream";
import type { Peer } from "./target.ts";

interface PeerSocket extends Duplex {
  readonly localPort?: number | undefined;
  readonly pending: boolean;
  resetAndDestroy(): unknown;
}

/** A peer on a socket of `node:net`, or of an object with the same interface, that allows half-open connections. */
export class SocketPeer implements Peer {
  received = "";
  readonly pieces: string[] = [];
  ending: Peer["ending"] = "none";
  #socket: PeerSocket;

  constructor(socket: PeerSocket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      const piece = bytes.toString("latin1");
      this.received += piece;
      this.pieces.push(piece);
    });
    socket.on("end", () => {
      this.ending = "finished";
    });
    socket.on("error", () => {
      this.ending = "reset";
    });
  }

  get port(): number {
    return this.#socket.localPort!;
  }

  send(text: string): void {
    this.#connected(() => this.#socket.write(text, "latin1"));
  }

  finish(): void {
    this.#connected(() => this.#socket.end());
  }

  reset(): void {
    this.#connected(() => this.#socket.resetAndDestroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #connected(then: () => void): void {
    if (this.#socket.pending) this.#socket.once("connect", then);
    else then();
  }
}
