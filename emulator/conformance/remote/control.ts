import type { TCP, TCPClass } from "../../src/platform.ts";
import { encode, Inbox, type ToBoard, type ToHost } from "./messages.ts";

export interface ControlEvents {
  onMessage(message: ToBoard, text: string): void;
  /** The host has closed the connection, or cannot be reached. */
  onLost(): void;
}

/**
 * The board's end of the control connection. It takes one of the board's control blocks and
 * no more events than it needs, because both are part of what is examined.
 */
export class Control {
  #tcp: TCP;
  #inbox: Inbox<ToBoard>;
  #events: ControlEvents;
  #outbox: Uint8Array[] = [];
  #room = 0;
  #lost = false;

  constructor(TCP: TCPClass, host: { address: string; port: number }, events: ControlEvents) {
    this.#events = events;
    this.#inbox = new Inbox(events.onMessage);
    this.#tcp = new TCP({
      ...host,
      nodelay: true,
      onReadable: count => this.#inbox.push(new Uint8Array(this.#tcp.read(count) as ArrayBuffer)),
      onWritable: room => {
        this.#room = room;
        this.#flush();
      },
      onError: () => this.#end(),
    });
  }

  send(message: ToHost, text?: string): void {
    this.#outbox.push(encode(message, text));
    this.#flush();
  }

  #flush(): void {
    while (!this.#lost && this.#outbox.length > 0 && this.#room > 0) {
      const [first] = this.#outbox;
      const piece = first.subarray(0, this.#room);
      if (piece.byteLength === first.byteLength) this.#outbox.shift();
      else this.#outbox[0] = first.subarray(piece.byteLength);
      this.#room -= piece.byteLength;
      try {
        this.#tcp.write(piece);
      } catch {
        this.#end(); // there was room, so the host has closed the connection
      }
    }
  }

  #end(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#tcp.close();
    this.#events.onLost();
  }
}
