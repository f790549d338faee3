import { decode, encode, type Packet } from "dns-packet";
import { Network } from "net-mock-socket";
import { expect, test } from "vitest";
import { VirtualClock } from "./clock.ts";
import { type DnsFault, DnsServer, FORGED_ADDRESS } from "./dns-server.ts";

function bench() {
  const clock = new VirtualClock();
  const network = new Network({ clock, random: () => 0.5 });
  const host = network.host("dns");
  const server = new DnsServer({ clock, host });
  const received: Buffer[] = [];
  const socket = network.host("asker").createSocket("udp4", bytes => received.push(bytes));
  socket.bind(5000);
  const ask = async (name: string, type: "A" | "AAAA" = "A"): Promise<Buffer | undefined> => {
    received.length = 0;
    const query = encode({ type: "query", id: 7, questions: [{ type, name }] });
    socket.send(query, 53, host.address);
    await clock.run({ ms: 1_000 });
    return received[0];
  };
  const answer = async (name: string, type?: "A" | "AAAA"): Promise<Packet> =>
    decode((await ask(name, type))!);
  return { clock, server, ask, answer };
}

/** The answers as text, and the code. */
function briefly(packet: Packet): unknown[] {
  const { rcode, answers = [] } = packet as Packet & { rcode: string };
  return [
    rcode,
    ...answers.map(one => `${one.name} ${one.type} ${"data" in one ? String(one.data) : ""}`),
  ];
}

test("addresses, aliases and unknown names are answered, in any case", async () => {
  const { server, answer } = bench();
  server.set("nas.home", ["10.0.0.1", "10.0.0.2"], 30);
  server.set("www.home", { alias: "nas.home" });
  expect(briefly(await answer("NAS.home"))).toEqual([
    "NOERROR",
    "NAS.home A 10.0.0.1",
    "NAS.home A 10.0.0.2",
  ]);
  expect(briefly(await answer("www.home"))).toEqual([
    "NOERROR",
    "www.home CNAME nas.home",
    "nas.home A 10.0.0.1",
    "nas.home A 10.0.0.2",
  ]);
  expect(briefly(await answer("nas.home", "AAAA"))).toEqual(["NOERROR"]);
  expect(briefly(await answer("other.home"))).toEqual(["NXDOMAIN"]);
  expect(server.asked).toEqual(["nas.home", "www.home", "nas.home", "other.home"]);
});

test("aliases in a circle end", async () => {
  const { server, answer } = bench();
  server.set("a.home", { alias: "b.home" });
  server.set("b.home", { alias: "a.home" });
  expect(briefly(await answer("a.home")).length).toBeGreaterThan(2);
});

test.each<[DnsFault, (bytes: Buffer | undefined) => unknown, unknown]>([
  ["silent", bytes => bytes, undefined],
  ["servfail", bytes => briefly(decode(bytes!)), ["SERVFAIL"]],
  ["refused", bytes => briefly(decode(bytes!)), ["REFUSED"]],
  ["wrong-id", bytes => decode(bytes!).id, 8],
  ["wrong-question", bytes => briefly(decode(bytes!))[1], `nas.home A ${FORGED_ADDRESS}`],
  ["query", bytes => decode(bytes!).type, "query"],
  ["truncated", bytes => decode(bytes!).flag_tc, true],
  ["cut", bytes => bytes!.length, 25],
  ["garbage", bytes => bytes![0], 255],
])("fault %s", async (fault, look, expected) => {
  const { server, ask } = bench();
  server.set("nas.home", ["10.0.0.1"]);
  server.fault = fault;
  expect(look(await ask("nas.home"))).toEqual(expected);
});

test("a server that is closed sends no delayed answer", async () => {
  const { server, ask, clock } = bench();
  server.set("nas.home", ["10.0.0.1"]);
  server.delayMs = 2_000;
  expect(await ask("nas.home")).toBeUndefined();
  server.close();
  await clock.run({ ms: 5_000 });
});
