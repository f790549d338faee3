import { accepted, filled, listening, PORT, same, throws } from "../stage.ts";
import type { Case } from "../target.ts";

const TCP_C = "modules/io/socket/lwip/tcp.c";
const LISTENER_JS = "modules/io/socket/lwip/listener.js";

/** `Listener`: announcing, accepting, running out. */
export const listener: Case[] = [
  {
    name: "each arrival is announced with the count of all that wait",
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
    name: "clients left waiting are not announced again until the next one comes",
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
    name: "clients are accepted in the order in which they came",
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
    name: "a full board leaves newcomers waiting, until a connection is over",
    source: `${TCP_C}: listenerAccept`,
    async run(target) {
      const all = await filled(target);
      const { announced } = listening(target);
      const newcomer = target.connect(PORT);
      await target.quiet();
      same([announced.length, newcomer.ending], [0, "none"], "announced, ending");
      same(target.connections, target.numbers.connectionsMax, "connections");

      all[5].peer.reset();
      await target.until("the newcomer", () => announced.length > 0);
      same(announced, [1], "announced");
      same(target.connections, target.numbers.connectionsMax, "connections");
    },
  },
  {
    name: "a port that is taken is no memory",
    source: `${TCP_C}: xs_listener_constructor`,
    run({ Listener }) {
      new Listener({ port: PORT });
      throws(() => new Listener({ port: PORT }), "RangeError", "no memory");
      new Listener({ port: PORT + 1 });
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
    name: "a closed listener refuses newcomers, hangs up on those that wait, and throws SyntaxError",
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
      waiting.finish();
      await target.quiet();
      same(target.connections, 0, "connections");
      new target.Listener({ port: PORT });
    },
  },
  {
    name: "a client that reset while it waited is a dud: from refuses it",
    source: `${TCP_C}: listenerAccept`,
    not: {
      loopback: "a connection that nobody reads from does not hear of its reset",
      chip: "the reset frees what the listener still points to",
    },
    async run(target) {
      const { listener, announced } = listening(target);
      const client = target.connect(PORT);
      await target.until("a client", () => announced.length > 0);
      client.reset();
      await target.quiet();
      const dud = listener.read()!;
      throws(() => new target.TCP({ from: dud }), "Error", "invalid from");
      dud.close();
      same([target.connections, target.objects], [0, 0], "connections, objects");
    },
  },
];
