import { EventEmitter } from "node:events";

/**
 * Sockets of this process that receive what a board on the computer's network sends to all hosts. They have no port of the computer, whose
 * lower ports a program may not bind without privileges.
 */
export class BroadcastDomain {
  #sockets = new Set<BroadcastSocket>();

  /** A socket in the shape of `dgram.Socket`: for receiving alone. */
  createSocket = (_type: "udp4"): BroadcastSocket => {
    const socket: BroadcastSocket = new BroadcastSocket(() => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    return socket;
  };

  /** A datagram to all hosts. */
  send(bytes: Uint8Array, port: number): void {
    for (const socket of [...this.#sockets]) {
      if (socket.port === port) socket.emit("message", Buffer.from(bytes));
    }
  }
}

class BroadcastSocket extends EventEmitter {
  port: number | undefined;
  readonly close: () => void;

  constructor(close: () => void) {
    super();
    this.close = close;
  }

  bind(port: number): void {
    this.port = port;
  }
}
