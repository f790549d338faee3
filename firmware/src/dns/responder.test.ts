import dnsPacket, { type Answer, type Packet, type Question } from "dns-packet";
import { describe, expect, test } from "vitest";
import { esp32 } from "../../../emulator/src/boards/esp32.ts";
import { onBench } from "../../../emulator/src/testing.ts";
import fc from "../../../hil/kit/properties.ts";
import { formatLine } from "../log/event.ts";
import type { Platform } from "../platform.ts";
import type { Advertised } from "./board-records.ts";
import { MDNS_GROUP, MDNS_PORT, Responder } from "./responder.ts";

// A responder on an emulated board, and a scripted peer on its network, which speaks with dns-packet.

const ADVERTISED: Advertised = {
  hostname: "hot-potato",
  adminPort: 8404,
  port: 80,
  texts: ["version=1.2.3", "admin=8404"],
};

const HOST = "hot-potato.local";
const PAGE = "hot-potato._http._tcp.local";
const GATEWAY = "hot-potato._hot-potato._tcp.local";

/** A message as the peer has received it. */
interface Received extends Packet {
  readonly atMs: number;
  readonly port: number;
}

type Record = { type: string; name: string; ttl: number; flush: boolean; data: unknown };

async function lab(advertised: Advertised = ADVERTISED) {
  const bench = onBench({ kind: esp32({ sockets: "own" }) });
  const { clock, network } = bench;
  const lines: string[] = [];
  const board = (await bench.online()) as unknown as Platform;
  const responder = new Responder(
    {
      platform: board,
      report: event => lines.push(formatLine(board.clock.now(), event).replace(/\(\d+\) /, "")),
    },
    new Uint8Array(1024),
  );
  const startMs = clock.now();
  responder.update(advertised);

  /** A socket of a host, and what it has received. */
  const peer = (name: string, port = MDNS_PORT) => {
    const host = network.host(name);
    const got: Received[] = [];
    const socket = host.createSocket("udp4", (message, { port }) => {
      const atMs = clock.now() - startMs;
      got.push({ ...dnsPacket.decode(message), atMs, port });
    });
    socket.bind(port);
    socket.setMulticastLoopback(false);
    if (port === MDNS_PORT) socket.addMembership(MDNS_GROUP);
    const send = (packet: Packet, to = MDNS_GROUP) =>
      socket.send(dnsPacket.encode(packet), MDNS_PORT, to);
    return {
      host,
      got,
      socket,
      send,
      /** Sends a query; the answers that arrive within a quarter of a second. */
      async ask(questions: Question | Question[], packet: Packet = {}, to = MDNS_GROUP) {
        got.length = 0;
        send({ type: "query", questions: [questions].flat(), ...packet }, to);
        await clock.run({ ms: 250 });
        return [...got];
      },
    };
  };
  return { ...bench, responder, lines, peer, run: (ms: number) => clock.run({ ms }) };
}

/** As `type name data ttl`, those of unique records with `!`. */
const texts = (answers: readonly Answer[] | undefined) =>
  ((answers ?? []) as unknown as Record[]).map(({ type, name, ttl, flush, data }) => {
    const { port, target } = data as { port?: number; target?: string };
    const { rrtypes } = data as { rrtypes?: string[] };
    const shown =
      target !== undefined ? `${target}:${port}` : rrtypes !== undefined ? rrtypes.join() : data;
    return `${type}${flush ? "!" : ""} ${name} ${shown} ${ttl}`;
  });

/** A lab whose name is claimed and announced. */
async function claimed(advertised?: Advertised) {
  const l = await lab(advertised);
  await l.run(3000);
  expect(l.responder.name).toBe(`${advertised?.hostname ?? "hot-potato"}.local`);
  return { ...l, ip: l.board.wifi.address!, querier: l.peer("querier") };
}

