import net from "node:net";
import { expect, test } from "vitest";
import { world } from "./testing.ts";
import { HOST_LACKS, SERVER_LACKS, SOCKET_LACKS } from "./unsupported.ts";

const ask = (what: object, name: PropertyKey) => () => (what as Record<PropertyKey, unknown>)[name];

test("a member of node:net that the mock lacks throws when it is read", () => {
  const { client, listener, connect } = world();
  const socket = connect();
  for (const name of SOCKET_LACKS) {
    expect(ask(socket, name)).toThrow(`not emulated: socket.${name}`);
  }
  for (const name of SERVER_LACKS) {
    expect(ask(listener, name)).toThrow(`not emulated: server.${String(name)}`);
  }
  for (const name of HOST_LACKS) expect(ask(client, name)).toThrow(`not emulated: net.${name}`);
});

test("no member of this Node's node:net is missing silently", () => {
  const { client, listener, connect } = world();
  const publicNames = (object: object) =>
    Object.keys(Object.getOwnPropertyDescriptors(object)).filter(name => !name.startsWith("_"));
  // Two names that Node keeps from its youth, without documentation or types.
  const forgotten = (names: string[], mock: object) =>
    names.filter(name => !(name in mock) && name !== "Stream");
  expect(forgotten(publicNames(net.Socket.prototype), connect())).toEqual([]);
  expect(forgotten(publicNames(net.Server.prototype), listener)).toEqual([]);
  expect(forgotten(publicNames(net), client)).toEqual([]);
});

test("an option without effect is refused, and undefined counts as absent", () => {
  const { client } = world();
  const connect = (options: object) => () =>
    client.connect({ port: 80, host: "server", ...options });
  expect(connect({ family: 6 })).toThrow("not emulated: connect with family: 6");
  expect(connect({ localPort: 5000 })).toThrow("not emulated: connect with localPort: 5000");
  expect(connect({ lookup: undefined })).not.toThrow();
  expect(() => client.createServer({ keepAliveInitialDelay: 5 } as object)).toThrow(
    "not emulated: createServer with keepAliveInitialDelay: 5",
  );
  const listen = (target: never) => () => client.createServer().listen(target);
  expect(listen({ path: "/tmp/x" } as never)).toThrow("not emulated: listen with path: /tmp/x");
  expect(listen("/tmp/x" as never)).toThrow("not emulated: listen on the path /tmp/x");
});

test("a server with a short backlog refuses clients beyond it", async () => {
  const { clock, client, server } = world();
  server.createServer().listen({ port: 81, backlog: 1 });
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 2; i++) {
    const socket = client.connect({ host: "server", port: 81 });
    socket.on("connect", () => codes.push("connect"));
    socket.on("error", (error: NodeJS.ErrnoException) => codes.push(error.code));
  }
  await clock.run(100);
  expect(codes.sort()).toEqual(["ECONNREFUSED", "connect"]);
});
