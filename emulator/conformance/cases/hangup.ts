import { accepted, bytes, dialled, EventRecorder, same, text, throws } from "../stage.ts";
import type { Case } from "../target.ts";

const TCP_C = "modules/io/socket/lwip/tcp.c";

/** How a connection ends from the other side. */
export const hangup: Case[] = [
  {
    name: "the peer's FIN is an error, and forbids writing",
    source: `${TCP_C}: tcpReceive`,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.finish();
      await target.until("an error", () => recorder.errors > 0);
      throws(() => tcp.write(bytes("answer")), "Error", "not ready");
    },
  },
  {
    name: "onError waits until all was read, and writing is over meanwhile",
    source: `${TCP_C}: tcpDeliver`,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("request");
      peer.finish();
      await target.until("bytes", () => recorder.readable.includes(7));
      await target.quiet();
      same(recorder.errors, 0, "errors before reading");
      throws(() => tcp.write(bytes("answer")), "Error", "not ready");
      same(text(tcp.read(3)), "req", "read");
      await target.quiet();
      same(recorder.errors, 0, "errors after part of it");

      same(text(tcp.read()), "uest", "read");
      same(recorder.errors, 0, "errors inside the call");
      await target.until("an error", () => recorder.errors === 1);
      await target.quiet();
      same(recorder.errors, 1, "errors");
    },
  },
  {
    name: "bytes and FIN in one turn, read at once, give onError twice",
    source: `${TCP_C}: xs_tcp_read`,
    not: { loopback: "the computer may report the bytes in one turn and the FIN in the next" },
    async run(target) {
      const { address, port, peers } = await target.listen();
      const recorder = new EventRecorder();
      const tcp = new target.TCP({
        address,
        port,
        ...recorder.callbacks,
        onReadable(count) {
          recorder.callbacks.onReadable(count);
          tcp.read(new Uint8Array(count));
        },
      });
      await target.until("a connection", () => peers.length > 0 && recorder.writable.length > 0);
      peers[0].send("bye");
      peers[0].finish();
      await target.quiet();
      same(recorder.events.slice(1), ["readable 3", "error", "error"], "events");
    },
  },
  {
    name: "after FIN, acknowledgements bring no event",
    source: `${TCP_C}: removeTCPCallbacks`,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      tcp.write(bytes("last words"));
      peer.finish();
      await target.until("both", () => recorder.errors > 0 && peer.received === "last words");
      await target.quiet();
      same(recorder.errors, 1, "errors");
    },
  },
  {
    name: "after a reset, bytes that arrived before it can be read, then onError",
    source: `${TCP_C}: tcpError`,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("last words");
      await target.until("bytes", () => recorder.readable.includes(10));
      peer.reset();
      await target.quiet();
      same(recorder.errors, 0, "errors before reading");
      throws(() => tcp.write(bytes("x")), "Error", "not ready");
      same(text(tcp.read()), "last words", "read");
      await target.until("an error", () => recorder.errors === 1);
    },
  },
  {
    name: "a reset after FIN calls no callback, and closing then ends the board",
    source: `${TCP_C}: removeTCPCallbacks`,
    not: {
      loopback: "the kernel does not report it before something is written",
      chip: "tcp.c points to freed memory: anything may happen",
    },
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("last words");
      peer.finish();
      await target.until("bytes", () => recorder.readable.includes(10));
      peer.reset();
      await target.until("the control block gone", () => target.connections === 0);
      await target.quiet();
      same([recorder.errors, target.fatal ?? "none"], [0, "none"], "errors, fatal");
      throws(() => tcp.close(), "Error", "");
      same(target.fatal?.startsWith("freed memory"), true, "fatal");
    },
  },
  {
    name: "a reset in the same turn as FIN is reported as one error, and closing ends the board",
    source: `${TCP_C}: tcpReceive`,
    not: {
      loopback: "the computer may report them in two turns",
      chip: "tcp.c points to freed memory: anything may happen",
    },
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.finish();
      peer.reset();
      await target.until("an error", () => recorder.errors > 0);
      throws(() => tcp.close(), "Error", "");
      same(target.fatal?.startsWith("freed memory"), true, "fatal");
    },
  },
  {
    name: "asking for the peer of a connection that was reset ends the board, whatever the program catches",
    source: `${TCP_C}: xs_tcp_get_remotePort`,
    not: { chip: "no program is left on the board to report it" },
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.reset();
      await target.until("an error", () => recorder.errors > 0);
      try {
        void tcp.remotePort;
      } catch {} // on the chip nothing can be caught
      same(target.fatal, "remote address of a connection that is gone", "fatal");
    },
  },
  {
    name: "a write after a reset that was not yet reported returns undefined, and its bytes are lost",
    source: `${TCP_C}: xs_tcp_write`,
    not: {
      loopback: "the computer may report the two in two turns",
      chip: "the network may report the two in two turns",
    },
    async run(target) {
      const { address, port, peers } = await target.listen();
      const { tcp: broken, peer, recorder } = await dialled(target);
      const written: unknown[] = [];
      new target.TCP({
        address,
        port,
        onReadable: () => written.push(broken.write(bytes("late")) ?? "undefined", recorder.errors),
      });
      await target.until("a connection", () => peers.length > 0);
      peers[0].send("go");
      peer.reset();
      await target.until("the write", () => written.length > 0);
      same(written, ["undefined", 0], "written, errors reported before");
      await target.until("an error", () => recorder.errors > 0);
    },
  },
  {
    name: "without onError, FIN shows only in writing that is not ready",
    source: `${TCP_C}: tcpDeliver`,
    async run(target) {
      const { bare, peer } = await accepted(target);
      const tcp = new target.TCP({ from: bare });
      peer.finish();
      await target.quiet();
      throws(() => tcp.write(bytes("x")), "Error", "not ready");
    },
  },
  {
    name: "without onError, a reset shows only in writes that return undefined",
    source: `${TCP_C}: xs_tcp_write`,
    async run(target) {
      const { bare, peer } = await accepted(target);
      peer.reset();
      await target.quiet();
      same([bare.write(bytes("x")) ?? "none", target.fatal ?? "none"], ["none", "none"], "write");
      same(target.objects, 1, "objects");
    },
  },
  {
    name: "a reset frees the control block, only close gives back the object",
    source: `${TCP_C}: doClose`,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.reset();
      await target.until("an error", () => recorder.errors > 0);
      same([target.connections, target.objects], [0, 1], "connections, objects");
      tcp.close();
      same(target.objects, 0, "objects");
    },
  },
];
