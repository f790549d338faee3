import { booted, bytes, dialled, EventRecorder, filled, same, throws } from "../stage.ts";
import type { Case } from "../target.ts";

const TCP_C = "modules/io/socket/lwip/tcp.c";

/** An address that is kept for documents (RFC 5737). */
const UNREACHABLE = { address: "192.0.2.1", port: 9 };

/** From `new TCP({ address, port })` to a connection. */
export const connect: Case[] = [
  {
    name: "the first onWritable means connected, and gives the whole room",
    source: `${TCP_C}: tcpConnect`,
    async run(target) {
      const { recorder } = await dialled(target);
      same(recorder.events, [`writable ${target.numbers.sendBufferBytes}`], "events");
    },
  },
  {
    name: "a connection knows its peer's address and port",
    source: `${TCP_C}: xs_tcp_get_remoteAddress`,
    async run(target) {
      const { address, port } = await target.listen();
      const recorder = new EventRecorder();
      const tcp = new target.TCP({ address, port, ...recorder.callbacks });
      await target.until("a connection", () => recorder.writable.length > 0);
      same([tcp.remoteAddress, tcp.remotePort], [address, port], "address, port");
    },
  },
  {
    name: "the peer's address and port are read-only",
    source: "modules/io/socket/lwip/tcp.js: remoteAddress",
    async run(target) {
      const { tcp } = await dialled(target);
      const before = [tcp.remoteAddress, tcp.remotePort];
      const writable = tcp as { remoteAddress: string; remotePort: number };
      throws(() => (writable.remoteAddress = "127.0.0.2"), "TypeError", "");
      throws(() => (writable.remotePort = 1), "TypeError", "");
      same([tcp.remoteAddress, tcp.remotePort], before, "address, port");
    },
  },
  {
    name: "nothing can be written before the connection is established",
    source: `${TCP_C}: xs_tcp_write`,
    async run(target) {
      const { address, port } = await target.listen();
      const tcp = new target.TCP({ address, port });
      throws(() => tcp.write(bytes("early")), "Error", "not ready");
      same(tcp.read() ?? "none", "none", "read");
    },
  },
  {
    name: "a refusal gives one onError and no onWritable",
    source: `${TCP_C}: tcpError`,
    async run(target) {
      const recorder = new EventRecorder();
      const tcp = new target.TCP({ ...(await target.refusing()), ...recorder.callbacks });
      await target.until("the refusal", () => recorder.errors > 0);
      await target.quiet();
      same(recorder.events, ["error"], "events");
      throws(() => tcp.write(bytes("x")), "Error", "not ready");
      same([target.connections, target.objects], [0, 1], "connections, objects");
    },
  },
  {
    name: "an address that does not answer is given up after about nine seconds",
    source: "src/core/tcp.c: tcp_slowtmr",
    not: {
      loopback: "it would leave this computer",
      chip: "it would leave the network of the host",
    },
    async run(target) {
      const { clock } = await booted(target);
      const start = clock.now();
      const recorder = new EventRecorder();
      new target.TCP({ ...UNREACHABLE, ...recorder.callbacks });
      await target.until("an error", () => recorder.errors > 0);
      const ms = clock.now() - start;
      same([ms >= 9_000, ms <= 10_000], [true, true], `given up after ${ms} ms`);
      same(recorder.events, ["error"], "events");
      same(target.connections, 0, "connections");
    },
  },
  {
    name: "closed before the peer has answered, it is free at once",
    source: "src/core/tcp.c: tcp_close_shutdown",
    not: {
      loopback: "it would leave this computer",
      chip: "it would leave the network of the host",
    },
    run(target) {
      new target.TCP(UNREACHABLE).close();
      same([target.connections, target.objects], [0, 0], "connections, objects");
    },
  },
  {
    name: "a connection more than the board carries is no socket",
    source: `${TCP_C}: xs_tcp_constructor`,
    async run(target) {
      const all = await filled(target);
      same(all.length, target.numbers.connectionsMax, "connections");
      const to = await target.refusing();
      throws(() => new target.TCP(to), "RangeError", "no socket");

      all[0].peer.reset();
      await target.until("a free control block", () => all[0].recorder.errors > 0);
      new target.TCP(to);
    },
  },
  {
    name: "closed while it connects, it is free at once and calls no further callback",
    source: `${TCP_C}: xs_tcp_close`,
    async run(target) {
      const { address, port } = await target.listen();
      const recorder = new EventRecorder();
      new target.TCP({ address, port, ...recorder.callbacks }).close();
      await target.quiet();
      same(recorder.events, [], "events");
      same([target.connections, target.objects], [0, 0], "connections, objects");
    },
  },
  {
    name: "connecting to a closed port of the board itself is refused at once",
    source: "src/core/tcp_in.c: tcp_input",
    not: { loopback: "a port of the board is another one of this computer" },
    async run(target) {
      const listener = new target.Listener({}); // a port of those that connections get, too
      const { port } = listener;
      listener.close();
      const recorder = new EventRecorder();
      new target.TCP({ address: "127.0.0.1", port, ...recorder.callbacks });
      await target.quiet();
      same(recorder.events, ["error"], "events");
    },
  },
  {
    name: "a TCP made without options has no connection: nothing to read, never ready to write",
    source: `${TCP_C}: xs_tcp_constructor`,
    run(target) {
      const bare = new target.TCP();
      same([bare.read() ?? "none", bare.format], ["none", "buffer"], "read, format");
      throws(() => bare.write(bytes("x")), "Error", "not ready");
      throws(() => new target.TCP({ from: bare }), "Error", "invalid from");
      bare.close();
      same([target.connections, target.objects], [0, 0], "connections, objects");
    },
  },
];
