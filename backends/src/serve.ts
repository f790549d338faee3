import { METHODS } from "node:http";
import net, { type AddressInfo, type Socket } from "node:net";
import type { Behaviour, Timing } from "./behaviour.ts";
import { httpServer } from "./http.ts";
import { echoLines } from "./lines.ts";

export interface ServeOptions {
  /** What the server calls itself in every answer. */
  readonly name: string;
  readonly behaviour: Behaviour;
  /** 0 for any free port. */
  readonly port: number;
  readonly host?: string | undefined;
  /** The network to listen on; the computer's own when not given. */
  readonly network?: { createServer: (...options: never[]) => unknown };
  readonly clock?: Timing;
}

/** A running backend. */
export interface Server {
  readonly name: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections that it ever had, those that said nothing included. */
  readonly connectionsTotal: number;
  /** Closes the listener and every connection. */
  stop(): Promise<void>;
}

const REAL_TIME: Timing = {
  after(ms, task) {
    const timeout = setTimeout(task, ms);
    return () => clearTimeout(timeout);
  },
};

/** Bytes of the longest method that Node's parser takes, and of the blank behind it. */
const METHOD_BYTES_MAX = Math.max(...METHODS.map(({ length }) => length)) + 1;

/**
 * Plays a behaviour on a port. HTTP and raw TCP share the port: the first bytes of a connection
 * decide. A client that ends its sending side still gets its answer; it is gone when it resets.
 * Rejects with what `listen` reports, such as EADDRINUSE.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { name, behaviour, clock = REAL_TIME } = options;
  const network = (options.network ?? net) as Pick<typeof net, "createServer">;
  const stage = { name, clock };
  const http = httpServer(behaviour, stage);
  const open = new Set<Socket>();
  let connectionsTotal = 0;

  const listener = network.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    connectionsTotal++;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => {}); // `close` follows
    hear(socket);
  });

  /** Waits for the first bytes, and hands the connection to whom they are for. */
  function hear(socket: Socket): void {
    let head = Buffer.alloc(0);
    const onData = (piece: Buffer) => {
      if (head.byteLength === 0 && behaviour.takes?.(socket, stage)) {
        part();
        return;
      }
      head = Buffer.concat([head, piece]);
      const request = speaksHttp(head);
      if (request === undefined) return;
      part();
      if (!request) {
        talk(socket, head);
        return;
      }
      socket.pause();
      socket.unshift(head);
      http.emit("connection", socket);
      socket.resume();
    };
    // Half a method and an end is raw TCP, too; nothing and an end wants nothing.
    const onEnd = () => {
      part();
      if (head.byteLength > 0) talk(socket, head);
      else socket.end();
    };
    const part = () => socket.off("data", onData).off("end", onEnd);
    socket.on("data", onData).on("end", onEnd);
  }

  function talk(socket: Socket, head: Buffer): void {
    if (behaviour.talk) behaviour.talk(socket, head, stage);
    else echoLines(socket, head, behaviour, stage);
  }

  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen({ port: options.port, host: options.host }, () => {
      listener.off("error", reject);
      resolve();
    });
  });

  return {
    name,
    port: (listener.address() as AddressInfo).port,
    get connections() {
      return open.size;
    },
    get connectionsTotal() {
      return connectionsTotal;
    },
    stop() {
      return new Promise(resolve => {
        listener.close(() => resolve());
        for (const socket of open) socket.destroy();
      });
    },
  };
}

/**
 * Whether these first bytes begin a request with a method that Node's parser takes; `undefined` while they
 * are too few to tell.
 */
function speaksHttp(head: Buffer): boolean | undefined {
  const text = head.toString("latin1", 0, METHOD_BYTES_MAX);
  for (const method of METHODS) {
    if (text.startsWith(`${method} `)) return true;
    if (method.startsWith(text)) return undefined;
  }
  return false;
}
