import { bytes, dialled, same, text, throws } from "../stage.ts";
import type { Case } from "../target.ts";

const READ = "modules/io/socket/lwip/tcp.c: xs_tcp_read";
const DELIVER = "modules/io/socket/lwip/tcp.c: tcpDeliver";

/** `read`, and what `onReadable` counts. */
export const read: Case[] = [
  {
    name: "onReadable counts all that is unread, not what is new",
    source: DELIVER,
    async run(target) {
      const { peer, recorder } = await dialled(target);
      peer.send("abc");
      await target.until("bytes", () => recorder.readable.length === 1);
      peer.send("de");
      await target.until("more bytes", () => recorder.readable.length === 2);
      same(recorder.readable, [3, 5], "announced");
    },
  },
  {
    name: "bytes left unread are not announced again",
    source: DELIVER,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("abc");
      await target.until("bytes", () => recorder.readable.length === 1);
      same(text(tcp.read(1)), "a", "read");
      await target.quiet();
      same(recorder.readable, [3], "announced");
    },
  },
  {
    name: "with nothing unread, every form of read gives undefined",
    source: READ,
    async run(target) {
      const { tcp } = await dialled(target);
      same([tcp.read() ?? "none", tcp.read(5) ?? "none"], ["none", "none"], "read");
      same(tcp.read(new Uint8Array(5)), undefined, "read into a view");
    },
  },
  {
    name: "read() takes everything, read(n) exactly n, a view is filled completely",
    source: READ,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("abcdefghi");
      await target.until("bytes", () => recorder.readable.includes(9));
      const view = new Uint8Array(6).subarray(1, 4);
      const whole = new ArrayBuffer(2);
      same(text(tcp.read(2)), "ab", "read(2)");
      same([tcp.read(view), text(view)], [3, "cde"], "read(view)");
      same([...new Uint8Array(view.buffer)], [0, 99, 100, 101, 0, 0], "around the view");
      same([tcp.read(whole), text(whole)], [2, "fg"], "read(buffer)");
      same(text(tcp.read()), "hi", "read()");
      same(tcp.read(), undefined, "read() at the end");
    },
  },
  {
    name: "reading more than there is throws, and takes nothing",
    source: READ,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("abc");
      await target.until("bytes", () => recorder.readable.includes(3));
      throws(() => tcp.read(4), "Error", "invalid");
      throws(() => tcp.read(new Uint8Array(4)), "Error", "invalid");
      throws(() => tcp.read(0), "Error", "invalid");
      throws(() => tcp.read(-1), "Error", "invalid");
      throws(() => tcp.read(new Uint8Array(0)), "Error", "invalid");
      same(text(tcp.read()), "abc", "read");
    },
  },
  {
    name: "the count to read is converted to an integer, and undefined is not an omitted count",
    source: READ,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("abcdef");
      await target.until("bytes", () => recorder.readable.includes(6));
      throws(() => tcp.read(undefined), "Error", "invalid");
      throws(() => tcp.read(null as never), "Error", "invalid");
      same(text(tcp.read("2" as unknown as number)), "ab", "read");
      same(text(tcp.read(1.9)), "c", "read");
      throws(() => tcp.read({} as never), "TypeError", "");
      same(text(tcp.read()), "def", "read");
    },
  },
  {
    name: "a DataView is bytes",
    source: "xs/sources/xsmc.c: _xsmcGetBuffer",
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("abcd");
      await target.until("bytes", () => recorder.readable.includes(4));
      const buffer = new ArrayBuffer(4);
      same(tcp.read(new DataView(buffer, 1, 2) as never), 2, "read");
      same([...new Uint8Array(buffer)], [0, 97, 98, 0], "around the view");
      tcp.write(new DataView(buffer, 1, 2) as never);
      await target.until("the bytes", () => peer.received === "ab");
    },
  },
  {
    name: "a function, or a view of anything but bytes, is refused",
    source: READ,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("abcd");
      await target.until("bytes", () => recorder.readable.includes(4));
      throws(() => tcp.read(new Uint16Array(2) as never), "TypeError", "");
      throws(() => tcp.read((() => 2) as never), "TypeError", "");
      throws(() => tcp.write(new Float32Array(1) as never), "TypeError", "");
      throws(() => tcp.write("text" as never), "TypeError", "");
    },
  },
  {
    name: "bytes keep their order over many segments and odd reads",
    source: READ,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      const sent = Array.from({ length: 2000 }, (_, i) => `${i},`).join("");
      let got = "";
      const drain = (unread: number) => {
        for (let left = unread; left > 0; left -= Math.min(left, 777)) {
          got += text(tcp.read(Math.min(left, 777)));
        }
      };
      peer.send(sent);
      let drained = 0;
      await target.until("all bytes", () => {
        while (drained < recorder.readable.length) drain(recorder.readable[drained++]);
        return got.length >= sent.length;
      });
      same(got === sent, true, "the same bytes");
    },
  },
  {
    name: "a sender is stopped by what is left unread, and only whole segments let it go on",
    source: READ,
    not: { loopback: "the kernel's buffers stand before the board's" },
    async run(target) {
      const { receiveWindowBytes, segmentBytes } = target.numbers;
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("x".repeat(3 * receiveWindowBytes));
      await target.quiet();
      same(recorder.readable.at(-1), receiveWindowBytes, "unread at most");

      const most = 2 * segmentBytes - 1;
      tcp.read(new Uint8Array(most));
      await target.quiet();
      const unread = receiveWindowBytes - most + segmentBytes;
      same(recorder.readable.at(-1), unread, "unread after all but a byte of two segments");

      tcp.read(new Uint8Array(1));
      await target.quiet();
      same(recorder.readable.at(-1), receiveWindowBytes, "unread after two segments");
    },
  },
  {
    name: "signed bytes are bytes",
    source: READ,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      peer.send("ab");
      await target.until("bytes", () => recorder.readable.includes(2));
      const signed = new Int8Array(2);
      same([tcp.read(signed as never), [...signed]], [2, [...bytes("ab")]], "read");
    },
  },
  {
    name: "in format number, read returns one byte as a number and ignores its arguments",
    source: READ,
    async run(target) {
      const { tcp, peer, recorder } = await dialled(target);
      tcp.format = "number";
      same(tcp.read() ?? "none", "none", "read of nothing");
      peer.send("a\xffcdef");
      await target.until("bytes", () => recorder.readable.includes(6));
      const view = new Uint8Array(2);
      same([tcp.read(), tcp.read(3), tcp.read(view)], [97, 255, 99], "read");
      same([...view], [0, 0], "the view");
      tcp.format = "buffer";
      same(text(tcp.read(2)), "de", "read(2)");
      tcp.format = "number";
      same([tcp.read(), tcp.read() ?? "none"], [102, "none"], "read to the end");
    },
  },
];