describe("claiming", () => {
  test("a name is probed for three times in 250 ms each, then announced twice", async () => {
    const l = await lab();
    const { got } = l.peer("peer");
    await l.run(5000);
    const ip = l.board.wifi.address;
    expect(got).toHaveLength(5);
    const [one, two, three, first, second] = got;
    for (const probe of [one, two, three]) {
      expect(probe.type).toBe("query");
      expect(probe.questions!.map(({ name, type }) => `${type} ${name}`)).toEqual([
        `ANY ${HOST}`,
        `ANY ${PAGE}`,
        `ANY ${GATEWAY}`,
      ]);
      expect(texts(probe.authorities)).toEqual([
        `A ${HOST} ${ip} 120`,
        `SRV ${PAGE} ${HOST}:8404 120`,
        `TXT ${PAGE} path=/ 4500`,
        `SRV ${GATEWAY} ${HOST}:80 120`,
        `TXT ${GATEWAY} version=1.2.3,admin=8404 4500`,
      ]);
    }
    expect(one.atMs).toBeLessThan(252);
    expect([two, three, first].map(({ atMs }, i) => atMs - got[i].atMs)).toEqual([250, 250, 250]);
    expect(second.atMs - first.atMs).toBe(1000);
    for (const announcement of [first, second]) {
      expect(announcement).toMatchObject({ type: "response", id: 0, flag_aa: true });
      expect(texts(announcement.answers)).toEqual([
        `A! ${HOST} ${ip} 120`,
        `PTR _http._tcp.local ${PAGE} 4500`,
        `SRV! ${PAGE} ${HOST}:8404 120`,
        `TXT! ${PAGE} path=/ 4500`,
        "PTR _services._dns-sd._udp.local _http._tcp.local 4500",
        `PTR _hot-potato._tcp.local ${GATEWAY} 4500`,
        `SRV! ${GATEWAY} ${HOST}:80 120`,
        `TXT! ${GATEWAY} version=1.2.3,admin=8404 4500`,
        "PTR _services._dns-sd._udp.local _hot-potato._tcp.local 4500",
      ]);
    }
    expect(l.lines).toEqual([`I mdns: claimed name=${HOST} ip=${ip}`]);
  });

  test("it is not its name before, and questions get no answer", async () => {
    const l = await lab();
    const querier = l.peer("querier");
    await l.run(300);
    expect(l.responder.name).toBeUndefined();
    querier.got.length = 0;
    querier.send({ type: "query", questions: [{ name: HOST, type: "A" }] });
    await l.run(200);
    expect(querier.got.filter(({ type }) => type === "response")).toEqual([]);
  });

  test("without a host name there is neither a socket nor a message", async () => {
    const l = await lab({ ...ADVERTISED, hostname: "" });
    const { got } = l.peer("peer");
    await l.run(5000);
    expect(got).toEqual([]);
    expect(l.network.netstat("board").filter(({ state }) => state === "udp")).toEqual([]);
    expect(l.responder.name).toBeUndefined();
  });

  test("without an admin port the page is not advertised", async () => {
    const l = await claimed({ ...ADVERTISED, adminPort: 0 });
    expect(await l.querier.ask({ name: "_http._tcp.local", type: "PTR" })).toEqual([]);
    const [all] = await l.querier.ask({ name: "_services._dns-sd._udp.local", type: "PTR" });
    expect(texts(all.answers)).toEqual([
      "PTR _services._dns-sd._udp.local _hot-potato._tcp.local 4500",
    ]);
  });
});

