import type { Datagram, UDP } from "../../src/platform.ts";
import { bytes, PORT, same, text, throws } from "../stage.ts";
import type { Case, Target } from "../target.ts";

const UDP_C = "modules/io/socket/lwip/udp.c";
const BINDING = "firmware/native/binding-udp.c";

/** An open socket of the board, and all that it has received and read: `hello from 10.0.0.1:9`. */
function talking(target: Target, port?: number) {
  const received: string[] = [];
  const udp: UDP = new target.UDP({
    ...(port !== undefined && { port }),
    onReadable(this: UDP) {
      for (let datagram = this.read(); datagram; datagram = this.read()) {
        received.push(shown(datagram));
      }
    },
  });
  return { udp, received };
}

function shown(datagram: Datagram): string {
  return `${text(datagram)} from ${datagram.address}:${datagram.port}`;
}

/** Datagrams: class UDP. */
export const udp: Case[] = [
  {
    name: "a datagram goes to an address and a port, and the answer has its sender",
    source: `${UDP_C}: xs_udp_write`,
    async run(target) {
      const { address, port } = await target.echoing();
      const { udp, received } = talking(target);
      udp.write(bytes("hello"), address, port);
      await target.until("the answer", () => received.length > 0);
      same(received, [`hello from ${address}:${port}`], "received");
      udp.close();
    },
  },
  {
    name: "a datagram arrives whole, at the port that the socket has asked for",
    source: `${UDP_C}: xs_udp_constructor`,
    async run(target) {
      const { address, port } = await target.echoing();
      const { udp, received } = talking(target, PORT);
      const long = "0123456789".repeat(140);
      udp.write(bytes(long), address, port);
      await target.until("the answer", () => received.length > 0);
      same(received, [`${long} from ${address}:${port}`], "received");
      udp.close();
    },
  },
  {
    name: "an empty datagram is one, too",
    source: `${UDP_C}: xs_udp_read`,
    async run(target) {
      const { address, port } = await target.echoing();
      const { udp, received } = talking(target);
      udp.write(new ArrayBuffer(0), address, port);
      await target.quiet();
      const from = received.map(each => each.split(":")[0]);
      same(from, [` from ${address}`], "received");
      udp.close();
    },
  },
  {
    name: "datagrams wait until they are read, the oldest first; then read gives undefined",
    source: `${UDP_C}: xs_udp_read`,
    async run(target) {
      const { address, port } = await target.echoing();
      const udp = new target.UDP({ onReadable() {} });
      same(udp.read(), undefined, "before the first");
      for (const word of ["one", "two", "three"]) {
        udp.write(bytes(word), address, port);
        await target.quiet();
      }
      same([text(udp.read()), text(udp.read()), text(udp.read())], ["one", "two", "three"], "read");
      same(udp.read(), undefined, "behind the last");
      udp.close();
    },
  },
  {
    name: "onReadable counts all datagrams that wait",
    source: `${UDP_C}: udpDeliver`,
    async run(target) {
      const { address, port } = await target.echoing();
      const counts: number[] = [];
      const udp = new target.UDP({ onReadable: count => counts.push(count) });
      for (const word of ["one", "two"]) {
        udp.write(bytes(word), address, port);
        await target.quiet();
      }
      same(counts, [1, 2], "counts");
      udp.close();
    },
  },
  {
    name: "a datagram is a copy of what was written: the program may use its buffer again",
    source: `${UDP_C}: xs_udp_write`,
    async run(target) {
      const { address, port } = await target.echoing();
      const { udp, received } = talking(target);
      const buffer = bytes("before");
      udp.write(buffer, address, port);
      buffer.fill(0x78);
      await target.until("the answer", () => received.length > 0);
      same(received, [`before from ${address}:${port}`], "received");
      udp.close();
    },
  },
  {
    name: "a port is that of one UDP socket until it is closed",
    source: `${UDP_C}: xs_udp_constructor`,
    run(target) {
      const udp = new target.UDP({ port: PORT });
      throws(() => new target.UDP({ port: PORT }), "Error", "bind failed");
      udp.close();
      new target.UDP({ port: PORT }).close();
    },
  },
  {
    name: "the port of a UDP socket is 0 to 65535, its format buffer, its callback a function",
    source: `${UDP_C}: xs_udp_constructor`,
    run(target) {
      for (const port of [-1, 65_536])
        throws(() => new target.UDP({ port }), "RangeError", "invalid port");
      throws(() => new target.UDP({ onReadable: 1 as never }), "Error", "not a function");
      throws(() => new target.UDP({ format: "number" }), "RangeError", "invalid format");
      const udp = new target.UDP({ target: 7, format: "buffer" });
      same([udp.target, udp.format], [7, "buffer"], "target, format");
      udp.close();
    },
  },
  {
    name: "a datagram goes to an address in numbers: a name is refused",
    source: `${UDP_C}: xs_udp_write`,
    run(target) {
      const udp = new target.UDP({});
      throws(() => udp.write(bytes("x"), "localhost", 9), "RangeError", "invalid IP address");
      udp.close();
    },
  },
  {
    name: "a closed UDP socket calls no callback, and its members throw SyntaxError",
    source: `${UDP_C}: xs_udp_close`,
    async run(target) {
      const { address, port } = await target.echoing();
      const { udp, received } = talking(target);
      udp.write(bytes("x"), address, port);
      udp.close();
      udp.close();
      await target.quiet();
      same(received, [], "received");
      throws(() => udp.read(), "SyntaxError", "");
      throws(() => udp.write(bytes("x"), address, port), "SyntaxError", "");
    },
  },
  {
    name: "a callback may close its UDP socket, over datagrams that wait",
    source: `${UDP_C}: udpDeliver`,
    async run(target) {
      const { address, port } = await target.echoing();
      let calls = 0;
      const udp: UDP = new target.UDP({
        onReadable(this: UDP) {
          calls++;
          this.close();
        },
      });
      for (const word of ["one", "two"]) udp.write(bytes(word), address, port);
      await target.until("a call", () => calls > 0);
      await target.quiet();
      same(calls, 1, "calls");
    },
  },
  {
    name: "no more than 16 datagrams wait at a UDP socket, and those that were dropped are counted",
    sockets: "own",
    source: `${BINDING}: QUEUE_MAX`,
    async run(target) {
      const { address, port } = await target.echoing();
      const udp = new target.UDP({});
      for (let i = 0; i < 18; i++) {
        udp.write(bytes(String(i)), address, port);
        await target.quiet();
      }
      same(udp.dropped, 2, "dropped");
      for (let i = 0; i < 16; i++) same(text(udp.read()), String(i), "read");
      same(udp.read(), undefined, "behind the last");
      udp.close();
    },
  },
  {
    name: "a datagram to port 0 or beyond 65535, or of more than UDP carries, is refused",
    sockets: "own",
    source: `${BINDING}: xs_native_udp_write`,
    async run(target) {
      const { address } = await target.echoing();
      const udp = new target.UDP({});
      for (const port of [0, -1, 65_536])
        throws(() => udp.write(bytes("x"), address, port), "RangeError", "invalid port");
      throws(() => udp.write(new ArrayBuffer(65_508), address, 9), "RangeError", "too long");
      udp.close();
    },
  },
  {
    name: "a UDP socket without a port gets a free one, and says which",
    sockets: "own",
    source: `${BINDING}: xs_native_udp_get_port`,
    run(target) {
      const [one, other] = [new target.UDP({}), new target.UDP({ port: 0 })];
      same([one.port! > 1023, one.port !== other.port], [true, true], "free, different");
      same(new target.UDP({ port: PORT }).port, PORT, "port");
      one.close();
      throws(() => one.port, "SyntaxError", "");
    },
  },
  {
    name: "a multicast group is an IPv4 address of the class D, and time to live 1 to 255",
    sockets: "own",
    source: `${BINDING}: xs_native_udp_add`,
    run(target) {
      const udp = new target.UDP({ timeToLive: 255 });
      for (const group of ["10.0.0.1", "255.255.255.255"])
        throws(() => udp.add(group), "RangeError", "not a multicast group");
      throws(() => udp.remove("224.0.0.251"), "RangeError", "not joined");
      for (const timeToLive of [0, 256])
        throws(() => new target.UDP({ timeToLive }), "RangeError", "invalid timeToLive");
      udp.close();
    },
  },
];
