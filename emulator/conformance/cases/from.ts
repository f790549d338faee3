import { accepted, bytes, dialled, Ears, listening, PORT, same, text, throws } from "../stage.ts";
import type { Case } from "../target.ts";

const CONSTRUCTOR = "modules/io/socket/lwip/tcp.c: xs_tcp_constructor";

/** `new TCP({ from })`: a connection changes hands. */
export const from: Case[] = [
  {
    name: "from gets the unread bytes, and they are announced",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare, peer } = await accepted(target);
      peer.send("hello");
      await target.quiet();
      same(text(bare.read(1)), "h", "read by the first hand");
      const ears = new Ears();
      const tcp = new target.TCP({ from: bare, ...ears.callbacks });
      same(ears.events, [], "events inside the call");
      await target.until("the announcement", () => ears.readable.length > 0);
      same(ears.readable, [4], "announced");
      same(text(tcp.read()), "ello", "read");
    },
  },
  {
    name: "from is told at once how much room there is",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare } = await accepted(target);
      const ears = new Ears();
      new target.TCP({ from: bare, ...ears.callbacks });
      await target.until("the room", () => ears.writable.length > 0);
      await target.quiet();
      same(ears.events, [`writable ${target.numbers.sendBufferBytes}`], "events");
    },
  },
  {
    name: "from is ready to write in the same turn, and what was written before still leaves",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare, peer } = await accepted(target);
      bare.write(bytes("one "));
      new target.TCP({ from: bare }).write(bytes("two"));
      await target.until("both", () => peer.heard === "one two");
    },
  },
  {
    name: "the first hand is closed: SyntaxError, and one object less",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare, peer } = await accepted(target);
      new target.TCP({ from: bare });
      throws(() => bare.read(), "SyntaxError", "");
      throws(() => bare.remotePort, "SyntaxError", "");
      throws(() => new target.TCP({ from: bare }), "SyntaxError", "");
      bare.close();
      await target.quiet();
      same([target.connections, target.objects], [1, 1], "connections, objects");
      same(peer.ending, "none", "ending");
    },
  },
  {
    name: "from a dead connection is invalid, and the dead one stays to be closed",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare, peer } = await accepted(target);
      peer.reset();
      await target.quiet();
      throws(() => new target.TCP({ from: bare }), "Error", "invalid from");
      same(target.objects, 1, "objects");
      bare.close();
      same(target.objects, 0, "objects after close");
    },
  },
  {
    name: "from takes a TCP and nothing else",
    source: CONSTRUCTOR,
    run({ TCP }) {
      for (const from of [{}, undefined, null, 5]) {
        throws(() => new TCP({ from }), "SyntaxError", "");
      }
    },
  },
  {
    name: "taken over in the turn that accepted it, it hears of the peer's FIN",
    source: CONSTRUCTOR,
    async run(target) {
      const ears = new Ears();
      const listener = new target.Listener({
        port: PORT,
        onReadable: () => new target.TCP({ from: listener.read(), ...ears.callbacks }),
      });
      const peer = target.connect(PORT);
      await target.until("the room", () => ears.writable.length > 0);
      peer.finish();
      await target.until("an error", () => ears.errors > 0);
    },
  },
  {
    name: "bytes and FIN that came before it was accepted are told afterwards",
    source: "modules/io/socket/lwip/tcp.c: listenerReceive",
    async run(target) {
      const ears = new Ears();
      const { listener, announced } = listening(target);
      const peer = target.connect(PORT);
      peer.send("hello");
      peer.finish();
      await target.until("a client", () => announced.length > 0);
      await target.quiet();
      const tcp = new target.TCP({ from: listener.read(), ...ears.callbacks });
      await target.until("bytes", () => ears.readable.includes(5));
      same(text(tcp.read()), "hello", "read");
      await target.until("an error", () => ears.errors > 0);
    },
  },
  {
    name: "a bare FIN that came before it was accepted is never told",
    source: "modules/io/socket/lwip/tcp.c: listenerReceive",
    not: {
      loopback: "the kernel keeps the FIN until somebody reads",
      chip: "lwIP may close the connection by itself, under the listener's hands",
    },
    async run(target) {
      const ears = new Ears();
      const { listener, announced } = listening(target);
      target.connect(PORT).finish();
      await target.until("a client", () => announced.length > 0);
      await target.quiet();
      new target.TCP({ from: listener.read(), ...ears.callbacks });
      await target.until("the room", () => ears.writable.length > 0);
      await target.quiet();
      same(ears.errors, 0, "errors");
    },
  },
  {
    name: "an error that the first hand was told, the second never hears",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare, peer } = await accepted(target);
      peer.finish();
      await target.quiet();
      const ears = new Ears();
      const tcp = new target.TCP({ from: bare, ...ears.callbacks });
      throws(() => tcp.write(bytes("x")), "Error", "not ready");
      await target.quiet();
      same(ears.errors, 0, "errors");
    },
  },
  {
    name: "a connection that the board made changes hands too",
    source: CONSTRUCTOR,
    async run(target) {
      const { tcp, peer, ears } = await dialled(target);
      const second = new Ears();
      const taken = new target.TCP({ from: tcp, ...second.callbacks });
      peer.send("hello");
      await target.until("bytes", () => second.readable.includes(5));
      same([text(taken.read()), ears.readable], ["hello", []], "read, told to the first hand");
    },
  },
];
