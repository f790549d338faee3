import { decode, encode, type Packet } from "dns-packet";
import { seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { esp32 } from "../../../emulator/src/boards/esp32.ts";
import { DnsServer, FORGED_ADDRESS } from "../../../emulator/src/dns-server.ts";
import { onBench } from "../../../emulator/src/testing.ts";
import fc from "../../../hil/kit/properties.ts";
import type { Event } from "../log/event.ts";
import { Resolver } from "./resolver.ts";

/** A resolver on an emulated board, and as many DNS servers on its network. */
async function bench(serverCount = 1) {
  const on = onBench({ kind: esp32({ sockets: "own" }) });
  const { clock, network } = on;
  const platform = await on.online();
  const hosts = Array.from({ length: serverCount }, (_, i) => network.host(`dns${i}`));
  const servers = hosts.map(host => new DnsServer({ clock, host }));
  const events: Event[] = [];
  const addresses = hosts.map(({ address }) => address);
  const resolver = new Resolver({
    platform,
    report: event => events.push(event),
    servers: () => addresses,
  });
  const results: unknown[] = [];
  const resolve = (name: string) => resolver.resolve(name, result => results.push(result));
  /** The result for a name, and the time that it took. */
  const resolved = async (name: string) => {
    const fromMs = clock.now();
    const { length } = results;
    resolve(name);
    await clock.run({ until: () => results.length > length });
    return { result: results[length], ms: clock.now() - fromMs };
  };
  const open = () => network.netstat("board").length;
  return {
    ...{ ...on, platform, hosts, servers, server: servers[0], addresses, resolver, events },
    ...{ results, resolve, resolved, open },
  };
}

test("a name has its addresses and its time to live, and no socket stays open", async () => {
  const { server, resolved, open } = await bench();
  server.set("nas.home", ["10.0.0.9", "10.0.0.8"], 60);
  const { result, ms } = await resolved("nas.home");
  expect(result).toEqual({ addresses: ["10.0.0.9", "10.0.0.8"], ttlMs: 60_000 });
  expect(ms).toBeLessThan(10);
  expect(open()).toBe(0);
});

test.each([
  [0, 5_000],
  [4, 5_000],
  [299, 299_000],
  [86_400, 300_000],
  [0xffffffff, 300_000],
])("a time to live of %d s is one of %d ms", async (ttl, ttlMs) => {
  const { server, resolved } = await bench();
  server.set("nas.home", ["10.0.0.9"], ttl);
  expect((await resolved("nas.home")).result).toMatchObject({ ttlMs });
});

test("four addresses are kept, and none that a host cannot have, or twice", async () => {
  const { server, resolved } = await bench();
  server.set("filtered.home", ["0.0.0.0"]);
  expect((await resolved("filtered.home")).result).toEqual({ failure: "no-such-name" });
  const hosts = [1, 2, 3, 4, 5].map(i => `10.0.0.${i}`);
  server.set("many.home", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "10.0.0.1", ...hosts]);
  expect((await resolved("many.home")).result).toMatchObject({ addresses: hosts.slice(0, 4) });
});

test("aliases lead to the addresses, and the shortest time to live on the way counts", async () => {
  const { server, resolved } = await bench();
  server.set("www.home", { alias: "web.home", ttl: 20 });
  server.set("web.home", { alias: "nas.home", ttl: 10 });
  server.set("nas.home", ["10.0.0.9"], 60);
  expect((await resolved("www.home")).result).toEqual({ addresses: ["10.0.0.9"], ttlMs: 10_000 });
});

test("aliases in a circle, more than eight, and one that leads nowhere end as a name that is none", async () => {
  const { server, resolved } = await bench();
  server.set("a.home", { alias: "b.home" });
  server.set("b.home", { alias: "a.home" });
  server.set("dead.home", { alias: "nowhere.home" });
  for (let i = 0; i < 10; i++) server.set(`n${i}.home`, { alias: `n${i + 1}.home` });
  server.set("n10.home", ["10.0.0.9"]);
  for (const name of ["a.home", "dead.home", "n0.home", "n1.home"])
    expect((await resolved(name)).result).toEqual({ failure: "no-such-name" });
  expect((await resolved("n2.home")).result).toMatchObject({ addresses: ["10.0.0.9"] });
});

