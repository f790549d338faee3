import type { Listener, TCP } from "../../src/platform.ts";
import { accepted, bytes, filled, listening, PORT, same, throws } from "../stage.ts";
import type { Case, Target } from "../target.ts";

const TCP_C = "modules/io/socket/lwip/tcp.c";
const LISTENER_JS = "modules/io/socket/lwip/listener.js";

/** A listener with one waiting client, which has reset the connection. */
async function resetWhileWaiting(target: Target): Promise<Listener> {
  const { listener, announced } = listening(target);
  const client = target.connect(PORT);
  await target.until("a client", () => announced.length > 0);
  client.reset();
  await target.until("the control block gone", () => target.connections === 0);
  return listener;
}

/** `Listener`: announcing, accepting, running out. */
export const listener: Case[] = [
  {
    name: "each new client is announced with the count of all that wait",
    source: `${TCP_C}: listenerDeliver`,
    async run(target) {
      const { announced } = listening(target);
      for (let clients = 1; clients <= 3; clients++) {
        target.connect(PORT);
        await target.until("a client", () => announced.length === clients);
      }
      same(announced, [1, 2, 3], "announced");
    },
  },
  {
    name: "clients left waiting are not announced again until the next one connects",
    source: `${TCP_C}: listenerDeliver`,
    async run(target) {
      const { listener, announced } = listening(target);
      target.connect(PORT);
      target.connect(PORT);
      await target.until("two clients", () => announced.at(-1) === 2);
      const calls = announced.length;
      listener.read();
      await target.quiet();
      same(announced.length, calls, "announcements");
      target.connect(PORT);
      await target.until("the third client", () => announced.length > calls);
      same(announced.at(-1), 2, "waiting");
    },
  },
  {
    name: "clients are accepted in the order in which they connected",
    source: `${TCP_C}: xs_listener_read`,
    async run(target) {
      const { listener, announced } = listening(target);
      const first = target.connect(PORT);
      await target.until("a client", () => announced.at(-1) === 1);
      const second = target.connect(PORT);
      await target.until("another", () => announced.at(-1) === 2);
      await target.quiet(); // the peers know their ports by then
      const ports = [listener.read()!.remotePort, listener.read()!.remotePort];
      same(ports, [first.port, second.port], "ports");
    },
  },
  {
    name: "without onReadable, read returns the clients that have connected",
    source: `${TCP_C}: listenerAccept`,
    async run(target) {
      const listener = new target.Listener({ port: PORT });
      const peer = target.connect(PORT);
      let client: TCP | undefined;
      await target.until("a client", () => {
        client = listener.read();
        return client !== undefined;
      });
      await target.quiet();
      same([client!.remotePort, client!.format], [peer.port, "buffer"], "port, format");
    },
  },
  {
    name: "reading past the end gives undefined, and leaks an object",
    source: `${LISTENER_JS}: read`,
    async run(target) {
      const { bare, listener } = await accepted(target);
      same([target.objects, listener.read() ?? "none"], [1, "none"], "objects, read");
      same(target.objects, 2, "objects");
      bare.close();
      same(target.objects, 1, "objects after close");
    },
  },
  {
    name: "a full board announces an empty socket for each SYN, and accepts the client when a connection is over",
    source: `${TCP_C}: listenerAccept`,
    async run(target) {
      const { listener, announced } = listening(target);
      const all = await filled(target);
      const newcomer = target.connect(PORT);
      await target.until("an empty socket", () => announced.length > 0);
      same([announced, newcomer.ending], [[1], "none"], "announced, ending");
      same(target.connections, all.length, "connections");
      listener.read()!.close();

      all[5].peer.reset();
      await target.until("the newcomer", () => announced.length > 1);
      same(announced, [1, 1], "announced");
      same(listener.read()!.remotePort, newcomer.port, "port");
      same(target.connections, all.length, "connections");
    },
  },
  {
    name: "an empty socket has no connection: reading and writing give undefined, from refuses it",
    source: `${TCP_C}: xs_listener_read`,
    async run(target) {
      const empty = await anEmptySocket(target);
      same(
        [empty.read() ?? "none", empty.write(bytes("x")) ?? "none"],
        ["none", "none"],
        "read, write",
      );
      const { objects } = target;
      throws(() => new target.TCP({ from: empty }), "Error", "invalid from");
      same(target.objects, objects, "objects");
      empty.close();
      same([target.objects, target.fatal ?? "none"], [objects - 1, "none"], "objects, fatal");
    },
  },
  {
    name: "asking an empty socket for its peer ends the board, whatever the program catches",
    source: `${TCP_C}: xs_tcp_get_remoteAddress`,
    not: { chip: "no program is left on the board to report it" },
    async run(target) {
      const empty = await anEmptySocket(target);
      try {
        void empty.remoteAddress;
      } catch {} // on the chip nothing can be caught
      same(target.fatal, "remote address of a connection that is gone", "fatal");
    },
  },
  {
    name: "a full board has no socket for a listener",
    source: `${TCP_C}: xs_listener_constructor`,
    async run(target) {
      await filled(target);
      throws(() => new target.Listener({ port: PORT }), "Error", "no socket");
    },
  },
  {
    name: "a listener takes one of the board's control blocks, until it is closed",
    source: "src/core/tcp.c: tcp_alloc",
    not: { chip: "esp-lwip 2.2.0, which ESP-IDF 6.0 has, counts the blocks of listeners apart" },
    async run(target) {
      const { listener } = listening(target);
      const all = await filled(target);
      same(all.length, target.numbers.connectionsMax - 1, "connections");
      listener.close();
      new target.TCP(await target.refusing());
    },
  },
  {
    name: "a port that is taken is no memory, and one control block less until the reset",
    source: `${TCP_C}: xs_listener_constructor`,
    run(target) {
      new target.Listener({ port: PORT });
      throws(() => new target.Listener({ port: PORT }), "RangeError", "no memory");
      same(target.connections, 1, "connections");
      new target.Listener({ port: PORT + 1 });
    },
  },
  {
    name: "without a port, or with port 0, it gets one of its own",
    source: `${TCP_C}: xs_listener_get_port`,
    async run(target) {
      const announced: number[] = [];
      const none = new target.Listener({});
      const zero = new target.Listener({ port: 0, onReadable: count => announced.push(count) });
      for (const { port } of [none, zero])
        same(port >= 0xc000 && port <= 0xffff, true, "ephemeral");
      same(none.port === zero.port, false, "the same port");
      target.connect(zero.port);
      await target.until("a client", () => announced.length > 0);
    },
  },
  {
    name: "a closed listener refuses new clients, closes those that wait, and throws SyntaxError",
    source: `${TCP_C}: xs_listener_destructor_`,
    not: { chip: "closing a listener may touch freed memory" },
    async run(target) {
      const { listener, announced } = listening(target);
      const waiting = target.connect(PORT);
      await target.until("a client", () => announced.length > 0);
      listener.close();
      listener.close();
      throws(() => listener.read(), "SyntaxError", "");
      throws(() => listener.port, "SyntaxError", "");
      await target.until("the end", () => waiting.ending === "finished");
      same(target.fatal, undefined, "fatal");
      new target.Listener({ port: PORT });
    },
  },
  {
    name: "members of Listener called on anything but a Listener throw SyntaxError, except format",
    source: "xs/sources/xsAPI.c: fxGetHostDataValidate",
    async run(target) {
      const { listener } = listening(target);
      const { prototype } = target.Listener;
      const bare = new target.TCP();
      for (const foreign of [{}, [], "a string", undefined, bare]) {
        throws(() => prototype.read.call(foreign as Listener), "SyntaxError", "");
        throws(() => prototype.close.call(foreign as Listener), "SyntaxError", "");
        throws(() => Reflect.get(prototype, "port", foreign as Listener), "SyntaxError", "");
        same(Reflect.get(prototype, "format", foreign as Listener), "socket/tcp", "format");
      }
      same([listener.port, bare.format], [PORT, "buffer"], "port, format");
    },
  },
  {
    name: "closing a listener over a waiting client that has reset ends the board",
    source: `${TCP_C}: xs_listener_destructor_`,
    not: { chip: "the reset frees what the listener still points to: anything may happen" },
    async run(target) {
      const listener = await resetWhileWaiting(target);
      throws(() => listener.close(), "Error", "");
      same(target.fatal?.startsWith("freed memory"), true, "fatal");
    },
  },
  {
    name: "accepting a client that reset while it waited ends the board",
    source: `${TCP_C}: listenerAccept`,
    not: { chip: "the reset frees what the listener still points to: anything may happen" },
    async run(target) {
      const listener = await resetWhileWaiting(target);
      throws(() => listener.read(), "Error", "");
      same(target.fatal?.startsWith("freed memory"), true, "fatal");
    },
  },
  {
    name: "closing a listener whose announcement is queued ends the board",
    source: `${TCP_C}: xs_listener_close_`,
    not: { chip: "the announcement comes to freed memory: anything may happen" },
    async run(target) {
      let second: Listener | undefined;
      const first = new target.Listener({ port: PORT, onReadable: () => second!.close() });
      second = new target.Listener({ port: PORT + 1, onReadable: () => {} });
      target.connect(PORT);
      target.connect(PORT + 1);
      await target.until("the end", () => target.fatal !== undefined);
      same(target.fatal?.startsWith("freed memory"), true, "fatal");
      void first;
    },
  },
];

/** One that a full board accepts. */
async function anEmptySocket(target: Target): Promise<TCP> {
  let waiting = 0;
  const listener = new target.Listener({
    port: PORT,
    onReadable: count => {
      waiting = count;
    },
  });
  await filled(target);
  target.connect(PORT);
  await target.until("an empty socket", () => waiting > 0);
  return listener.read()!;
}
