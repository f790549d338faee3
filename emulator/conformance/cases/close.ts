import type { TCP } from "../../src/platform.ts";
import {
  bytes,
  type Connection,
  dialled,
  EventRecorder,
  filled,
  listening,
  PORT,
  same,
  throws,
} from "../stage.ts";
import type { Case, Target } from "../target.ts";

const CLOSE = "modules/io/socket/lwip/tcp.c: doClose";
const DESTRUCTOR = "modules/io/socket/lwip/tcp.c: xs_tcp_destructor";

/** `close`, and what lwIP makes of it. */
export const close: Case[] = [
  {
    name: "after close every member throws SyntaxError",
    source: CLOSE,
    async run(target) {
      const { tcp } = await dialled(target);
      tcp.close();
      throws(() => tcp.read(), "SyntaxError", "");
      throws(() => tcp.read(new Uint8Array(1)), "SyntaxError", "");
      throws(() => tcp.write(bytes("x")), "SyntaxError", "");
      throws(() => tcp.remoteAddress, "SyntaxError", "");
      throws(() => tcp.remotePort, "SyntaxError", "");
      throws(() => tcp.format, "SyntaxError", "");
      throws(() => (tcp.format = "buffer"), "SyntaxError", "");
    },
  },
  {
    name: "members of TCP called on anything but a TCP throw SyntaxError",
    source: "xs/sources/xsAPI.c: fxGetHostDataValidate",
    async run(target) {
      const { tcp, peer } = await dialled(target);
      const { prototype } = target.TCP;
      const members = [
        (receiver: TCP) => prototype.read.call(receiver, 1),
        (receiver: TCP) => prototype.write.call(receiver, bytes("x")),
        (receiver: TCP) => prototype.close.call(receiver),
        ...["remoteAddress", "remotePort", "format"].map(
          name => (receiver: TCP) => Reflect.get(prototype, name, receiver),
        ),
        (receiver: TCP) => Reflect.set(prototype, "format", "buffer", receiver),
      ];
      const listener = new target.Listener({ port: PORT });
      for (const receiver of [{}, [], "a string", undefined, listener, peer]) {
        for (const member of members) throws(() => member(receiver as TCP), "SyntaxError", "");
      }
      same([listener.port, tcp.format], [PORT, "buffer"], "port, format");
    },
  },
  {
    name: "closing twice is harmless",
    source: CLOSE,
    async run(target) {
      const { tcp } = await dialled(target);
      tcp.close();
      tcp.close();
      await target.quiet();
      tcp.close();
      same([target.objects, target.fatal ?? "none"], [0, "none"], "objects, fatal");
    },
  },
  {
    name: "closing sends the written bytes, then FIN",
    source: DESTRUCTOR,
    async run(target) {
      const { tcp, peer } = await dialled(target);
      tcp.write(bytes("good"));
      tcp.write(bytes("bye"));
      tcp.close();
      await target.until("the end", () => peer.ending !== "none");
      same([peer.received, peer.ending], ["goodbye", "finished"], "received, ending");
    },
  },
  {
    name: "closing over unread bytes is a reset, and bytes that were not yet sent are lost",
    source: DESTRUCTOR,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("request");
      await target.until("bytes", () => recorder.readable.includes(7));
      tcp.read(6);
      tcp.write(bytes("answer"));
      tcp.close();
      await target.until("the end", () => peer.ending !== "none");
      same([peer.received, peer.ending], ["", "reset"], "received, ending");
      same(target.connections, 0, "connections");
    },
  },
  {
    name: "closing when all was read sends FIN",
    source: DESTRUCTOR,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("request");
      await target.until("bytes", () => recorder.readable.includes(7));
      tcp.read(new Uint8Array(3));
      tcp.read(new Uint8Array(4));
      tcp.write(bytes("answer"));
      tcp.close();
      await target.until("the end", () => peer.ending !== "none");
      same([peer.received, peer.ending], ["answer", "finished"], "received, ending");
    },
  },
  {
    name: "bytes that arrive after close are answered with a reset",
    source: DESTRUCTOR,
    async run(target) {
      const { tcp, peer } = await dialled(target);
      tcp.close();
      await target.until("FIN", () => peer.ending === "finished");
      same(target.connections, 1, "connections");
      peer.send("more");
      await target.quiet();
      same(target.connections, 0, "connections");
    },
  },
  {
    name: "closed in onReadable, it calls no further callback",
    source: CLOSE,
    async run(target) {
      const recorder = new EventRecorder();
      const { address, port, peers } = await target.listen();
      const tcp = new target.TCP({
        address,
        port,
        ...recorder.callbacks,
        onReadable(count) {
          recorder.callbacks.onReadable(count);
          tcp.read(count);
          tcp.close();
        },
      });
      await target.until("a connection", () => peers.length > 0 && recorder.writable.length > 0);
      peers[0].send("bye");
      peers[0].finish();
      await target.until("FIN", () => peers[0].ending !== "none");
      await target.quiet();
      same(recorder.events.slice(1), ["readable 3"], "events");
      same([target.objects, target.fatal ?? "none"], [0, "none"], "objects, fatal");
    },
  },
  {
    name: "closed while an event is queued, that event is never delivered",
    source: CLOSE,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      tcp.write(bytes("x")); // its flush waits
      tcp.close();
      await target.until("the byte", () => peer.received === "x");
      await target.quiet();
      same(recorder.events.length, 1, "events");
    },
  },
  {
    name: "closed in onError, it calls no further callback",
    source: CLOSE,
    async run(target) {
      const recorder = new EventRecorder();
      const tcp = new target.TCP({
        ...(await target.refusing()),
        onError() {
          recorder.callbacks.onError();
          tcp.close();
        },
      });
      await target.until("the refusal", () => recorder.errors > 0);
      await target.quiet();
      same([recorder.errors, target.objects], [1, 0], "errors, objects");
    },
  },
  {
    name: "a control block counts until the peer has closed too",
    source: DESTRUCTOR,
    async run(target) {
      const { tcp, peer } = await dialled(target);
      tcp.close();
      await target.until("FIN", () => peer.ending === "finished");
      await target.quiet();
      same([target.connections, target.objects], [1, 0], "connections, objects");
      peer.finish();
      await target.quiet();
      same(target.connections, 1, "connections after the peer's FIN: it is remembered");
    },
  },
  {
    name: "the end that closed first keeps the connection in TIME_WAIT for two minutes, which takes a control block",
    source: "src/core/tcp.c: tcp_slowtmr",
    not: { loopback: "it takes two minutes" },
    async run(target) {
      const { tcp, peer } = await dialled(target);
      tcp.close();
      await target.until("FIN", () => peer.ending === "finished");
      peer.finish();
      await target.quiet();
      same(target.connections, 1, "connections");
      await target.until("the control block gone", () => target.connections === 0);
    },
  },
  {
    name: "a connection that the peer closed first is freed at once",
    source: "src/core/tcp_in.c: tcp_process",
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.finish();
      await target.until("an error", () => recorder.errors > 0);
      tcp.close();
      await target.until("the control block gone", () => target.connections === 0);
    },
  },
  {
    name: "a full board drops connections in TIME_WAIT before it gives up closing ones",
    source: "src/core/tcp.c: tcp_alloc",
    async run(target) {
      const all = await filled(target);
      all[0].tcp.close();
      await target.until("FIN", () => all[0].peer.ending === "finished");
      all[1].tcp.close();
      await target.until("FIN", () => all[1].peer.ending === "finished");
      all[1].peer.finish();
      await target.quiet();
      const { address, port, peers } = await target.listen();
      new target.TCP({ address, port });
      await target.until("the new connection", () => peers.length === 1);
      same(target.connections, all.length, "connections");
      all[0].peer.send("more"); // which ends it, if it still is there
      await target.quiet();
      same(target.connections, all.length - 1, "connections after these bytes");
    },
  },
  {
    name: "closed while an event of it is queued, it begins to close only when that is served",
    source: "modules/io/socket/lwip/tcp.c: tcpRelease",
    async run(target) {
      const all = await filled(target);
      const { address, port, peers } = await target.listen();
      all[0].tcp.write(bytes("last words")); // their flush waits
      all[0].tcp.close();
      // A full board gives up what closes; this does not yet.
      throws(() => new target.TCP({ address, port }), "RangeError", "no socket");
      await target.until("the end", () => all[0].peer.ending === "finished");
      same(all[0].peer.received, "last words", "received");

      all[1].tcp.close(); // no event waits
      new target.TCP({ address, port });
      new target.TCP({ address, port });
      await target.until("two connections", () => peers.length === 2);
    },
  },
  {
    name: "a reset between close and an event that was queued ends the board",
    source: DESTRUCTOR,
    not: {
      loopback: "the reset comes later",
      chip: "tcp.c points to freed memory: anything may happen",
    },
    async run(target) {
      // The board plays its own peer, so that the reset is there in the same instant.
      const { listener, announced } = listening(target);
      const recorder = new EventRecorder();
      const tcp = new target.TCP({ address: "127.0.0.1", port: PORT, ...recorder.callbacks });
      await target.until("a client", () => announced.length > 0 && recorder.writable.length > 0);
      const other = listener.read()!;
      tcp.write(bytes("unread"));
      await target.quiet();
      other.close();
      tcp.write(bytes("x")); // its flush waits
      tcp.close();
      await target.until("the end", () => target.fatal !== undefined);
      same(target.fatal?.startsWith("freed memory"), true, "fatal");
    },
  },
  {
    name: "a peer that never answers our FIN is given up",
    source: DESTRUCTOR,
    not: { loopback: "it takes 20 s" },
    async run(target) {
      const { tcp } = await dialled(target);
      tcp.close();
      await target.quiet();
      same(target.connections, 1, "connections");
      await target.until("the control block gone", () => target.connections === 0);
    },
  },
  {
    name: "a full board gives up the closing connection that received nothing for longest, to connect",
    source: "src/core/tcp.c: tcp_kill_state",
    async run(target) {
      const closing = await closingTwo(target);
      const { address, port, peers } = await target.listen();
      new target.TCP({ address, port });
      await target.until("the new connection", () => peers.length === 1);
      await onlySilentGone(target, closing);
    },
  },
  {
    name: "a full board gives up the closing connection that received nothing for longest, for a new client",
    source: "src/core/tcp.c: tcp_kill_state",
    async run(target) {
      const { announced } = listening(target);
      const closing = await closingTwo(target);
      target.connect(PORT);
      await target.until("the newcomer", () => announced.length > 0);
      await onlySilentGone(target, closing);
      same(announced, [1], "announced");
    },
  },
];

interface ClosingTwo {
  silent: Connection;
  received: Connection;
  /** Connections of the full board. */
  full: number;
}

/**
 * A full board, of which two connections close: first the one whose peer was received last. Both peers
 * have acknowledged the FIN and do not close.
 */
async function closingTwo(target: Target): Promise<ClosingTwo> {
  const all = await filled(target);
  const [silent, received] = [all[1], all[3]];
  received.tcp.close();
  await target.until("FIN", () => received.peer.ending === "finished");
  silent.tcp.close();
  await target.until("FIN", () => silent.peer.ending === "finished");
  await target.quiet();
  same(target.connections, all.length, "connections, two of them closing");
  return { silent, received, full: all.length };
}

/** The new connection has the place of the silent one; the other one closes in peace. */
async function onlySilentGone(
  target: Target,
  { silent, received, full }: ClosingTwo,
): Promise<void> {
  await target.quiet();
  same(target.connections, full, "connections");
  silent.peer.send("more"); // which would end it, if it still were there
  await target.quiet();
  same(target.connections, full, "connections after bytes for the silent one");
  received.peer.send("more");
  await target.quiet();
  same(target.connections, full - 1, "connections after bytes for the other one");
}