test("a name that the server does not know, and one that cannot be asked for, is no such name", async () => {
  const { server, resolved } = await bench();
  expect((await resolved("other.home")).result).toEqual({ failure: "no-such-name" });
  const unaskable = ["a..home", ".", `${"x".repeat(64)}.home`, "x.".repeat(150), "é.home"];
  for (const name of unaskable)
    expect((await resolved(name)).result).toEqual({ failure: "no-such-name" });
  expect(server.asked).toEqual(["other.home"]);
});

test("a server that does not answer is asked three times: after 1, 1 and 2 s the question has no answer", async () => {
  const { server, resolved, open } = await bench();
  server.fault = "silent";
  expect(await resolved("nas.home")).toEqual({ result: { failure: "timeout" }, ms: 4_000 });
  expect([server.asked.length, open()]).toEqual([3, 0]);
});

test("a query that was lost is sent again", async () => {
  const { server, resolved, clock } = await bench();
  server.set("nas.home", ["10.0.0.9"]);
  server.fault = "silent";
  clock.after(500, () => {
    server.fault = undefined;
  });
  const { result, ms } = await resolved("nas.home");
  expect(result).toMatchObject({ addresses: ["10.0.0.9"] });
  expect(ms).toBeLessThan(1_100);
});

test("the next server is asked after a second, the fourth never; an earlier one may still answer", async () => {
  const four = await bench(4);
  for (const server of four.servers) server.fault = "silent";
  four.servers[2].fault = undefined;
  four.servers[2].set("nas.home", ["10.0.0.9"]);
  const third = await four.resolved("nas.home");
  expect(third.result).toMatchObject({ addresses: ["10.0.0.9"] });
  expect(Math.floor(third.ms / 1_000)).toBe(2);
  four.servers[2].fault = "silent";
  await four.resolved("nas.home");
  expect(four.servers.map(({ asked }) => asked.length)).toEqual([2, 2, 2, 0]);

  const late = await bench(2);
  late.server.set("nas.home", ["10.0.0.9"]);
  late.server.delayMs = 1_500;
  late.servers[1].fault = "silent";
  const { result, ms } = await late.resolved("nas.home");
  expect(result).toMatchObject({ addresses: ["10.0.0.9"] });
  expect(Math.floor(ms / 100)).toBe(15);
});

test.each(["servfail", "refused", "truncated"] as const)(
  "a server with the fault %s is left for the next one at once",
  async fault => {
    const { servers, resolved } = await bench(2);
    servers[0].fault = fault;
    servers[1].set("nas.home", ["10.0.0.9"]);
    const { result, ms } = await resolved("nas.home");
    expect(result).toMatchObject({ addresses: ["10.0.0.9"] });
    expect(ms).toBeLessThan(10);
    servers[1].fault = fault;
    expect((await resolved("nas.home")).result).toEqual({
      failure: fault === "truncated" ? "malformed" : "refused",
    });
  },
);

test.each([
  ["wrong-id", "timeout"],
  ["wrong-question", "timeout"],
  ["query", "timeout"],
  ["cut", "malformed"],
  ["garbage", "timeout"], // its bits say that it was truncated
] as const)("an answer with the fault %s is none: %s", async (fault, failure) => {
  const { server, resolved } = await bench();
  server.set("nas.home", ["10.0.0.9"]);
  server.fault = fault;
  expect(await resolved("nas.home")).toEqual({ result: { failure }, ms: 4_000 });
});

/** A server whose answers a test writes itself. */
async function answering(reply: (query: Packet, send: (bytes: Uint8Array) => void) => void) {
  const on = await bench();
  on.server.close();
  const socket = on.hosts[0].createSocket("udp4", (bytes, { address, port }) =>
    reply(decode(bytes), answer => socket.send(answer, port, address)),
  );
  socket.bind(53);
  return { ...on, socket };
}

const response = ({ id, questions }: Packet, more: Partial<Packet> = {}): Packet => ({
  ...{ type: "response", id, questions },
  ...more,
});

