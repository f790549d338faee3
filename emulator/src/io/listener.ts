import type { Listener, ListenerClass, ListenerOptions, TCP } from "../platform.ts";
import type { Message } from "../tasks.ts";
import { callback, checkPort, initialFormat, signedInteger } from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import { Pcb } from "./pcb.ts";
import type { Stack, StackListener } from "./stack.ts";
import type { TCPFamily } from "./tcp.ts";
import type { WireServer, WireSocket } from "./wire.ts";

/** What a listener reads: nothing else. */
const FORMAT = "socket/tcp";

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
 * - `read` makes its TCP object before it looks: reading past the end, or after `close`, leaks one;
 * - a SYN for which there is no control block stays without an answer, and puts a dud among those
 *   that wait: it reads as a TCP, but nothing is below it;
 * - one that broke while it waited leaves a pointer to freed memory, and so does `close` with an
 *   announcement under way.
 */
export function defineListener(stack: Stack, family: TCPFamily): ListenerClass {
  const ports = new Map<number, EmulatedListener>();

  class EmulatedListener extends HostObject implements Listener, Message, StackListener {
    target: unknown;
    next: Message | undefined;
    #port: number;
    #server: WireServer | undefined;
    #onReadable: ListenerOptions["onReadable"];
    /** Nothing: a dud. */
    #accepted: (Pcb | undefined)[] = [];
    /** The computer's network has connected these already; they wait as if their SYN had been lost. */
    #knocking: WireSocket[] = [];
    #posted = false;
    #closed = false;

    constructor(options: ListenerOptions) {
      super(EmulatedListener);
      if (!stack.online) throw new Error("no network");
      this.#port = freePort(options);
      this.#onReadable = callback(options.onReadable);
      if (initialFormat(options, FORMAT) !== FORMAT) throw new RangeError("unimplemented");
      this.target = options.target;
      if (!stack.available()) throw new Error("no socket");
      if (ports.size >= stack.kind.listenersMax || ports.has(this.#port)) {
        stack.lose(); // the block was bound, and is forgotten
        throw new RangeError("no memory");
      }
      ports.set(this.#port, this);
      stack.listening(this);

      const published = stack.parts.publish(this.#port);
      if (published === undefined) return;
      this.#server = this.#serve();
      this.#server.listen(published);
    }

    #serve(): WireServer {
      const server = stack.parts.wire.createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
        admit: () => {
          const giveBack = stack.reserve();
          if (giveBack === undefined) this.#arrived(undefined);
          return giveBack;
        },
      });
      server.on("connection", (socket: WireSocket) => {
        if (this.#knocking.length >= BACKLOG) {
          socket.on("error", () => {});
          socket.resetAndDestroy();
          return;
        }
        this.#knocking.push(socket);
        if (!this.accept()) this.#arrived(undefined);
      });
      server.on("error", error => stack.parts.onServerError(error));
      server.on("listening", () => {
        const { address, port } = server.address() as { address: string; port: number };
        stack.parts.onListening(this.#port, { port, host: address });
      });
      return server;
    }

    get port(): number {
      checkOpen(this);
      return this.#port;
    }

    get format(): string {
      return FORMAT;
    }

    set format(format: string) {
      if (format !== FORMAT) throw new RangeError();
    }

    read(): TCP | undefined {
      const tcp = new family.TCP();
      checkOpen(this);
      if (this.#accepted.length === 0) return undefined;
      const pcb = this.#accepted.shift();
      if (pcb?.gone) stack.freedPointer("accepting a connection that broke while it waited");
      family.adopt(tcp, pcb?.gone ? undefined : pcb);
      return tcp;
    }

    close(): void {
      if (!HostObject.release(this, EmulatedListener) || this.#closed) return;
      this.abort();
      ports.delete(this.#port);
      stack.unlistening(this);
      for (const pcb of this.#accepted) {
        if (pcb?.gone) stack.freedPointer("closing a listener whose client broke while it waited");
        else pcb?.close();
      }
      if (this.#posted) stack.freedPointer("a listener closed before its announcement came");
    }

    abort(): void {
      this.#closed = true;
      this.#server?.close();
      for (const socket of this.#knocking) socket.resetAndDestroy();
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
      this.#arrived(new Pcb(stack, socket));
      return true;
    }

    #arrived(pcb: Pcb | undefined): void {
      this.#accepted.push(pcb);
      if (this.#onReadable === undefined || this.#posted) return;
      this.#posted = true;
      stack.parts.tasks.post(this);
    }
  }

  function checkOpen(receiver: unknown): asserts receiver is EmulatedListener {
    HostObject.validate(receiver, EmulatedListener);
  }

  function freePort(options: ListenerOptions): number {
    let port = "port" in options ? checkPort(signedInteger(options.port)) : 0;
    if (port === 0) {
      port = EPHEMERAL_PORT_FIRST;
      while (ports.has(port)) port++;
    }
    return port;
  }

  return EmulatedListener;
}
