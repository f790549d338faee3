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
  /** Connections that it ever had. */
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

/** An HTTP method and a space begin a request; anything else is raw TCP. */
const REQUEST = /^[A-Z]{3,7} /;

/**
 * Plays a behaviour on a port. HTTP and raw TCP share the port: the first bytes of a connection
 * decide. Rejects with what `listen` reports, such as EADDRINUSE.
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
    socket.once("data", (first: Buffer) => {
      if (behaviour.takes?.(socket, stage)) return;
      socket.pause();
      socket.unshift(first);
      if (REQUEST.test(first.toString("latin1", 0, 8))) http.emit("connection", socket);
      else if (behaviour.talk) behaviour.talk(socket, stage);
      else echoLines(socket, behaviour, stage);
      socket.resume();
    });
    socket.once("end", () => {
      if (socket.writable && socket.listenerCount("data") === 0) socket.end();
    });
  });
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