describe("conflicts", () => {
  /** A peer that has the names, and says so to each host that probes for them. */
  function owner(l: Awaited<ReturnType<typeof lab>>, ...names: string[]) {
    const { socket, send } = l.peer("owner");
    socket.on("message", message => {
      const { type, questions = [], authorities = [] } = dnsPacket.decode(message);
      if (type !== "query" || authorities.length === 0) return;
      const taken = questions.filter(({ name }) => names.includes(name));
      const answers = taken.map(({ name }) => ({
        name,
        type: "A" as const,
        ttl: 120,
        data: "10.0.0.77",
      }));
      if (answers.length > 0) send({ type: "response", answers });
    });
  }

  test("a name that another host has gets -2, and -3 where that is taken, too", async () => {
    const l = await lab();
    owner(l, HOST, "hot-potato-2.local");
    await l.run(5000);
    expect(l.responder.name).toBe("hot-potato-3.local");
    expect(l.lines).toEqual([
      `W mdns: conflict name=${HOST}`,
      "W mdns: conflict name=hot-potato-2.local",
      `I mdns: claimed name=hot-potato-3.local ip=${l.board.wifi.address}`,
    ]);
    const [answer] = await l.peer("querier").ask({ name: "_http._tcp.local", type: "PTR" });
    expect(texts(answer.answers)).toEqual([
      "PTR _http._tcp.local hot-potato-3._http._tcp.local 4500",
    ]);
  });

  test("after nine taken names it pauses for a minute, and begins with the first again", async () => {
    const l = await lab();
    const names = [HOST, ...[2, 3, 4, 5, 6, 7, 8, 9].map(n => `hot-potato-${n}.local`)];
    owner(l, ...names);
    await l.run(30_000);
    expect(l.lines).toEqual(names.map(name => `W mdns: conflict name=${name}`));
    const { send } = l.peer("peer");
    send({
      type: "response",
      answers: [{ name: names[8], type: "A", ttl: 120, data: "10.0.0.1" }],
    });
    await l.run(20_000);
    expect(l.lines).toHaveLength(9);
    await l.run(40_000);
    expect(l.lines).toHaveLength(18);
  });

  test.each([
    ["a lower address loses the tie", "9.255.255.255", false],
    ["a higher address wins it", "10.255.0.0", true],
  ])("of two hosts that probe at once %s", async (_, address, theyWin) => {
    const l = await lab();
    const { got, send } = l.peer("peer");
    await l.clock.run({ until: () => got.length > 0 });
    send({
      type: "query",
      questions: [{ name: HOST, type: "ANY" as never }],
      authorities: [{ name: HOST, type: "A", ttl: 120, data: address }],
    });
    await l.run(800);
    expect(l.responder.name).toBe(theyWin ? undefined : HOST);
    // The other host has not claimed it after all.
    await l.run(1100);
    expect(l.responder.name).toBe(HOST);
    expect(l.lines).toHaveLength(1);
  });

  test("its own messages, which a network may send back, are no conflict", async () => {
    const l = await lab();
    const { socket } = l.peer("mirror");
    socket.on("message", (message, { address }) => {
      if (address !== l.network.host("mirror").address) socket.send(message, MDNS_PORT, MDNS_GROUP);
    });
    await l.run(5000);
    expect(l.lines).toEqual([`I mdns: claimed name=${HOST} ip=${l.board.wifi.address}`]);
  });

  test("another address of its name, later, is probed for: it keeps the name if no host defends it, else it gets another", async () => {
    const l = await claimed();
    const answers = [{ name: HOST, type: "A" as const, ttl: 120, data: "10.0.0.77" }];
    l.querier.send({ type: "response", answers });
    await l.run(100);
    expect(l.responder.name).toBeUndefined();
    await l.run(2000);
    expect(l.responder.name).toBe(HOST);
    owner(l, HOST);
    l.querier.send({ type: "response", answers });
    await l.run(3000);
    expect(l.responder.name).toBe("hot-potato-2.local");
  });

  test.each([
    ["a goodbye", { type: "A", ttl: 0, data: "10.0.0.77" }, MDNS_PORT],
    ["a response from another port", { type: "A", ttl: 120, data: "10.0.0.77" }, 5354],
  ])("%s is no conflict", async (_, record, port) => {
    const l = await claimed();
    l.peer("other", port).send({ type: "response", answers: [{ name: HOST, ...record } as never] });
    await l.run(100);
    expect(l.responder.name).toBe(HOST);
  });

  test("a service of its name on another host is a conflict", async () => {
    const l = await claimed();
    const data = { port: 8404, target: "other.local" };
    l.querier.send({ type: "response", answers: [{ name: PAGE, type: "SRV", ttl: 120, data }] });
    await l.run(100);
    expect(l.lines.at(-1)).toBe(`W mdns: conflict name=${HOST}`);
  });
});

