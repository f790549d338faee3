import dgram from "node:dgram";
import { expect, test } from "vitest";
import { Network } from "./network.ts";
import { StillClock, settled } from "./testing.ts";

type DgramLike = Pick<typeof dgram, "createSocket">;
type Settle = () => Promise<void>;

const SCRIPTS: Record<string, (net: DgramLike, settle: Settle, note: Note) => Promise<void>> = {
  async "bind, send, answer, close"(net, settle, note) {
    const server = net.createSocket("udp4");
    server.on("listening", () => note("server: listening"));
    server.on("close", () => note("server: close"));
    server.on("message", (message, from) => {
      note(`server: ${message} ${from.address} ${from.family} ${from.size}`);
      server.send(Buffer.from("pong"), from.port, from.address);
    });
    server.bind(0, "127.0.0.1");
    await settle();
    const client = net.createSocket("udp4", message => note(`client: ${message}`));
    client.on("listening", () => note("client: listening"));
    client.on("close", () => note("client: close"));
    const { port } = server.address();
    client.send(Buffer.from("ping"), port, "127.0.0.1", (e, bytes) => note(`sent: ${e} ${bytes}`));
    await settle();
    client.close();
    server.close();
    await settle();
    for (const call of [() => client.close(), () => client.send(Buffer.alloc(1), 1, "127.0.0.1")]) {
      try {
        call();
      } catch (error) {
        note(`client: ${(error as NodeJS.ErrnoException).code}`);
      }
    }
  },
  async "a port without a listener, and a datagram that is too long"(net, settle, note) {
    const socket = net.createSocket("udp4");
    socket.on("error", error => note(`error: ${(error as NodeJS.ErrnoException).code}`));
    socket.on("message", () => note("message"));
    socket.bind({ port: 0, address: "127.0.0.1" });
    await settle();
    socket.send(Buffer.from("x"), 9, "127.0.0.1");
    socket.send(Buffer.alloc(65_508), 9, "127.0.0.1");
    socket.send(Buffer.alloc(65_508), 9, "127.0.0.1", error => note(`sent: ${error?.name}`));
    await settle();
    const other = net.createSocket("udp4");
    other.on("error", error => note(`other: ${(error as NodeJS.ErrnoException).code}`));
    other.bind(socket.address().port, "127.0.0.1");
    await settle();
    socket.close();
    other.close();
    await settle();
  },
  async "a multicast group is joined, written to and left"(net, settle, note) {
    const group = "239.255.7.7";
    const socket = net.createSocket("udp4", message => note(`message: ${message}`));
    socket.bind(0);
    await settle();
    const send = async (text: string) => {
      socket.send(Buffer.from(text), socket.address().port, group);
      await settle();
    };
    const failing = (what: () => void) => {
      try {
        what();
      } catch (error) {
        const { code, syscall } = error as NodeJS.ErrnoException;
        note(`${syscall}: ${code}`);
      }
    };
    socket.setMulticastInterface("127.0.0.1");
    note(`ttl: ${socket.setMulticastTTL(255)}`);
    failing(() => socket.setMulticastTTL(256));
    await send("before");
    socket.addMembership(group, "127.0.0.1");
    failing(() => socket.addMembership(group, "127.0.0.1"));
    failing(() => socket.addMembership("10.0.0.1", "127.0.0.1"));
    await send("joined");
    socket.dropMembership(group, "127.0.0.1");
    failing(() => socket.dropMembership(group, "127.0.0.1"));
    await send("left");
    socket.close();
    await settle();
  },
};

type Note = (event: string) => void;

test.each(Object.entries(SCRIPTS))(
  "%s: the same events on node:dgram and on the mock",
  async (_, script) => {
    const real: string[] = [];
    await script(dgram, settled, event => real.push(event));
    const mock: string[] = [];
    const clock = new StillClock();
    const host = new Network({ clock }).host("here") as unknown as DgramLike;
    await script(
      host,
      () => clock.run(),
      event => mock.push(event),
    );
    expect(mock.sort()).toEqual(real.sort());
  },
);
