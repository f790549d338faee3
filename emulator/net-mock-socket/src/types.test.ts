import type net from "node:net";
import { expect, test } from "vitest";
import type { Host, MockServer, MockSocket } from "./network.ts";
import type { HOST_LACKS, SERVER_LACKS, SOCKET_LACKS } from "./unsupported.ts";

// The compiler is the test: `npm run check` fails when the mock drifts away from node:net.

/** Members that are compared as they are. */
type SocketValues = Pick<
  net.Socket,
  | ("bytesRead" | "bytesWritten" | "connecting" | "pending" | "readyState" | "timeout")
  | ("remoteAddress" | "remotePort" | "remoteFamily" | "localAddress" | "localPort")
  | ("allowHalfOpen" | "destroyed" | "closed" | "readableLength" | "writableLength" | "address")
  | ("read" | "write" | "cork" | "uncork" | "pipe" | "isPaused" | "errored" | "writableEnded")
>;

/** Members that return the socket itself: what they take must fit, and that they return a T. */
type Chained<From, Names extends keyof From, T> = {
  [Name in Names]: From[Name] extends (...args: infer Arguments) => unknown
    ? (...args: Arguments) => T
    : never;
};

type SocketChains = Chained<
  net.Socket,
  | ("setTimeout" | "setNoDelay" | "setKeepAlive" | "ref" | "unref" | "resetAndDestroy")
  | ("pause" | "resume" | "destroy"),
  MockSocket
>;

/** The events that code listens to, with what they carry. */
interface SocketEvents {
  on(event: "close", listener: (hadError: boolean) => void): unknown;
  on(event: "connect" | "drain" | "end" | "ready" | "timeout", listener: () => void): unknown;
  on(event: "data", listener: (data: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

type ServerValues = Pick<net.Server, "listening" | "maxConnections">;

type ServerChains = Chained<
  net.Server,
  "close" | "getConnections" | "ref" | "unref",
  MockServer
> & {
  listen(options: { port: number; host?: string; backlog?: number }): MockServer;
  listen(port: number, listener?: () => void): MockServer;
  listen(port: number, host: string, listener?: () => void): MockServer;
  address(): net.AddressInfo | null;
};

/** The network's host in place of the module: the same call makes the same thing. */
interface Module<S, L> {
  connect(options: { port: number; host?: string; allowHalfOpen?: boolean }): S;
  connect(port: number, host: string, listener?: () => void): S;
  createConnection(options: { port: number; host?: string }): S;
  createServer(
    options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean; noDelay?: boolean },
    listener?: (socket: S) => void,
  ): L;
}

test("sockets, servers and hosts have the types of node:net, where they have its members", () => {
  const checks = [
    (mock: MockSocket): SocketValues & SocketChains & SocketEvents => mock,
    (real: net.Socket): SocketValues & SocketEvents => real,
    (mock: MockServer): ServerValues & ServerChains => mock,
    (mock: Host): Module<MockSocket, MockServer> => mock,
    (real: typeof net): Module<net.Socket, net.Server> => real,
  ];
  expect(checks).toHaveLength(5);
});

/** True if node:net has nothing that is neither in the mock nor on the list of what that lacks. */
type Complete<Real, Mock, Lacks extends readonly PropertyKey[]> =
  Exclude<keyof Real, keyof Mock | Lacks[number]> extends never ? true : false;

test("whatever else node:net has is on the list of what the mock lacks", () => {
  const complete: [
    Complete<net.Socket, MockSocket, typeof SOCKET_LACKS>,
    Complete<net.Server, MockServer, typeof SERVER_LACKS>,
    Complete<typeof net, Host, typeof HOST_LACKS>,
  ] = [true, true, true];
  expect(complete).toHaveLength(3);
});