describe("answering", () => {
  test.each<[string, Question, string[], string[]]>([
    [
      "the address",
      { name: "Hot-Potato.LOCAL", type: "A" },
      [`A! ${HOST} IP 120`],
      [`NSEC! ${HOST} A 120`],
    ],
    ["the address of IPv6", { name: HOST, type: "AAAA" }, [`NSEC! ${HOST} A 120`], []],
    [
      "a service",
      { name: "_http._tcp.local", type: "PTR" },
      [`PTR _http._tcp.local ${PAGE} 4500`],
      [
        `A! ${HOST} IP 120`,
        `NSEC! ${HOST} A 120`,
        `SRV! ${PAGE} ${HOST}:8404 120`,
        `TXT! ${PAGE} path=/ 4500`,
      ],
    ],
    [
      "where a service is",
      { name: GATEWAY, type: "SRV" },
      [`SRV! ${GATEWAY} ${HOST}:80 120`],
      [`A! ${HOST} IP 120`, `NSEC! ${HOST} A 120`],
    ],
    ["the texts of a service", { name: PAGE, type: "TXT" }, [`TXT! ${PAGE} path=/ 4500`], []],
    ["another type of a service", { name: PAGE, type: "A" }, [`NSEC! ${PAGE} TXT,SRV 120`], []],
    [
      "all types of services",
      { name: "_services._dns-sd._udp.local", type: "PTR" },
      [
        "PTR _services._dns-sd._udp.local _http._tcp.local 4500",
        "PTR _services._dns-sd._udp.local _hot-potato._tcp.local 4500",
      ],
      [],
    ],
  ])("a question for %s", async (_, question, answers, additionals) => {
    const l = await claimed();
    const [reply, ...more] = await l.querier.ask(question);
    expect(more).toEqual([]);
    const ours = (list: string[]) => list.map(one => one.replace("IP", l.ip));
    expect(texts(reply.answers)).toEqual(ours(answers));
    expect(texts(reply.additionals)).toEqual(ours(additionals));
    expect(reply).toMatchObject({ id: 0, questions: [], flag_aa: true, port: MDNS_PORT });
  });

  test("other names, and other types of shared names, get no answer", async () => {
    const l = await claimed();
    for (const question of [
      { name: "other.local", type: "A" },
      { name: "hot-potato", type: "A" },
      { name: "_http._tcp.local", type: "A" },
      { name: "_ipp._tcp.local", type: "PTR" },
    ] as const) {
      expect(await l.querier.ask(question)).toEqual([]);
    }
  });

  test("an answer of its own leaves at once, one that others may give as well after 20 to 120 ms", async () => {
    const l = await claimed();
    const msUntilAnswer = async (question: Question) => {
      l.querier.got.length = 0;
      const startMs = l.clock.now();
      l.querier.send({ type: "query", questions: [question] });
      await l.clock.run({ until: () => l.querier.got.length > 0 });
      return l.clock.now() - startMs;
    };
    expect(await msUntilAnswer({ name: HOST, type: "A" })).toBe(2);
    const ms = await msUntilAnswer({ name: "_http._tcp.local", type: "PTR" });
    expect(ms).toBeGreaterThanOrEqual(22);
    expect(ms).toBeLessThanOrEqual(122);
  });

  test("a record is multicast once a second, however many ask", async () => {
    const l = await claimed();
    for (let i = 0; i < 40; i++) {
      l.querier.send({ type: "query", questions: [{ name: HOST, type: "A" }] });
      await l.run(50);
    }
    expect(l.querier.got.length).toBe(2);
  });

  test("known answers are not repeated while half of their time is left", async () => {
    const l = await claimed();
    const known = (ttl: number) => [
      { name: "_http._tcp.local", type: "PTR" as const, ttl, data: PAGE },
    ];
    const question = { name: "_http._tcp.local", type: "PTR" } as const;
    expect(await l.querier.ask(question, { answers: known(2250) })).toEqual([]);
    expect(await l.querier.ask(question, { answers: known(2249) })).toHaveLength(1);
    const others = [{ ...known(4500)[0], data: "other._http._tcp.local" }];
    await l.run(1000);
    expect(await l.querier.ask(question, { answers: others })).toHaveLength(1);
  });

  test.each<[Question, Answer, Answer]>([
    [
      { name: HOST, type: "A" },
      { name: HOST, type: "A", ttl: 60, data: "IP" },
      { name: HOST, type: "A", ttl: 59, data: "IP" },
    ],
    [
      { name: PAGE, type: "SRV" },
      { name: PAGE, type: "SRV", ttl: 60, data: { port: 8404, target: HOST } },
      { name: PAGE, type: "SRV", ttl: 60, data: { port: 8405, target: HOST } },
    ],
    [
      { name: PAGE, type: "TXT" },
      { name: PAGE, type: "TXT", ttl: 2250, data: ["path=/"] },
      { name: PAGE, type: "TXT", ttl: 2250, data: ["path=/x"] },
    ],
    [
      { name: "_services._dns-sd._udp.local", type: "PTR" },
      { name: "_services._dns-sd._udp.local", type: "PTR", ttl: 4500, data: "_http._tcp.local" },
      { name: "_services._dns-sd._udp.local", type: "PTR", ttl: 4500, data: "_ipp._tcp.local" },
    ],
  ])(
    "a known %o is not repeated, another one is no known answer",
    async (question, known, other) => {
      const l = await claimed();
      const filled = (answer: Answer) =>
        JSON.parse(JSON.stringify(answer).replace('"IP"', `"${l.ip}"`)) as Answer;
      const count = async (answer: Answer) => {
        const [reply] = await l.querier.ask(question, { answers: [filled(answer)] });
        await l.run(1000);
        return reply?.answers?.length ?? 0;
      };
      const all = await count(other);
      expect(all).toBeGreaterThan(0);
      expect(await count(known)).toBe(all - 1);
    },
  );

  test("the known answers of a truncated query may follow in further messages", async () => {
    const l = await claimed();
    const questions: Question[] = [
      { name: "_http._tcp.local", type: "PTR" },
      { name: "_hot-potato._tcp.local", type: "PTR" },
    ];
    l.querier.got.length = 0;
    l.querier.send({ type: "query", flags: dnsPacket.TRUNCATED_RESPONSE, questions });
    await l.run(300);
    expect(l.querier.got).toEqual([]);
    const answers = [{ name: "_http._tcp.local", type: "PTR" as const, ttl: 4500, data: PAGE }];
    l.peer("other").send({
      type: "query",
      answers: [{ ...answers[0], name: "_hot-potato._tcp.local", data: GATEWAY }],
    });
    l.querier.send({ type: "query", answers });
    await l.run(300);
    const replies = l.querier.got.filter(({ type }) => type === "response");
    expect(replies.flatMap(({ answers }) => texts(answers))).toEqual([
      `PTR _hot-potato._tcp.local ${GATEWAY} 4500`,
    ]);
  });

  test("a QU question is answered by unicast while the record was multicast lately, and by multicast else", async () => {
    const l = await claimed();
    const witness = l.peer("witness");
    const { socket, got } = l.querier;
    const message = dnsPacket.encode({ questions: [{ name: HOST, type: "A" }] });
    message[message.length - 2] |= 0x80; // the uppermost bit of the class: dns-packet does not write it
    const ask = async () => {
      got.length = 0;
      witness.got.length = 0;
      socket.send(message, MDNS_PORT, MDNS_GROUP);
      await l.run(250);
      return { replies: [...got], seen: witness.got.filter(({ type }) => type === "response") };
    };
    const lately = await ask();
    expect(lately.replies).toHaveLength(1);
    expect(lately.seen).toEqual([]);
    await l.run(31_000);
    const late = await ask();
    expect(late.replies).toHaveLength(1);
    expect(late.seen).toHaveLength(1);
  });

  test("a resolver without multicast DNS gets an answer to its port, with its id and question, for 10 s", async () => {
    const l = await claimed();
    const [reply, ...more] = await l.peer("resolver", 40_000).ask(
      [
        { name: "HOT-potato.local", type: "A" },
        { name: "other.local", type: "A" },
      ],
      { id: 4711 },
    );
    expect(more).toEqual([]);
    expect(reply).toMatchObject({ id: 4711, type: "response" });
    expect(reply.questions).toMatchObject([{ name: "HOT-potato.local", type: "A" }]);
    expect(texts(reply.answers)).toEqual([`A ${HOST} ${l.ip} 10`]);
    expect(texts(reply.additionals)).toEqual([`NSEC ${HOST} A 10`]);
  });

  test("a question by unicast is answered, too", async () => {
    const l = await claimed();
    const replies = await l
      .peer("resolver", 40_000)
      .ask({ name: HOST, type: "A" }, { id: 1 }, l.network.host("board").address);
    expect(replies).toHaveLength(1);
  });

  test("its name is defended at once when another host probes for it", async () => {
    const l = await claimed();
    const [reply] = await l.querier.ask(
      { name: HOST, type: "ANY" as never },
      {
        authorities: [{ name: HOST, type: "A", ttl: 120, data: "10.0.0.77" }],
      },
    );
    expect(texts(reply.answers)).toEqual([`A! ${HOST} ${l.ip} 120`]);
    expect(l.responder.name).toBe(HOST);
  });
});

