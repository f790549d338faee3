import type { Server, Socket } from "node:net";

/** The part of `node:net` that these scripts, and the mock, know. */
export interface NetLike {
  connect(options: { port: number; host?: string; allowHalfOpen?: boolean }): Socket;
  createServer(
    options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean },
    listener: (socket: Socket) => void,
  ): Server;
}

/** The arguments of a script: a network, a port without a listener, and a pause in which all settles. */
export interface ParityHost {
  net: NetLike;
  settle(): Promise<void>;
}

/** A loopback connection of Linux takes about 4 MB before it pushes back. */
const MORE_THAN_BUFFERS_HOLD = 16 * 1024 * 1024;

/** Writes down a socket's events as `C:data(3)`. */
function watch(name: string, socket: Socket, events: string[], { reads = true } = {}): void {
  const note = (event: string) => events.push(`${name}:${event}`);
  socket.on("connect", () => note("connect"));
  if (reads) socket.on("data", (bytes: Buffer) => note(`data(${bytes.byteLength})`));
  socket.on("end", () => note("end"));
  socket.on("finish", () => note("finish"));
  socket.on("error", (error: NodeJS.ErrnoException) => note(`error(${error.code})`));
  socket.on("close", hadError => note(`close(${hadError})`));
}

interface Pair {
  client: Socket;
  server: Socket;
  listener: Server;
}

async function pair(
  { net, settle }: ParityHost,
  options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean } = {},
): Promise<Pair> {
  let server: Socket | undefined;
  const listener = net.createServer(options, socket => {
    server = socket;
  });
  listener.listen(0, "127.0.0.1");
  await settle();
  const { port } = listener.address() as { port: number };
  const client = net.connect({ port, host: "127.0.0.1", allowHalfOpen: options.allowHalfOpen });
  await settle();
  return { client, server: server!, listener };
}

/**
 * Small conversations and the events that each side sees. Every one of them is played on the
 * computer's own network and on the mock, and must read the same.
 */
export const SCRIPTS: Record<string, (stage: ParityHost) => Promise<string[]>> = {
  async "the server sends and ends"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage);
    watch("S", server, events);
    watch("C", client, events);
    server.end("abc");
    await stage.settle();
    listener.close();
    return events;
  },

  async "half open: the client answers after the server's end"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage, { allowHalfOpen: true });
    watch("S", server, events);
    watch("C", client, events);
    client.on("end", () => client.end("late"));
    server.end("abc");
    await stage.settle();
    listener.close();
    return events;
  },

  async "the server resets"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage);
    watch("S", server, events);
    watch("C", client, events);
    server.resetAndDestroy();
    await stage.settle();
    listener.close();
    return events;
  },

  async "the server destroys with nothing unread"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage);
    watch("S", server, events);
    watch("C", client, events);
    server.destroy();
    await stage.settle();
    listener.close();
    return events;
  },

  async "the server destroys over unread bytes: a reset"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage, { pauseOnConnect: true });
    watch("C", client, events);
    client.write("hello");
    await stage.settle();
    server.destroy();
    await stage.settle();
    listener.close();
    return events;
  },

  async "a half-open client goes on writing to a closed peer"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage, { allowHalfOpen: true });
    watch("C", client, events);
    server.on("error", () => {});
    server.resume();
    server.destroy();
    await stage.settle();
    client.write("first");
    await stage.settle();
    client.write("second");
    await stage.settle();
    client.destroy();
    listener.close();
    return events;
  },

  async "a reset after the peer's end fails the write that waits"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage, {
      allowHalfOpen: true,
      pauseOnConnect: true,
    });
    watch("C", client, events);
    client.write(Buffer.alloc(MORE_THAN_BUFFERS_HOLD), error =>
      events.push(`C:written(${(error as NodeJS.ErrnoException | undefined)?.code})`),
    );
    await stage.settle();
    server.end();
    await stage.settle();
    server.destroy();
    await stage.settle();
    listener.close();
    return events;
  },

  async "a reset after the peer's end is news to the next write only"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage, { allowHalfOpen: true });
    watch("C", client, events);
    server.end();
    await stage.settle();
    server.resetAndDestroy();
    await stage.settle();
    events.push("C:nothing yet");
    client.write("late");
    await stage.settle();
    listener.close();
    return events;
  },

  async "writing nothing is writing"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage);
    watch("S", server, events);
    client.write("", () => events.push("C:written"));
    await stage.settle();
    client.end("abc");
    await stage.settle();
    listener.close();
    return events;
  },

  async "a port without a listener"(stage) {
    const events: string[] = [];
    const { client: other, listener } = await pair(stage);
    const { port } = listener.address() as { port: number };
    listener.close();
    await stage.settle();
    // The old connection lives, so the kernel gives its port to no other program.
    const client = stage.net.connect({ port, host: "127.0.0.1" });
    watch("C", client, events);
    await stage.settle();
    other.destroy();
    return events;
  },

  async "a port is taken"(stage) {
    const events: string[] = [];
    const { client, listener } = await pair(stage);
    const { port } = listener.address() as { port: number };
    const second = stage.net.createServer({}, () => {});
    second.on("error", (error: NodeJS.ErrnoException) => events.push(`L:error(${error.code})`));
    second.listen(port, "127.0.0.1");
    await stage.settle();
    client.destroy();
    listener.close();
    return events;
  },

  async "a listener closes when its last connection has"(stage) {
    const events: string[] = [];
    const { client, server, listener } = await pair(stage);
    server.resume();
    listener.on("close", () => events.push("L:close"));
    listener.close();
    await stage.settle();
    events.push("still open");
    client.resume().end();
    await stage.settle();
    return events;
  },
};
