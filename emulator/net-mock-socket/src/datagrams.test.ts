import { expect, test } from "vitest";
import { Network, seeded } from "./network.ts";
import { StillClock } from "./testing.ts";

function world() {
  const clock = new StillClock();
  const network = new Network({ clock, latencyMs: 5, random: seeded(7), traceLines: 8 });
  const [sender, receiver] = [network.host("sender"), network.host("receiver")];
  const got: string[] = [];
  const from: string[] = [];
  receiver
    .createSocket("udp4", (message, source) => {
      got.push(`${message}`);
      from.push(`${source.address}:${source.port} ${source.size}`);
    })
    .bind(9000);
  const out = sender.createSocket("udp4");
  const send = (text: string) => out.send(Buffer.from(text), 9000, "receiver");
  return { clock, network, sender, receiver, got, from, out, send };
}

test("a datagram arrives whole after the latency, with the address of its sender", async () => {
  const w = world();
  w.out.bind(1234);
  w.send("hello");
  w.send("");
  await w.clock.run();
  expect(w.clock.now()).toBe(5);
  expect(w.got).toEqual(["hello", ""]);
  expect(w.from).toEqual(["10.0.0.1:1234 5", "10.0.0.1:1234 0"]);
});

test("a lost datagram is not sent again, and its loss is not reported", async () => {
  const w = world();
  w.network.link("sender", { loss: 0.25 });
  for (let i = 0; i < 400; i++) w.send(`${i}`);
  await w.clock.run();
  expect(w.got.length).toBeGreaterThan(250);
  expect(w.got.length).toBeLessThan(350);
  expect(new Set(w.got).size).toBe(w.got.length);
  expect(w.clock.now()).toBeLessThan(10); // no retransmission timer ever ran
});

test("faults and rules touch datagrams as they touch every packet", async () => {
  const w = world();
  const mend = w.network.cut("sender", "receiver");
  w.send("cut");
  await w.clock.run();
  mend();
  w.network.hold("sender", "receiver");
  w.send("held");
  await w.clock.run();
  expect(w.got).toEqual([]);
  w.network.release("sender", "receiver");
  const remove = w.network.rule(({ kind }) => (kind === "UDP" ? { delayMs: 100 } : "pass"));
  w.send("late");
  remove();
  w.send("in time");
  w.network.rule(() => "reset");
  w.send("reset is lost");
  await w.clock.run();
  expect(w.got).toEqual(["held", "in time", "late"]);
  expect(w.network.trace.lines.filter(line => line.includes("RST"))).toEqual([]);
});

test("a datagram to an unused port, an unknown host or a closed socket gets no answer", async () => {
  const w = world();
  w.out.send(Buffer.from("x"), 9001, "receiver");
  w.out.send(Buffer.from("x"), 9000, "10.0.9.9");
  w.send("under way");
  w.network.crash("receiver")();
  await w.clock.run();
  expect(w.got).toEqual([]);
  expect(w.network.netstat("receiver")).toEqual([]);
});

test("sockets are seen by netstat, and a port belongs to one of them", async () => {
  const w = world();
  expect(w.network.netstat("receiver")).toMatchObject([{ local: "10.0.0.2:9000", state: "udp" }]);
  let error = "";
  w.receiver
    .createSocket("udp4")
    .on("error", e => (error = e.code))
    .bind(9000);
  await w.clock.run();
  expect(error).toBe("EADDRINUSE");
});

test("the trace has the datagrams: two runs agree by its hash, other bytes differ", async () => {
  const run = async (text: string) => {
    const w = world();
    w.send(text);
    await w.clock.run();
    return w.network.trace.hash;
  };
  expect(await run("abc")).toBe(await run("abc"));
  expect(await run("abcd")).not.toBe(await run("abc"));
});

test("a datagram to a group reaches each host that has joined it, its sender's own included", async () => {
  const w = world();
  const others = ["one", "two", "three"].map(name => w.network.host(name));
  const got: string[] = [];
  const sockets = [w.sender, ...others].map(host =>
    host
      .createSocket("udp4", (message, { address, port }) =>
        got.push(`${host.name}: ${message} of ${address}:${port}`),
      )
      .bind(5353),
  );
  const [own, one, two] = sockets;
  for (const socket of [own, one, two]) socket.addMembership("224.0.0.251");
  const send = async (text: string) => {
    got.length = 0;
    own.send(Buffer.from(text), 5353, "224.0.0.251");
    await w.clock.run();
    return got;
  };
  const from = "10.0.0.1:5353";
  expect(await send("a")).toEqual(["sender", "one", "two"].map(name => `${name}: a of ${from}`));
  own.setMulticastLoopback(false);
  two.dropMembership("224.0.0.251");
  expect(await send("b")).toEqual([`one: b of ${from}`]);
  one.close();
  expect(await send("c")).toEqual([]);
  expect(() => two.dropMembership("224.0.0.251")).toThrow("EADDRNOTAVAIL");
  expect(() => own.addMembership("224.0.0.251")).toThrow("EADDRINUSE");
  expect(() => two.addMembership("10.0.0.1")).toThrow("EINVAL");
});

test("a host that leaves a group while a datagram is under way does not receive it", async () => {
  const w = world();
  const got: string[] = [];
  const socket = w.receiver.createSocket("udp4", message => got.push(`${message}`)).bind(5353);
  socket.addMembership("224.0.0.251");
  w.out.send(Buffer.from("x"), 5353, "224.0.0.251");
  socket.dropMembership("224.0.0.251");
  await w.clock.run();
  expect(got).toEqual([]);
});

test("a broadcast reaches every host that listens on its port, once its sender may send one", async () => {
  const w = world();
  const others = ["second", "third"].map(name => {
    const socket = w.network.host(name).createSocket("udp4", (message, from) => {
      w.got.push(`${name}: ${message} ${from.address}`);
    });
    return socket.bind(name === "second" ? 9000 : 9001);
  });
  const codes: (string | undefined)[] = [];
  const all = (text: string, address = "255.255.255.255") =>
    w.out.send(Buffer.from(text), 9000, address, error =>
      codes.push((error as NodeJS.ErrnoException | null)?.code),
    );
  w.out.bind(1234);
  all("refused");
  w.out.setBroadcast(true);
  all("all");
  all("the subnet", "10.0.255.255");
  await w.clock.run();
  expect(codes).toEqual(["EACCES", undefined, undefined]);
  expect(w.got).toEqual([
    "all",
    "second: all 10.0.0.1",
    "the subnet",
    "second: the subnet 10.0.0.1",
  ]);
  for (const socket of others) socket.close();
});

test("a host that sleeps receives only broadcasts and datagrams for a group, and sends none", async () => {
  const w = world();
  const lost: string[] = [];
  const wake = w.network.sleep("receiver", ({ kind }) => lost.push(kind));
  const group = w.receiver.createSocket("udp4", message => w.got.push(`group ${message}`));
  group.bind(9001).addMembership("224.0.0.1");
  w.send("to itself");
  w.out.setBroadcast(true);
  w.out.send(Buffer.from("hello"), 9001, "224.0.0.1");
  w.out.send(Buffer.from("all"), 9000, "255.255.255.255");
  group.send(Buffer.from("from itself"), 1234, "sender");
  await w.clock.run();
  expect(w.got).toEqual(["group hello", "all"]);
  expect(lost).toEqual(["UDP"]);

  wake();
  w.send("to itself");
  await w.clock.run();
  expect(w.got).toEqual(["group hello", "all", "to itself"]);
});