test("a refusal that the network delivers twice takes no time from the next server", async () => {
  const on = await bench(2);
  on.server.close();
  const socket = on.hosts[0].createSocket("udp4", (bytes, { address, port }) => {
    for (let i = 0; i < 3; i++)
      socket.send(encode(response(decode(bytes), { flags: 5 })), port, address);
  });
  socket.bind(53);
  on.servers[1].set("nas.home", ["10.0.0.9"]);
  on.servers[1].delayMs = 800;
  expect((await on.resolved("nas.home")).result).toMatchObject({ addresses: ["10.0.0.9"] });
  expect(on.servers[1].asked.length).toBe(1);
});

test("of a truncated answer the whole records are taken", async () => {
  const { resolved } = await answering((query, send) => {
    const { name } = query.questions![0];
    const answers = ["10.0.0.1", "10.0.0.2"].map(data => ({
      ...({ type: "A", name, ttl: 60, data } as const),
    }));
    const whole = encode(response(query, { flags: 0x200, answers }));
    send(whole.subarray(0, whole.length - 3));
  });
  expect((await resolved("nas.home")).result).toMatchObject({ addresses: ["10.0.0.1"] });
});

test("addresses of another name, of another class and in other sections are not taken", async () => {
  const { resolved } = await answering((query, send) => {
    const { name } = query.questions![0];
    const record = { type: "A", ttl: 60, data: FORGED_ADDRESS } as const;
    send(
      encode(
        response(query, {
          answers: [
            { ...record, name: "x.home" },
            { ...record, name, class: "CH" },
          ],
          authorities: [{ ...record, name }],
          additionals: [{ ...record, name }],
        }),
      ),
    );
  });
  expect((await resolved("nas.home")).result).toEqual({ failure: "no-such-name" });
});

test("only the server, from port 53, is believed: another host or port that knows id and question is not", async () => {
  const on = await bench();
  on.server.fault = "silent";
  const forger = on.network.host("forger").createSocket("udp4");
  const otherPort = on.hosts[0].createSocket("udp4");
  forger.bind(53);
  otherPort.bind(54);
  // The server tells the forgers what it has received.
  on.server.close();
  const wire = on.hosts[0].createSocket("udp4", (bytes, { address, port }) => {
    const query = decode(bytes);
    const { name } = query.questions![0];
    const answers = [{ type: "A", name, ttl: 60, data: FORGED_ADDRESS } as const];
    for (const socket of [forger, otherPort])
      socket.send(encode(response(query, { answers })), port, address);
  });
  wire.bind(53);
  expect((await on.resolved("nas.home")).result).toEqual({ failure: "timeout" });
});

test("ids and ports are different for each question", async () => {
  const seen: { id: number; port: number }[] = [];
  const on = await bench();
  on.server.close();
  const socket = on.hosts[0].createSocket("udp4", (bytes, { address, port }) => {
    const query = decode(bytes);
    seen.push({ id: query.id!, port });
    socket.send(encode(response(query, { flags: 3 })), port, address);
  });
  socket.bind(53);
  for (let i = 0; i < 50; i++) await on.resolved(`n${i}.home`);
  const [ids, ports] = [seen.map(({ id }) => id), seen.map(({ port }) => port)];
  expect([seen.length, new Set(ids).size > 45, new Set(ports).size > 45]).toEqual([50, true, true]);
  expect(ports.every(port => port >= 49_152)).toBe(true);
  const steps = ports.slice(1).map((port, i) => Math.abs(port - ports[i]));
  expect(steps.filter(step => step < 50).length).toBeLessThan(5);
});

test("one name is asked for at a time, the others wait; those of the same name get its result", async () => {
  const { server, resolve, results, clock, open } = await bench();
  for (const [i, name] of ["a", "b", "c"].entries())
    server.set(`${name}.home`, [`10.0.0.${i + 1}`]);
  server.delayMs = 100;
  for (const name of ["a.home", "b.home", "a.home", "c.home", "b.home"]) resolve(name);
  expect(results).toEqual([]); // never within resolve
  let openMax = 0;
  await clock.run({
    until: () => {
      openMax = Math.max(openMax, open());
      return results.length === 5;
    },
  });
  expect(server.asked).toEqual(["a.home", "b.home", "c.home"]);
  expect(openMax).toBe(1);
});