describe("changes", () => {
  test("at stop all records are taken back", async () => {
    const l = await claimed();
    l.querier.got.length = 0;
    l.responder.stop();
    await l.run(100);
    const [goodbye, ...more] = l.querier.got;
    expect(more).toEqual([]);
    expect(goodbye.answers).toHaveLength(9);
    expect((goodbye.answers as unknown as Record[]).every(({ ttl }) => ttl === 0)).toBe(true);
    expect(l.network.netstat("board").filter(({ state }) => state === "udp")).toEqual([]);
    expect(l.board.alarms).toBe(0);
  });

  test("another address is announced on a new socket, under the same name", async () => {
    const l = await claimed();
    l.querier.got.length = 0;
    l.board.wifi.renew("10.0.0.99");
    l.responder.update(ADVERTISED);
    await l.run(3000);
    const answers = l.querier.got.flatMap(({ answers }) => texts(answers));
    expect(answers).toContain(`A! ${HOST} 10.0.0.99 120`);
    expect(answers).not.toContain(`A! ${HOST} ${l.ip} 0`);
    expect(l.responder.name).toBe(HOST);
  });

  test("without a network it has no name, and announces itself when it is back", async () => {
    const l = await claimed();
    l.board.wifi.drop(5000);
    l.responder.update(ADVERTISED);
    expect(l.responder.name).toBeUndefined();
    expect(l.board.alarms).toBe(0);
    await l.clock.run({ until: () => l.board.wifi.address !== undefined });
    l.responder.update(ADVERTISED);
    await l.run(3000);
    expect(l.responder.name).toBe(HOST);
  });

  test("a name of the configuration replaces the one before, and the same changes nothing", async () => {
    const l = await claimed();
    l.querier.got.length = 0;
    l.responder.update({ ...ADVERTISED });
    await l.run(2000);
    expect(l.querier.got).toEqual([]);
    l.responder.update({ ...ADVERTISED, hostname: "kitchen" });
    await l.run(3000);
    expect(l.querier.got[0].answers).toHaveLength(9); // the goodbye
    expect(l.responder.name).toBe("kitchen.local");
  });

  test("other ports are announced", async () => {
    const l = await claimed();
    l.responder.update({ ...ADVERTISED, port: 8080 });
    await l.run(3000);
    const [reply] = await l.querier.ask({ name: GATEWAY, type: "SRV" });
    expect(texts(reply.answers)).toEqual([`SRV! ${GATEWAY} ${HOST}:8080 120`]);
  });

  test("a port that is taken is tried again a minute later", async () => {
    const bench = onBench({ kind: esp32({ sockets: "own" }) });
    const platform = (await bench.online()) as unknown as Platform;
    const lines: string[] = [];
    const report = (event: Parameters<typeof formatLine>[1]) =>
      lines.push(formatLine(0, event).replace(/\(\d+\) /, ""));
    const other = new platform.UDP!({ port: MDNS_PORT, onReadable() {} });
    const responder = new Responder({ platform, report }, new Uint8Array(1024));
    responder.update(ADVERTISED);
    expect(lines).toEqual(['W mdns: failed error="Error: bind failed"']);
    other.close();
    await bench.clock.run({ ms: 62_000 });
    expect(responder.name).toBe(HOST);
  });
});

