import type { Listener, ListenerClass, ListenerOptions, TCP } from "../platform.ts";
import { callback, checkPort, initialFormat, signedInteger } from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import type { ListenerRecord } from "./socket-code.ts";
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
 * `embedded:io/socket/listener` of the ESP32: its options, and its port on the wire. The connections that wait are
 * the code's (socket-code.ts). A SYN for which there is no control block is not answered.
 */
class EmulatedListener extends HostObject implements Listener, StackListener {
  declare target: unknown;
  #stack: Stack;
  /** The listeners of the same program. */
  #ports: Ports;
  #port: number;
  #record: ListenerRecord;
  #server: WireServer | undefined;
  /** The computer's network has connected these already; they wait as if their SYN had been lost. */
  #connected: WireSocket[] = [];
  #closed = false;

  constructor(stack: Stack, family: TCPFamily, ports: Ports, options: ListenerOptions) {
    super(EmulatedListener);
    this.#stack = stack;
    this.#ports = ports;
    if (!stack.online) throw new Error("no network");
    this.#port = freePort(options, ports);
    this.#record = family.code.listener({
      object: this,
      onReadable: callback(options.onReadable),
      newTcp: () => {
        const tcp = new family.TCP();
        return { tcp, record: family.recordOf(tcp) };
      },
    });
    if (initialFormat(options, FORMAT) !== FORMAT) throw new RangeError("unimplemented");
    if (!stack.available()) throw new Error("no socket");
    const isTaken = ports.has(this.#port);
    if (isTaken || ports.size >= stack.kind.listenersMax) this.#record.refusePort(isTaken);
    ports.set(this.#port, this);
    stack.addListener(this);

    const published = stack.parts.publish(this.#port);
    if (published !== undefined) {
      this.#server = this.#serve();
      this.#server.listen(published);
    }
    if (!("target" in options)) return;
    try {
      this.target = options.target; // a subclass may have a setter
    } catch (error) {
      EmulatedListener.prototype.close.call(this);
      throw error;
    }
  }

  #serve(): WireServer {
    const server = this.#stack.parts.wire.createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      admit: () => {
        const giveBack = this.#stack.reserve();
        if (giveBack === undefined) this.#record.arrived(undefined);
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
      if (!this.accept()) this.#record.arrived(undefined);
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
    const before = #record in Object(this) ? this.#record.beforeRead() : undefined;
    checkOpen(this);
    return this.#record.read(before);
  }

  close(): void {
    if (!HostObject.release(this, EmulatedListener) || this.#closed) return;
    this.abort();
    this.#ports.delete(this.#port);
    this.#stack.removeListener(this);
    this.#record.close();
  }

  abort(): void {
    this.#closed = true;
    this.#server?.close();
    for (const socket of this.#connected) socket.resetAndDestroy();
  }

  accept(): boolean {
    const socket = this.#connected[0];
    if (socket === undefined || !this.#stack.available()) return false;
    this.#connected.shift();
    if (socket.destroyed) return this.accept();
    this.#record.arrived(this.#stack.accept(socket));
    return true;
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
