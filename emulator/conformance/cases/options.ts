import { EventRecorder, PORT, same, throws } from "../stage.ts";
import type { Case } from "../target.ts";

const CONSTRUCTOR = "modules/io/socket/lwip/tcp.c: xs_tcp_constructor";
const ADDRESS = "src/core/ipv4/ip4_addr.c: ip4addr_aton";
const COMMON = "modules/io/common/builtinCommon.c";

/** Options that `new TCP(options)` accepts and refuses. */
export const options: Case[] = [
  {
    name: "an address is a number: names and other texts are refused",
    source: CONSTRUCTOR,
    run({ TCP }) {
      for (const address of ["backend.local", "localhost", "", "300.1.1.1", undefined]) {
        throws(() => new TCP({ address, port: 80 }), "Error", "invalid address");
      }
      const long = "a-name-that-does-not-fit-the-buffer.local";
      throws(() => new TCP({ address: long, port: 80 }), "RangeError", "cannot buffer string");
    },
  },
  {
    name: "an address is one to four numbers in decimal, octal or hexadecimal, and reads back as four decimal ones",
    source: ADDRESS,
    async run(target) {
      const { address, port } = await target.listen();
      const [a, b, c, d] = address.split(".").map(Number);
      const whole = ((a * 256 + b) * 256 + c) * 256 + d;
      for (const written of [
        `${a}.${(b * 256 + c) * 256 + d}`,
        `${a}.${b}.${c * 256 + d}`,
        `0x${a.toString(16)}.${b}.0${c.toString(8)}.0X${d.toString(16)}`,
        `0x${whole.toString(16)}`,
        `${whole}`,
        whole as unknown as string,
        `${address} and more`,
      ]) {
        const recorder = new EventRecorder();
        const tcp = new target.TCP({ address: written, port, ...recorder.callbacks });
        await target.until(`a connection to ${written}`, () => recorder.writable.length > 0);
        same([tcp.remoteAddress, tcp.remotePort], [address, port], `address, port of ${written}`);
        tcp.close();
      }
    },
  },
  {
    name: "an address with too many numbers, a number out of range or other characters is refused",
    source: ADDRESS,
    run({ TCP }) {
      const wrong = ["127.0.0.0.1", "127.0.0.256", "256.1", "127.16777216", "127.0.65536"];
      wrong.push("127.", "127..1", " 127.0.0.1", "127.0.0.1x", "0x7g", "127.0.0.08", "-1");
      for (const address of wrong) {
        throws(() => new TCP({ address, port: 80 }), "Error", "invalid address");
      }
      const symbol = Symbol("address") as unknown as string;
      throws(() => new TCP({ address: symbol, port: 80 }), "TypeError", "");
    },
  },
  {
    name: "a port is 0 to 65535, and has to be given",
    source: `${COMMON}: builtinGetSignedInteger`,
    run({ TCP, Listener }) {
      const address = "127.0.0.1";
      throws(() => new TCP({ address }), "Error", "invalid");
      throws(() => new TCP({ address, port: -1 }), "RangeError", "invalid port");
      throws(() => new TCP({ address, port: 65536 }), "RangeError", "invalid port");
      throws(() => new Listener({ port: undefined }), "Error", "invalid");
      throws(() => new Listener({ port: -1 }), "RangeError", "invalid port");
      throws(() => new Listener({ port: 65536 }), "RangeError", "invalid port");
    },
  },
  {
    name: "a port that is no integer is converted",
    source: `${COMMON}: builtinGetSignedInteger`,
    async run(target) {
      const { address, port } = await target.listen();
      const recorder = new EventRecorder();
      const digits = `${port}.9` as unknown as number;
      const tcp = new target.TCP({ address, port: digits, ...recorder.callbacks });
      await target.until("a connection", () => recorder.writable.length > 0);
      same(tcp.remotePort, port, "port");
      same(new target.Listener({ port: PORT + 0.5 }).port, PORT, "port of the listener");
      const symbol = Symbol("port") as unknown as number;
      throws(() => new target.TCP({ address, port: symbol }), "TypeError", "");
    },
  },
  {
    name: "the last port there is can be listened on",
    source: "modules/io/socket/lwip/listener.js: port",
    run({ Listener }) {
      same(new Listener({ port: 65535 }).port, 65535, "port");
    },
  },
  {
    name: "a callback is a function or nothing",
    source: `${COMMON}: builtinGetCallback`,
    async run(target) {
      const to = await target.refusing();
      for (const name of ["onReadable", "onWritable", "onError"]) {
        throws(() => new target.TCP({ ...to, [name]: "no" }), "Error", "not a function");
      }
      throws(() => new target.Listener({ onReadable: 1 as never }), "Error", "not a function");
      new target.TCP({ ...to, onReadable: null as never, onError: undefined });
      new target.Listener({ onReadable: null as never });
    },
  },
  {
    name: "a format that is not known is refused, an empty one is the default",
    source: `${COMMON}: builtinInitializeFormat`,
    async run(target) {
      const to = await target.refusing();
      for (const format of ["string", "socket/tcp", "no such"]) {
        throws(() => new target.TCP({ ...to, format }), "RangeError", "unimplemented");
      }
      throws(() => new target.Listener({ format: "buffer" }), "RangeError", "unimplemented");
      same(new target.TCP({ ...to, format: "" }).format, "buffer", "format");
      same(new target.TCP({ ...to, format: "number" }).format, "number", "format");
      new target.Listener({ format: "socket/tcp" });
    },
  },
  {
    name: "a format is set to number or buffer, or not at all",
    source: "modules/io/socket/lwip/tcp.c: xs_tcp_set_format",
    async run(target) {
      const tcp = new target.TCP(await target.refusing());
      throws(() => (tcp.format = "no such"), "RangeError", "unknown");
      throws(() => (tcp.format = "string"), "RangeError", "unimplemented");
      same(tcp.format, "buffer", "format");
      tcp.format = "number";
      same(tcp.format, "number", "format");
      tcp.format = "buffer";
      same(tcp.format, "buffer", "format");
      const listener = new target.Listener({});
      throws(() => (listener.format = "buffer"), "RangeError", "");
      same(listener.format, "socket/tcp", "format of the listener");
    },
  },
  {
    name: "options that are undefined are refused, unlike none",
    source: CONSTRUCTOR,
    run({ TCP }) {
      throws(() => new TCP(undefined), "TypeError", "");
    },
  },
  {
    name: "what was refused holds no control block and no object",
    source: CONSTRUCTOR,
    run(target) {
      throws(() => new target.TCP({ address: "no", port: 80 }), "Error", "invalid address");
      throws(() => new target.TCP({ address: "127.0.0.1", port: -1 }), "RangeError", "invalid");
      same([target.connections, target.objects], [0, 0], "connections, objects");
    },
  },
  {
    name: "target is the program's own, and callbacks find it on this",
    source: `${COMMON}: builtinInitializeTarget`,
    async run(target) {
      const recorder = new EventRecorder();
      const own = { name: "session" };
      let found: unknown;
      const tcp = new target.TCP({
        ...(await target.refusing()),
        ...recorder.callbacks,
        target: own,
        onError() {
          found = this;
        },
      });
      await target.until("an error", () => found !== undefined);
      same([found === tcp, tcp.target === own], [true, true], "this, target");
    },
  },
];
