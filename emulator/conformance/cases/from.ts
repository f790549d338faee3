import {
  accepted,
  booted,
  bytes,
  dialled,
  EventRecorder,
  listening,
  PORT,
  same,
  text,
  throws,
} from "../stage.ts";
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
      const recorder = new EventRecorder();
      const tcp = new target.TCP({ from: bare, ...recorder.callbacks });
      same(recorder.events, [], "events inside the call");
      await target.until("the announcement", () => recorder.readable.length > 0);
      same(recorder.readable, [4], "announced");
      same(text(tcp.read()), "ello", "read");
    },
  },
  {
    name: "from gets onWritable at once, with the room",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare } = await accepted(target);
      const recorder = new EventRecorder();
      new target.TCP({ from: bare, ...recorder.callbacks });
      await target.until("the room", () => recorder.writable.length > 0);
      await target.quiet();
      same(recorder.events, [`writable ${target.numbers.sendBufferBytes}`], "events");
    },
  },
  {
    name: "from is ready to write in the same turn, and what was written before still leaves",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare, peer } = await accepted(target);
      bare.write(bytes("one "));
      new target.TCP({ from: bare }).write(bytes("two"));
      await target.until("both", () => peer.received === "one two");
    },
  },
  {
    name: "the object that was given as from is closed: SyntaxError, and one object less",
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
    name: "from a dead connection is invalid, and the dead one must still be closed",
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
    name: "taken over in the turn that accepted it, it gets the peer's FIN",
    source: CONSTRUCTOR,
    async run(target) {
      const recorder = new EventRecorder();
      const listener = new target.Listener({
        port: PORT,
        onReadable: () => new target.TCP({ from: listener.read(), ...recorder.callbacks }),
      });
      const peer = target.connect(PORT);
      await target.until("the room", () => recorder.writable.length > 0);
      peer.finish();
      await target.until("an error", () => recorder.errors > 0);
    },
  },
  {
    name: "bytes and FIN that arrived before it was accepted are delivered afterwards",
    source: "modules/io/socket/lwip/tcp.c: listenerReceive",
    async run(target) {
      const recorder = new EventRecorder();
      const { listener, announced } = listening(target);
      const peer = target.connect(PORT);
      peer.send("hello");
      peer.finish();
      await target.until("a client", () => announced.length > 0);
      await target.quiet();
      const tcp = new target.TCP({ from: listener.read(), ...recorder.callbacks });
      await target.until("bytes", () => recorder.readable.includes(5));
      same(text(tcp.read()), "hello", "read");
      await target.until("an error", () => recorder.errors > 0);
    },
  },
  {
    name: "a bare FIN that arrived before it was accepted is never reported: lwIP closes by itself, and then it is an error",
    source: "src/core/tcp_in.c: tcp_input",
    not: { chip: "lwIP may do it under the listener's hands" },
    async run(target) {
      const recorder = new EventRecorder();
      const { listener, announced } = listening(target);
      const peer = target.connect(PORT);
      peer.finish();
      await target.until("a client", () => announced.length > 0);
      await target.quiet();
      const tcp = new target.TCP({ from: listener.read(), ...recorder.callbacks });
      await target.until("the room", () => recorder.writable.length > 0);
      same(recorder.errors, 0, "errors");
      tcp.write(bytes("an answer"));
      await target.until("the board's own FIN", () => peer.ending === "finished");
      same(peer.received, "an answer", "received");
      await target.until("an error", () => recorder.errors > 0);
      same(target.connections, 0, "connections");
    },
  },
  {
    name: "lwIP closes a waiting connection that has sent FIN, and accepting it later ends the board",
    source: "src/core/tcp.c: tcp_fasttmr",
    not: { chip: "the listener then points to freed memory: anything may happen" },
    async run(target) {
      let waiting = 0;
      const listener = new target.Listener({
        port: PORT,
        onReadable: clients => {
          waiting = clients;
        },
      });
      const peer = target.connect(PORT);
      peer.finish();
      await target.until("a client", () => waiting > 0);
      await target.until("the board's own FIN", () => peer.ending === "finished");
      await target.until("the control block gone", () => target.connections === 0);
      throws(() => listener.read(), "Error", "");
      same(target.fatal?.startsWith("freed memory"), true, "fatal");
    },
  },
  {
    name: "accepted in the turn that announces it, it gets its first bytes at once",
    source: "modules/io/socket/lwip/tcp.c: xs_listener_read",
    not: { loopback: "it may come too late", chip: "it may come too late" },
    async run(target) {
      const { clock } = await booted(target);
      const recorder = new EventRecorder();
      let at = 0;
      const listener = new target.Listener({
        port: PORT,
        onReadable: () => {
          at = clock.now();
          new target.TCP({ from: listener.read(), ...recorder.callbacks });
        },
      });
      const { segmentBytes } = target.numbers;
      target.connect(PORT).send("x".repeat(2 * segmentBytes));
      await target.until("bytes", () => recorder.readable.at(-1) === 2 * segmentBytes);
      same(clock.now() - at, 0, "ms late");
    },
  },
  {
    name: "bytes that arrived before it was accepted are delivered when lwIP's fast timer rings",
    source: "src/core/tcp.c: tcp_process_refused_data",
    not: {
      loopback: "it may ring at any moment",
      chip: "it may ring at any moment",
    },
    async run(target) {
      const { timerMs } = target.numbers;
      const { clock } = await booted(target);
      const { listener, announced } = listening(target);
      const recorder = new EventRecorder();
      target.connect(PORT).send("hello");
      await target.until("a client", () => announced.length > 0);
      await target.quiet();
      const at = clock.now();
      new target.TCP({ from: listener.read(), ...recorder.callbacks });
      await target.until("bytes", () => recorder.readable.includes(5));
      const late = clock.now() - at;
      same([late > 0, late <= timerMs], [true, true], `reported ${late} ms late`);
    },
  },
  {
    name: "bytes that arrived before it was accepted are delivered with the next bytes that arrive",
    source: "src/core/tcp_in.c: tcp_input",
    not: { chip: "it may have reported them before" },
    async run(target) {
      const { listener, announced } = listening(target);
      const recorder = new EventRecorder();
      const peer = target.connect(PORT);
      peer.send("hello ");
      await target.until("a client", () => announced.length > 0);
      await target.quiet();
      const tcp = new target.TCP({ from: listener.read(), ...recorder.callbacks });
      await target.until("the room", () => recorder.writable.length > 0);
      peer.send("there");
      await target.until("bytes", () => recorder.readable.at(-1) === 11);
      same(text(tcp.read()), "hello there", "read");
    },
  },
  {
    name: "of the segments that arrive before it is accepted only the first is kept: the others are sent again, in order",
    source: "src/core/tcp_in.c: tcp_input",
    not: { loopback: "the kernel has acknowledged them" },
    async run(target) {
      const { segmentBytes } = target.numbers;
      const recorder = new EventRecorder();
      let waiting = 0;
      const listener = new target.Listener({
        port: PORT,
        onReadable: clients => {
          waiting = clients;
        },
      });
      const sent = Array.from({ length: 3 * segmentBytes }, (_, i) => String(i % 10)).join("");
      const peer = target.connect(PORT);
      await target.until("a client", () => waiting > 0);
      await target.quiet();
      peer.send(sent);
      await target.quiet();
      const tcp = new target.TCP({ from: listener.read(), ...recorder.callbacks });
      await target.until("the first segment", () => recorder.readable.length > 0);
      same(recorder.readable[0] < sent.length, true, "announced less than all");
      await target.until("all of it", () => recorder.readable.at(-1) === sent.length);
      same(text(tcp.read()) === sent, true, "the same bytes");
    },
  },
  {
    name: "an error that was reported to the first object is not reported to the second",
    source: CONSTRUCTOR,
    async run(target) {
      const { bare, peer } = await accepted(target);
      peer.finish();
      await target.quiet();
      const recorder = new EventRecorder();
      const tcp = new target.TCP({ from: bare, ...recorder.callbacks });
      throws(() => tcp.write(bytes("x")), "Error", "not ready");
      await target.quiet();
      same(recorder.errors, 0, "errors");
    },
  },
  {
    name: "a connection that the board made can be taken over, too",
    source: CONSTRUCTOR,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      const second = new EventRecorder();
      const taken = new target.TCP({ from: tcp, ...second.callbacks });
      peer.send("hello");
      await target.until("bytes", () => second.readable.includes(5));
      same(
        [text(taken.read()), recorder.readable],
        ["hello", []],
        "read, reported to the first object",
      );
    },
  },
  {
    name: "from resets the format unless it is given one",
    source: CONSTRUCTOR,
    async run(target) {
      const { tcp } = await dialled(target);
      tcp.format = "number";
      const second = new target.TCP({ from: tcp });
      same(second.format, "buffer", "format");
      same(new target.TCP({ from: second, format: "number" }).format, "number", "format");
    },
  },
];
