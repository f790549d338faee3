import {
  accepted,
  booted,
  bytes,
  type Connection,
  dialled,
  filled,
  same,
  throws,
} from "../stage.ts";
import type { Case } from "../target.ts";

const WRITE = "modules/io/socket/lwip/tcp.c: xs_tcp_write";
const SENT = "modules/io/socket/lwip/tcp.c: tcpSent";
const DELIVER = "modules/io/socket/lwip/tcp.c: tcpDeliver";

/** `write`, its room, and when bytes leave. */
export const write: Case[] = [
  {
    name: "a write returns the room that is left",
    source: WRITE,
    async run(target) {
      const { sendBufferBytes } = target.numbers;
      const { tcp } = await dialled(target);
      same(tcp.write(new Uint8Array(1000)), sendBufferBytes - 1000, "room");
      same(tcp.write(new Uint8Array(0)), sendBufferBytes - 1000, "room after nothing");
      same(tcp.write(new ArrayBuffer(192)), sendBufferBytes - 1192, "room after a buffer");
    },
  },
  {
    name: "a write beyond the room would block, and takes nothing",
    source: WRITE,
    async run(target) {
      const { sendBufferBytes } = target.numbers;
      const { tcp, peer } = await dialled(target);
      const tooMuch = new Uint8Array(sendBufferBytes + 1);
      throws(() => tcp.write(tooMuch), "Error", "would block");
      same(tcp.write(tooMuch.subarray(1).fill(120)), 0, "room");
      throws(() => tcp.write(bytes("y")), "Error", "would block");
      await target.until("the bytes", () => peer.received.length >= sendBufferBytes);
      await target.quiet();
      same(peer.received === "x".repeat(sendBufferBytes), true, "exactly what was taken arrives");
    },
  },
  {
    name: "what was written is a copy: the program may use its buffer again",
    source: WRITE,
    async run(target) {
      const { tcp, peer } = await dialled(target);
      const scratch = bytes("abc");
      tcp.write(scratch);
      tcp.write(scratch.fill(120));
      scratch.fill(0);
      await target.until("the bytes", () => peer.received.length >= 6);
      same(peer.received, "abcxxx", "received");
    },
  },
  {
    name: "written bytes leave at the end of the turn, all as one piece",
    source: DELIVER,
    async run(target) {
      const { tcp, peer } = await dialled(target);
      tcp.write(bytes("ab"));
      tcp.write(bytes("cd"));
      same(peer.received, "", "received in the same turn");
      await target.until("the bytes", () => peer.received.length === 4);
      same(peer.pieces, ["abcd"], "pieces");
    },
  },
  {
    name: "onWritable is called again with the whole room once all was acknowledged",
    source: SENT,
    async run(target) {
      const { sendBufferBytes } = target.numbers;
      const { tcp, recorder } = await dialled(target);
      tcp.write(new Uint8Array(sendBufferBytes));
      same(recorder.writable.length, 1, "calls before the acknowledgement");
      await target.until("all the room", () => recorder.writable.length > 1);
      await target.until("all the room", () => recorder.writable.at(-1) === sendBufferBytes);
    },
  },
  {
    name: "nothing written, nothing acknowledged, no further onWritable",
    source: SENT,
    async run(target) {
      const { recorder } = await dialled(target);
      await target.quiet();
      same(recorder.writable.length, 1, "calls");
    },
  },
  {
    name: "bytes in flight take up room until they are acknowledged",
    source: WRITE,
    not: {
      loopback: "the kernel takes the bytes at once, and that counts as acknowledged",
      chip: "news of the bytes reaches it no sooner than their acknowledgement",
    },
    async run(target) {
      const { sendBufferBytes } = target.numbers;
      const { tcp, peer } = await dialled(target);
      tcp.write(bytes("x".repeat(1000)));
      await target.until("the bytes at the peer", () => peer.received.length === 1000);
      same(tcp.write(new Uint8Array(0)), sendBufferBytes - 1000, "room, acknowledgement under way");
      await target.quiet();
      same(tcp.write(new Uint8Array(0)), sendBufferBytes, "room, acknowledged");
    },
  },
  {
    name: "more segments than lwIP queues: the write returns undefined, and the connection is dead",
    source: "src/core/tcp_out.c: tcp_write_checks",
    not: {
      loopback: "the kernel takes the segments at once, and that counts as acknowledged",
      chip: "acknowledgements may come in between",
    },
    async run(target) {
      const { segmentsQueuedMax } = target.numbers;
      const { clock } = await booted(target);
      const { tcp, peer, recorder } = await dialled(target);
      const written: (number | undefined)[] = [];
      // Bytes that are written in a turn of their own are a segment of their own, however small.
      const next = (): void => {
        written.push(tcp.write(bytes("x")));
        if (written.length <= segmentsQueuedMax) clock.after(0, next);
      };
      next();
      await target.until("one too many", () => written.length > segmentsQueuedMax);
      const refused = written.indexOf(undefined);
      same(refused, segmentsQueuedMax, "the first that was refused");
      await target.until("an error", () => recorder.errors > 0);
      throws(() => tcp.write(bytes("x")), "Error", "not ready");
      await target.quiet();
      same([peer.received.length, peer.ending], [segmentsQueuedMax, "none"], "received, ending");
    },
  },
  {
    name: "small writes of one turn share a segment",
    source: "src/core/tcp_out.c: tcp_write",
    async run(target) {
      const { segmentsQueuedMax } = target.numbers;
      const { tcp, peer, recorder } = await dialled(target);
      for (let i = 0; i < 3 * segmentsQueuedMax; i++) {
        if (tcp.write(bytes("x")) === undefined) throw new Error(`write ${i} was refused`);
      }
      await target.until("all of it", () => peer.received.length === 3 * segmentsQueuedMax);
      same(recorder.errors, 0, "errors");
    },
  },
  {
    name: "each segment takes a full one of the heap, and none left is a dead connection",
    source: "src/core/tcp_out.c: tcp_pbuf_prealloc",
    not: {
      loopback: "the kernel takes the segments at once, and that counts as acknowledged",
      chip: "the size of its heap is not known",
    },
    async run(target) {
      const { clock } = await booted(target);
      const all = await filled(target);
      let dead = 0;
      let alive = 0;
      const write = (connection: Connection, left: number): void => {
        if (connection.tcp.write(bytes("x")) === undefined) dead++;
        else if (left === 0) alive++;
        else clock.after(0, () => write(connection, left - 1));
      };
      // A byte in each segment: some kilobytes of data, and far more heap than the board has.
      for (const connection of all) write(connection, target.numbers.segmentsQueuedMax - 1);
      await target.until("all written", () => dead + alive === all.length);
      const errors = () => all.filter(({ recorder }) => recorder.errors > 0).length;
      await target.until("errors", () => errors() === dead);
      same([dead > 0, target.fatal ?? "none"], [true, "none"], "some dead, fatal");
    },
  },
  {
    name: "an accepted socket reads and writes without any callback",
    source: "modules/io/socket/lwip/tcp.c: xs_listener_read",
    async run(target) {
      const { bare, peer } = await accepted(target);
      bare.write(bytes("hello"));
      peer.send("you");
      await target.until("the greeting", () => peer.received === "hello");
      await target.quiet();
      same(bare.read(new Uint8Array(3)), 3, "read");
    },
  },
  {
    name: "in format number, write sends the low eight bits of a number",
    source: "modules/io/socket/lwip/tcp.c: xs_tcp_write",
    async run(target) {
      const { tcp, peer } = await dialled(target);
      throws(() => tcp.write(65), "TypeError", "");
      tcp.format = "number";
      const room = tcp.write(65)!;
      same(tcp.write(0x142), room - 1, "room");
      tcp.write("67.9" as never);
      throws(() => tcp.write(Symbol("68") as never), "TypeError", "");
      tcp.format = "buffer";
      tcp.write(bytes("D"));
      await target.until("the bytes", () => peer.received.length >= 4);
      same(peer.received, "ABCD", "received");
    },
  },
];