describe("hostile messages", () => {
  test("a flood of questions is read and answered within bounds", async () => {
    const l = await claimed();
    const resolver = l.peer("resolver", 40_000);
    l.querier.got.length = 0;
    const questions = Array.from({ length: 60 }, () => ({ name: HOST, type: "A" as const }));
    for (let i = 0; i < 500; i++) {
      resolver.send({ type: "query", id: i, questions: [questions[0]] });
      l.querier.send({ type: "query", questions });
      await l.run(10);
    }
    expect(resolver.got.length).toBeLessThanOrEqual(60);
    const replies = l.querier.got.filter(({ type }) => type === "response");
    expect(replies.length).toBeLessThanOrEqual(6);
    await l.run(1000);
    expect(await resolver.ask({ name: HOST, type: "A" })).toHaveLength(1);
    expect(l.board.alarms).toBe(0);
  });

  test("ten answers in a second go to single hosts", async () => {
    const l = await claimed();
    const resolver = l.peer("resolver", 40_000);
    for (let i = 0; i < 100; i++) {
      resolver.send({ type: "query", id: i, questions: [{ name: HOST, type: "A" }] });
      await l.run(20);
    }
    expect(resolver.got.length).toBeGreaterThanOrEqual(20);
    expect(resolver.got.length).toBeLessThanOrEqual(30);
  });

  test("messages of more than 500 questions and records in a second are dropped", async () => {
    const l = await claimed();
    const questions = Array.from({ length: 60 }, () => ({
      name: "other.local",
      type: "A" as const,
    }));
    for (let i = 0; i < 9; i++) {
      l.querier.send({ type: "query", questions });
      await l.run(10);
    }
    expect(await l.querier.ask({ name: HOST, type: "A" })).toEqual([]);
    await l.run(1000);
    expect(await l.querier.ask({ name: HOST, type: "A" })).toHaveLength(1);
  });

  test("records that hosts propose in probes count among them", async () => {
    const l = await claimed();
    const authorities = Array.from({ length: 40 }, () => ({
      name: "other.local",
      type: "A" as const,
      ttl: 120,
      data: "10.0.0.9",
    }));
    for (let i = 0; i < 13; i++) {
      l.querier.send({ type: "query", authorities });
      await l.run(10);
    }
    expect(await l.querier.ask({ name: HOST, type: "A" })).toEqual([]);
    await l.run(1000);
    expect(await l.querier.ask({ name: HOST, type: "A" })).toHaveLength(1);
  });

  test("whatever arrives, it keeps its name and answers afterwards", async () => {
    const l = await claimed();
    const { socket } = l.querier;
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc
        .tuple(
          fc.constantFrom("query", "response"),
          fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }),
          fc.nat(200),
        )
        .map(([type, changes, cut]) => {
          const message = dnsPacket.encode({
            type: type as "query",
            questions: [{ name: HOST, type: "A" }],
            answers: [{ name: PAGE, type: "TXT", ttl: 9999, data: ["path=/"] }],
          });
          for (const [at, byte] of changes) message[at % message.length] = byte;
          return message.subarray(0, message.length - (cut % 20));
        }),
    );
    const messages = fc.sample(bytes, { numRuns: 400, seed: 7 });
    for (const message of messages) {
      socket.send(message, MDNS_PORT, MDNS_GROUP);
      await l.run(20);
    }
    await l.run(5000);
    expect(l.lines.filter(line => line.includes("exception"))).toEqual([]);
    expect(l.responder.name).toBe(HOST);
    expect(await l.querier.ask({ name: HOST, type: "A" })).toHaveLength(1);
  });
});
