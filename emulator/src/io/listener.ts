import type { Message } from "../tasks.ts";
import { Pcb } from "./pcb.ts";
import type { Stack, StackListener } from "./stack.ts";
import { callback, portOf, type TCP, type TCPFamily } from "./tcp.ts";
import type { WireServer, WireSocket } from "./wire.ts";

export interface ListenerOptions {
  port?: number;
  target?: unknown;
  format?: string;
  onReadable?: (connections: number) => void;
}

export type ListenerClass = new (options: ListenerOptions) => Listener;

export interface Listener {
  target: unknown;
  readonly port: number;
  format: string;
  read(): TCP | undefined;
  close(): void;
}

/** First port that lwIP gives where none was asked for (TCP_LOCAL_PORT_RANGE_START). */
const EPHEMERAL_PORT_FIRST = 0xc000;

/** Handshakes that lwIP remembers per listener (TCP_DEFAULT_LISTEN_BACKLOG). */
const BACKLOG = 255;

/**
 * `embedded:io/socket/listener` as the ESP32 port behaves. Read from listener.js and tcp.c of
 * modules/io/socket/lwip @ 48ee02d:
 *
 * - `onReadable` is posted with each arrival and counts all that wait; those left are not announced
 *   again until the next one arrives;
 * - `read` makes its TCP object before it looks: reading past the end leaks one;
 * - while no control block is free, newcomers wait as a SYN that is sent again would.
 */
export function defineListener(stack: Stack, family: TCPFamily): ListenerClass {
  const ports = new Map<number, EmulatedListener>();

  class EmulatedListener implements Listener, Message, StackListener {
    target: unknown;
    next: Message | undefined;
    #port: number;
    #server: WireServer | undefined;
    #onReadable: ListenerOptions["onReadable"];
    #accepted: Pcb[] = [];
    #knocking: WireSocket[] = [];
    #posted = false;
    #closed = false;

    constructor(options: ListenerOptions) {
      if (!stack.online) throw new Error("no network");
      if (options.format && options.format !== "socket/tcp") throw new RangeError("unimplemented");
      this.#onReadable = callback(options.onReadable);
      this.target = options.target;
      this.#port = freePort(options);
      if (ports.size >= stack.kind.listenersMax) throw new Error("no socket");
      ports.set(this.#port, this);
      stack.listening(this);

      const published = stack.publish(this.#port);
      if (published === undefined) return;
      const server = stack.wire.createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
      });
      server.on("connection", (socket: WireSocket) => {
        if (this.#knocking.length >= BACKLOG) {
          socket.on("error", () => {});
          socket.resetAndDestroy();
          return;
        }
        this.#knocking.push(socket);
        this.accept();
      });
      server.on("error", error => stack.onServerError(error));
      server.listen(published);
      this.#server = server;
    }

    get port(): number {
      this.#open();
      return this.#port;
    }

    get format(): string {
      return "socket/tcp";
    }

    set format(format: string) {
      if (format !== "socket/tcp") throw new RangeError();
    }

    read(): TCP | undefined {
      this.#open();
      const pcb = this.#accepted.shift();
      // One that was reset while it waited is a dud. The chip would point to freed memory.
      const tcp = family.accepted(pcb?.gone ? undefined : pcb);
      return pcb === undefined ? undefined : tcp;
    }

    close(): void {
      if (this.#closed) return;
      this.#closed = true;
      ports.delete(this.#port);
      stack.unlistening(this);
      this.#server?.close();
      for (const socket of this.#knocking) socket.resetAndDestroy();
      for (const pcb of this.#accepted) pcb.close();
    }

    deliver(): void {
      this.#posted = false;
      if (this.#closed || this.#accepted.length === 0) return;
      this.#onReadable?.call(this, this.#accepted.length);
    }

    accept(): boolean {
      const socket = this.#knocking[0];
      if (socket === undefined || !stack.available()) return false;
      this.#knocking.shift();
      if (socket.destroyed) return this.accept();
      this.#accepted.push(new Pcb(stack, socket));
      if (this.#onReadable && !this.#posted) {
        this.#posted = true;
        stack.tasks.post(this);
      }
      return true;
    }

    #open(): void {
      if (this.#closed) throw new SyntaxError("C: xsGetHostData: no host data");
    }
  }

  function freePort(options: ListenerOptions): number {
    let port = "port" in options ? portOf(options.port) : 0;
    if (port === 0) {
      port = EPHEMERAL_PORT_FIRST;
      while (ports.has(port)) port++;
    }
    if (ports.has(port)) throw new RangeError("no memory");
    return port;
  }

  return EmulatedListener;
}
