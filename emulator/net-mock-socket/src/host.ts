import { type DatagramSource, MockDatagrams } from "./datagrams.ts";
import type { Kernel } from "./kernel.ts";
import type { HostProfile } from "./profile.ts";
import { MockServer, type ServerOptions } from "./server.ts";
import { type ConnectOptions, MockSocket } from "./socket.ts";
import { defineMissing, HOST_LACKS } from "./unsupported.ts";

/** One computer on the network, shaped like `node:net`, and like `node:dgram` by `createSocket`. */
export class Host {
  #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  get name(): string {
    return this.#kernel.name;
  }

  get address(): string {
    return this.#kernel.address;
  }

  get profile(): HostProfile {
    return this.#kernel.profile;
  }

  /** Stream sockets that are not closed. */
  get sockets(): Iterable<MockSocket> {
    return this.#kernel.sockets as Set<MockSocket>; // no other kind is added
  }

  connect = (
    target: ConnectOptions | number,
    hostOrListener?: string | (() => void),
    listener?: () => void,
  ): MockSocket => {
    const options = typeof target === "number" ? { port: target } : { ...target };
    if (typeof hostOrListener === "string") options.host = hostOrListener;
    const onConnect = typeof hostOrListener === "function" ? hostOrListener : listener;
    const socket = new MockSocket(this.#kernel, options);
    if (onConnect) socket.once("connect", onConnect);
    socket.dial(options);
    return socket;
  };

  createConnection = this.connect;

  createServer = (
    options?: ServerOptions | ((socket: MockSocket) => void),
    listener?: (socket: MockSocket) => void,
  ): MockServer => {
    const server = new MockServer(this.#kernel, typeof options === "object" ? options : {});
    const onConnection = typeof options === "function" ? options : listener;
    if (onConnection) server.on("connection", onConnection);
    return server;
  };

  createSocket = (
    type: "udp4" | { type: "udp4" },
    listener?: (message: Buffer, from: DatagramSource) => void,
  ): MockDatagrams => {
    const wanted = typeof type === "string" ? type : type.type;
    if (wanted !== "udp4") throw new Error(`not emulated: a socket of type ${wanted}`);
    const socket = new MockDatagrams(this.#kernel);
    if (listener) socket.on("message", listener);
    return socket;
  };
}

defineMissing(Host.prototype, "net", HOST_LACKS);