test("a question that was cancelled has no result, and the next one begins", async () => {
  const { server, resolve, results, clock, open } = await bench();
  server.set("b.home", ["10.0.0.2"]);
  server.fault = "silent";
  const first = resolve("a.home");
  resolve("b.home");
  const third = resolve("c.home");
  await clock.run({ ms: 100 });
  expect(open()).toBe(1);
  server.fault = undefined;
  first();
  first();
  third();
  await clock.run({ ms: 100 });
  expect([results, server.asked, open()]).toEqual([
    [{ addresses: ["10.0.0.2"], ttlMs: 60_000 }],
    ["a.home", "b.home"],
    0,
  ]);
});

test("stop drops every question, and another can be asked afterwards", async () => {
  const { server, resolver, resolve, results, clock, open } = await bench();
  server.set("b.home", ["10.0.0.2"]);
  server.delayMs = 100;
  for (const name of ["a.home", "b.home"]) resolve(name);
  await clock.run({ ms: 50 });
  resolver.stop();
  expect(open()).toBe(0);
  await clock.run({ ms: 10_000 });
  expect(results).toEqual([]);
  resolve("b.home");
  await clock.run({ ms: 1_000 });
  expect(results).toEqual([{ addresses: ["10.0.0.2"], ttlMs: 60_000 }]);
});

test("questions that wait are bounded: one more has no answer", async () => {
  const { server, resolve, results, clock } = await bench();
  server.fault = "silent";
  for (let i = 0; i < 65; i++) resolve(`n${i}.home`);
  await clock.run({ ms: 500 });
  expect(results).toEqual([]);
  resolve("one-more.home");
  expect(results).toEqual([]);
  await clock.run({ ms: 100 });
  expect(results).toEqual([{ failure: "timeout" }]);
});

test("without a network, a server or UDP a question ends at once, and says why", async () => {
  const on = await bench();
  on.addresses.length = 0;
  expect((await on.resolved("nas.home")).result).toEqual({ failure: "no-server" });
  on.addresses.push(on.hosts[0].address);
  const { UDP: _, ...without } = on.platform;
  const results: unknown[] = [];
  new Resolver({ platform: without, report: () => {}, servers: () => on.addresses }).resolve(
    "nas.home",
    result => results.push(result),
  );
  await on.clock.run({ ms: 10 });
  expect(results).toEqual([{ failure: "no-server" }]);
  on.server.fault = "silent";
  on.clock.after(500, () => on.board.wifi.drop(60_000));
  const { result, ms } = await on.resolved("nas.home");
  expect([result, ms]).toEqual([{ failure: "no-network" }, 1_000]);
  expect((await on.resolved("nas.home")).ms).toBe(0);
});

test("without memory for a socket the query counts as lost, and a later one is sent", async () => {
  const { server, platform, resolved, board } = await bench();
  server.set("nas.home", ["10.0.0.9"]);
  const heap = board.heap;
  const bytes = heap.freeBytes - 100;
  heap.take(bytes);
  platform.clock.after(500, () => heap.give(bytes));
  const { result, ms } = await resolved("nas.home");
  expect(result).toMatchObject({ addresses: ["10.0.0.9"] });
  expect(Math.floor(ms / 1_000)).toBe(1);
});

test("a callback that throws is reported, and the other questions go on", async () => {
  const { server, resolver, events, resolved } = await bench();
  server.set("nas.home", ["10.0.0.9"]);
  resolver.resolve("nas.home", () => {
    throw new Error("no");
  });
  expect((await resolved("nas.home")).result).toMatchObject({ addresses: ["10.0.0.9"] });
  expect(events).toEqual([expect.objectContaining({ what: "exception" })]);
});

/** A host that answers multicast DNS as `reply` says. */
async function responding(reply: (query: Packet, port: number) => Packet | undefined) {
  const on = await bench();
  const queries: { query: Packet; port: number }[] = [];
  const socket = on.network.host("nas").createSocket("udp4", (bytes, { address, port }) => {
    const query = decode(bytes);
    queries.push({ query, port });
    const answer = reply(query, port);
    if (answer !== undefined) socket.send(encode(answer), port, address);
  });
  socket.bind(5353);
  socket.addMembership("224.0.0.251");
  return { ...on, queries, socket };
}

const local = (name: string) => [
  { type: "A", name, ttl: 10, flush: true, data: "10.0.0.7" } as const,
];

