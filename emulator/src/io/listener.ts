import type { Listener, ListenerClass, ListenerOptions, TCP } from "../platform.ts";
import type { Message } from "../tasks.ts";
import { callback, checkPort, initialFormat, signedInteger } from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import type { Pcb } from "./pcb.ts";
import type { Stack, StackListener } from "./stack.ts";
import type { TCPFamily } from "./tcp.ts";
import type { WireServer, WireSocket } from "./wire.ts";

/** The options that a listener reads; others are ignored. */
const FORMAT = "socket/tcp";

/** First port that lwIP gives when the program names none (TCP_LOCAL_PORT_RANGE_START). */
const EPHEMERAL_PORT_FIRST = 0xc000;

/** Handshakes that lwIP remembers per listener (TCP_DEFAULT_LISTEN_BACKLOG). */
const BACKLOG = 255;

/** The listeners of one program, by port. */
type Ports = Map<number, EmulatedListener>;

/**
 * `embedded:io/socket/listener` as the ESP32 port behaves. Read from listener.js and tcp.c of
 * modules/io/socket/lwip @ 48ee02d:
 *
 * - `onReadable` is posted with each arrival and counts all that wait; those left are not announced
 *   again until the next one arrives;
 * - `read` makes its TCP object before it looks: reading past the end, or after `close`, leaks one;
 * - a SYN for which there is no control block stays without an answer, and puts an empty socket among those
 *   that wait: it reads as a TCP, but nothing is below it;
 * - one that broke while it waited leaves a pointer to freed memory, and so does `close` with an
 *   announcement under way.
 */
class EmulatedListener extends HostObject implements Listener, Message, StackListener {
  target: unknown;
  next: Message | undefined;
  #stack: Stack;
  #family: TCPFamily;
  /** The listeners of the same program. */
  #ports: Ports;
  #port: number;
  #server: WireServer | undefined;
  #onReadable: ListenerOptions["onReadable"];
  /** `undefined`: an empty socket. */
  #accepted: (Pcb | undefined)[] = [];
  /** The computer's network has connected these already; they wait as if their SYN had been lost. */
  #connected: WireSocket[] = [];
  #posted = false;
  #closed = false;

  constructor(stack: Stack, family: TCPFamily, ports: Ports, options: ListenerOptions) {
    super(EmulatedListener);
    this.#stack = stack;
    this.#family = family;
    this.#ports = ports;
    if (!stack.online) throw new Error("no network");
    this.#port = freePort(options, ports);
    this.#onReadable = callback(options.onReadable);
    if (initialFormat(options, FORMAT) !== FORMAT) throw new RangeError("unimplemented");
    this.target = options.target;
    if (!stack.available()) throw new Error("no socket");
    if (ports.size >= stack.kind.listenersMax || ports.has(this.#port)) {
      stack.leakBlock(); // it was bound, and is forgotten
      throw new RangeError("no memory");
    }
    ports.set(this.#port, this);
    stack.addListener(this);

    const published = stack.parts.publish(this.#port);
    if (published === undefined) return;
    this.#server = this.#serve();
    this.#server.listen(published);
  }

  #serve(): WireServer {
    const server = this.#stack.parts.wire.createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      admit: () => {
        const giveBack = this.#stack.reserve();
        if (giveBack === undefined) this.#arrived(undefined);
        return giveBack;
      },
    });
    server.on("connection", (socket: WireSocket) => {
      if (this.#connected.length >= BACKLOG) {
        socket.on("error", () => {});
        socket.resetAndDestroy();
        return;
      }
      this.#connected.push(socket);
      if (!this.accept()) this.#arrived(undefined);
    });
    server.on("error", error => this.#stack.parts.onServerError(error));
    server.on("listening", () => {
      const { address, port } = server.address() as { address: string; port: number };
      this.#stack.parts.onListening(this.#port, { port, host: address });
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
    // As in listener.js the object is made first: it leaks where there is nothing to read.
    const tcp = #family in Object(this) ? new this.#family.TCP() : undefined;
    checkOpen(this);
    if (this.#accepted.length === 0) return undefined;
    const pcb = this.#accepted.shift();
    if (pcb?.freed) this.#stack.freedPointer("accepting a connection that broke while it waited");
    this.#family.adopt(tcp!, pcb?.freed ? undefined : pcb);
    return tcp;
  }

  close(): void {
    if (!HostObject.release(this, EmulatedListener) || this.#closed) return;
    this.abort();
    this.#ports.delete(this.#port);
    this.#stack.removeListener(this);
    for (const pcb of this.#accepted) {
      if (pcb?.freed)
        this.#stack.freedPointer("closing a listener whose client broke while it waited");
      else pcb?.close();
    }
    if (this.#posted) this.#stack.freedPointer("a listener closed before its announcement came");
  }

  abort(): void {
    this.#closed = true;
    this.#server?.close();
    for (const socket of this.#connected) socket.resetAndDestroy();
  }

  deliver(): void {
    this.#posted = false;
    if (this.#closed || this.#accepted.length === 0) return;
    this.#onReadable?.call(this, this.#accepted.length);
  }

  accept(): boolean {
    const socket = this.#connected[0];
    if (socket === undefined || !this.#stack.available()) return false;
    this.#connected.shift();
    if (socket.destroyed) return this.accept();
    this.#arrived(this.#stack.accept(socket));
    return true;
  }

  #arrived(pcb: Pcb | undefined): void {
    this.#accepted.push(pcb);
    if (this.#onReadable === undefined || this.#posted) return;
    this.#posted = true;
    this.#stack.parts.tasks.post(this);
  }
}

/** The class for one program on this stack. */
export function defineListener(stack: Stack, family: TCPFamily): ListenerClass {
  const ports: Ports = new Map();
  return class extends EmulatedListener {
    constructor(options: ListenerOptions) {
      super(stack, family, ports, options);
    }
  };
}

function checkOpen(receiver: unknown): asserts receiver is EmulatedListener {
  HostObject.validate(receiver, EmulatedListener);
}

function freePort(options: ListenerOptions, ports: Ports): number {
  let port = "port" in options ? checkPort(signedInteger(options.port)) : 0;
  if (port === 0) {
    port = EPHEMERAL_PORT_FIRST;
    while (ports.has(port)) port++;
  }
  return port;
}