test(".local is asked of the group 224.0.0.251, with the wish for an answer by unicast; no server gets the question", async () => {
  const { resolved, queries, server } = await responding(query =>
    response(query, { answers: local("nas.local") }),
  );
  expect((await resolved("nas.local")).result).toEqual({ addresses: ["10.0.0.7"], ttlMs: 10_000 });
  expect((await resolved("NAS.LOCAL")).result).toMatchObject({ addresses: ["10.0.0.7"] });
  const [{ query, port }] = queries;
  expect(query.questions).toEqual([{ name: "nas.local", type: "A", class: "UNKNOWN_32769" }]);
  expect([query.flags, port >= 49_152, server.asked]).toEqual([0, true, []]);
});

test(".local: a responder that repeats neither id nor question is believed, for the name of the question", async () => {
  let name = "other.local";
  const { resolved } = await responding(() => ({ type: "response", id: 0, answers: local(name) }));
  expect(await resolved("nas.local")).toEqual({ result: { failure: "timeout" }, ms: 4_000 });
  name = "nas.local";
  expect((await resolved("nas.local")).result).toMatchObject({ addresses: ["10.0.0.7"] });
});

test(".local: another id, and another port than 5353, are not believed", async () => {
  let liar: { send(bytes: Uint8Array, port: number, address: string): unknown } | undefined;
  const { resolved, queries, network } = await responding((query, port) => {
    liar!.send(encode(response(query, { answers: local("nas.local") })), port, "board");
    return response(query, { id: (query.id! + 1) & 0xffff, answers: local("nas.local") });
  });
  liar = network.host("liar").createSocket("udp4").bind(53);
  expect((await resolved("nas.local")).result).toEqual({ failure: "timeout" });
  expect(queries.length).toBe(3);
});

test("random datagrams and damaged answers from the server end nothing: the true answer is taken", async () => {
  const random = seeded(7);
  let damage: (answer: Uint8Array) => Uint8Array[] = () => [];
  const { resolved, open, events } = await answering((query, send) => {
    const { name } = query.questions![0];
    const answer = encode(
      response(query, { answers: [{ type: "A", name, ttl: 60, data: "10.0.0.9" }] }),
    );
    for (const bytes of damage(answer)) send(bytes);
    send(answer);
  });
  const datagrams = fc.uint8Array({ maxLength: 600 });
  const flips = fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(datagrams, { maxLength: 10 }), flips, async (garbage, changes) => {
      damage = answer => {
        const changed = Uint8Array.from(answer);
        // The id stays wrong, so that no damaged answer can be taken for a true one.
        for (const [at, value] of changes) changed[at % changed.length] = value;
        changed[0] = answer[0] ^ 0x55;
        const cut = answer.subarray(0, Math.floor(random() * answer.length));
        return [...garbage.filter(bytes => bytes[0] !== answer[0]), changed, cut];
      };
      const { result } = await resolved("nas.home");
      expect(result).toEqual({ addresses: ["10.0.0.9"], ttlMs: 60_000 });
      expect(open()).toBe(0);
    }),
    { numRuns: 200 },
  );
  expect(events).toEqual([]);
});

test("a mutated answer with the right id ends the question in one of the ways that there are", async () => {
  let changes: readonly (readonly [number, number])[] = [];
  const { resolved, events } = await answering((query, send) => {
    const { name } = query.questions![0];
    const answer = Uint8Array.from(
      encode(
        response(query, {
          answers: [
            { type: "CNAME", name, ttl: 60, data: "x.home" },
            { type: "A", name: "x.home", ttl: 60, data: "10.0.0.9" },
          ],
        }),
      ),
    );
    for (const [at, value] of changes) answer[2 + (at % (answer.length - 2))] = value;
    send(answer);
  });
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 6 }),
      async given => {
        changes = given;
        const { result, ms } = await resolved("nas.home");
        const {
          failure,
          addresses = [],
          ttlMs = 5_000,
        } = result as {
          failure?: string;
          addresses?: string[];
          ttlMs?: number;
        };
        outcomes.add(failure ?? "addresses");
        expect(ms).toBeLessThanOrEqual(4_000);
        expect(addresses.every(address => /^\d+(\.\d+){3}$/.test(address))).toBe(true);
        expect(ttlMs >= 5_000 && ttlMs <= 300_000).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
  expect(outcomes.size).toBeGreaterThan(2); // addresses, malformed, timeout; rarely others
  expect(events).toEqual([]);
});
