import { expect, test } from "vitest";
import { collect, echoes, Lab, says } from "../src/lab.ts";

test("clients one after the other are shared out exactly, and each is logged once", async () => {
  const lab = new Lab();
  for (const name of ["a", "b", "c"]) lab.backend(name, says(name));
  await lab.serve();

  const answers: string[] = [];
  for (let i = 0; i < 30; i++) answers.push(await lab.ask("hello"));

  expect(answers).toEqual(Array.from({ length: 30 }, (_, i) => `${"abc"[i % 3]}: hello`));
  await lab.settle();
  const ends = lab.events("session", "end");
  expect(ends.map(({ values }) => values.backend)).toEqual(answers.map(answer => answer[0]));
  expect(ends[0].values).toMatchObject({ id: "1", in: "5", out: "8", why: "backend-closed" });
});

test("clients at the same moment are shared out exactly", async () => {
  const lab = new Lab();
  const a = lab.backend("a", says("a"));
  const b = lab.backend("b", says("b"));
  await lab.serve();

  const clients = Array.from({ length: 10 }, () => lab.connect());
  const heard = clients.map(collect);
  for (const client of clients) client.write("hello");
  await lab.settle();

  expect(heard.map(({ text }) => text).sort()).toEqual([
    ...Array(5).fill("a: hello"),
    ...Array(5).fill("b: hello"),
  ]);
  expect([a.connections.length, b.connections.length]).toEqual([5, 5]);
});

test("a backend that refuses costs its clients nothing; when all refuse, HTTP gets 502 and others a close", async () => {
  const lab = new Lab();
  const a = lab.backend("a", says("a"));
  const b = lab.backend("b", says("b"));
  await lab.serve();

  a.stop();
  for (let i = 0; i < 6; i++) expect(await lab.ask("hello")).toBe("b: hello");
  b.stop();
  expect(await lab.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(
    /^HTTP\/1.1 502 Bad Gateway\r\n/,
  );
  expect(await lab.ask("hello")).toBe("");
  a.start();
  expect(await lab.ask("hello")).toBe("a: hello");
  // Each session tries each backend at most once.
  const tries = lab.events("backend", "connect").map(({ values }) => `${values.id} ${values.name}`);
  expect(new Set(tries).size).toBe(tries.length);
});

test("a backend that does not answer is given up after the connect timeout", async () => {
  const lab = new Lab();
  lab.network.host("hole");
  lab.backend("b", says("b"));
  await lab.serve({
    backends: [
      { name: "hole", address: "10.0.0.99", port: 1 },
      { name: "b", address: lab.network.host("b").address, port: 8080 },
    ],
  });
  expect(await lab.ask("hello")).toBe("b: hello");
});

test("8 MiB both ways in pieces of any size, with a reader that stalls: every byte equal", async () => {
  const lab = new Lab();
  lab.backend("a", echoes);
  await lab.serve({ inspect: [] });
  const size = 8 * 1024 * 1024;
  const bytes = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32BE((i * 2654435761) >>> 0, i);

  const client = lab.connect();
  const pieces: Buffer[] = [];
  let got = 0;
  client.on("data", (piece: Buffer) => {
    pieces.push(piece);
    got += piece.byteLength;
    if (pieces.length % 500 !== 0) return;
    client.pause();
    lab.clock.after(200, () => client.resume());
  });
  let at = 0;
  const feed = () => {
    for (let i = 1; at < size; i++) {
      const piece = bytes.subarray(at, at + 1 + ((at * 7919 + i) % 5000));
      at += piece.byteLength;
      if (!client.write(piece)) return;
    }
  };
  client.on("drain", feed);
  feed();
  await lab.clock.run({ until: () => got === size });
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
}, 60_000);

test("while a reader stalls, the board takes its receive window and its send buffer, and not a byte more", async () => {
  const lab = new Lab();
  const a = lab.backend("a", socket => socket.pause());
  await lab.serve({ inspect: [] });
  const { receiveWindowBytes, sendBufferBytes } = lab.board.kind;
  const backendWindow = a.host.profile.receiveWindow;

  const client = lab.connect();
  client.write(Buffer.alloc(1 << 20));
  await lab.settle();

  const row = lab.network
    .netstat()
    .find(({ host, state }) => host === "client" && state === "open");
  const acknowledged = (1 << 20) - row!.unacked;
  const inBoard = acknowledged - a.connections[0].readableLength;
  expect(a.connections[0].readableLength).toBe(backendWindow);
  expect(inBoard).toBeLessThanOrEqual(receiveWindowBytes + sendBufferBytes);
  expect(inBoard).toBeGreaterThan(sendBufferBytes);
});

test("a stalled reader stalls only its own session", async () => {
  const lab = new Lab();
  lab.backend("a", echoes);
  await lab.serve({ inspect: [] });
  const stalled = lab.connect();
  stalled.pause();
  stalled.write(Buffer.alloc(200_000));
  await lab.clock.run({ ms: 1000 });

  const start = lab.clock.now();
  const other = lab.connect();
  const heard = collect(other);
  other.write("ping");
  await lab.clock.run({ until: () => heard.text === "ping" });
  expect(lab.clock.now() - start).toBeLessThan(50);
});

test("what the backend sent before it closed reaches a slow client whole", async () => {
  const lab = new Lab();
  lab.backend("a", socket => socket.once("data", () => socket.end("x".repeat(100_000))));
  await lab.serve();
  const client = lab.connect();
  const heard = collect(client);
  client.write("go");
  client.pause();
  await lab.clock.run({ ms: 1000 });
  client.resume();
  await lab.settle();
  expect(heard).toEqual({ text: "x".repeat(100_000), error: undefined });
});

test.each([
  ["hello EN", "D and more", "hello END"],
  ["E", "END tail", "EEND"],
  ["ENE", "ND", "ENEND"],
])(
  "END ends the connection, also cut as %j + %j; it is forwarded, what follows is not",
  async (first, second, expected) => {
    const lab = new Lab();
    const a = lab.backend("a", () => {});
    let got = "";
    await lab.serve();
    const client = lab.connect();
    const heard = collect(client);
    client.write(first);
    await lab.clock.run({ ms: 100 });
    a.connections[0].on("data", bytes => {
      got += bytes;
    });
    client.write(second);
    await lab.settle();
    expect(got).toBe(expected);
    expect(heard.error).toBeUndefined();
    expect(client.closed).toBe(true);
    expect(lab.events("session", "end")[0].values.why).toBe("keyword");
  },
);

test("the full board lets some wait, refuses the rest politely, and touches nobody who runs", async () => {
  const lab = new Lab();
  lab.backend("a", echoes);
  await lab.serve({ queueTimeoutMs: 3000 });
  const { sessionsMax, queueMax } = lab.app!.proxy.budget;
  expect([sessionsMax, queueMax]).toEqual([12, 4]);

  const running = Array.from({ length: sessionsMax }, () => lab.connect());
  const runningHeard = running.map(collect);
  for (const client of running) client.write("one");
  await lab.clock.run({ ms: 100 });
  const waiting = Array.from({ length: queueMax }, () => lab.connect());
  const waitingHeard = waiting.map(collect);
  for (const client of waiting) client.write("two");
  await lab.clock.run({ ms: 100 });

  const refused = lab.connect();
  const refusedHeard = collect(refused);
  refused.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await lab.clock.run({ ms: 100 });
  expect(refusedHeard.text).toMatch(
    /^HTTP\/1.1 503 Service Unavailable\r\n(.*\r\n)*Retry-After: 1\r\n/,
  );

  running[0].end();
  await lab.clock.run({ ms: 100 });
  expect(waitingHeard.map(({ text }) => text)).toEqual(["two", "", "", ""]);
  await lab.clock.run({ ms: 3000 });
  expect(waiting.map(({ closed }) => closed)).toEqual([false, true, true, true]);

  for (const client of running.slice(1)) client.write(" more");
  await lab.clock.run({ ms: 100 });
  expect(runningHeard.slice(1).map(({ text }) => text)).toEqual(
    Array(sessionsMax - 1).fill("one more"),
  );
});

test("a crowd ten times the size of the board harms nobody who runs, and leaves nothing behind", async () => {
  const lab = new Lab();
  lab.backend("a", echoes);
  await lab.serve();
  const running = Array.from({ length: 12 }, () => lab.connect());
  const heard = running.map(collect);
  for (const client of running) client.write("one");
  await lab.clock.run({ ms: 100 });
  const crowd = Array.from({ length: 200 }, () => lab.connect());
  for (const client of crowd) collect(client);
  for (const client of crowd) client.write("GET / HTTP/1.0\r\n\r\n");
  await lab.clock.run({ ms: 1000 });
  for (const client of running) client.write(" two");
  await lab.clock.run({ ms: 1000 });
  expect(heard.map(({ text }) => text)).toEqual(Array(12).fill("one two"));
  expect(lab.board.fatal).toBeUndefined();
  for (const client of [...running, ...crowd]) client.destroy();
  await lab.settle();
  expect(lab.board.stack.connections).toBe(0);
});

test("silence ends a session: 30 s before the first byte, 10 minutes after it", async () => {
  const lab = new Lab();
  lab.backend("a", echoes);
  await lab.serve();
  const silent = lab.connect();
  const spoke = lab.connect();
  collect(silent);
  collect(spoke);
  spoke.write("hello");
  await lab.clock.run({ ms: 29_000 });
  expect([silent.closed, spoke.closed]).toEqual([false, false]);
  await lab.clock.run({ ms: 2_000 });
  expect([silent.closed, spoke.closed]).toEqual([true, false]);
  await lab.clock.run({ ms: 560_000 });
  expect(spoke.closed).toBe(false);
  await lab.clock.run({ ms: 20_000 });
  expect(spoke.closed).toBe(true);
  expect(lab.events("session", "end").map(({ values }) => values.why)).toEqual([
    "idle",
    "tunnel-timeout",
  ]);
});

test("ten thousand connections leave no socket, no timer and no session behind", async () => {
  const lab = new Lab();
  lab.backend("a", says("a"));
  lab.backend("b", says("b"));
  await lab.serve();
  let answered = 0;
  for (let i = 0; i < 10_000; i++) {
    lab.clock.after(i * 20, () => {
      const client = lab.connect();
      client.on("data", () => answered++);
      client.on("error", () => {});
      if (i % 10 === 9) client.on("connect", () => client.resetAndDestroy());
      else client.write("hello");
    });
  }
  await lab.clock.run();
  expect(answered).toBe(9_000);
  expect(lab.app!.proxy.sessions).toBe(0);
  expect(lab.app!.proxy.pool.backends.map(({ sessions }) => sessions)).toEqual([0, 0]);
  expect(lab.board.stack.objects).toBe(0);
  expect(lab.board.stack.connections).toBe(0);
  expect(lab.board.alarms).toBe(0);
  expect(lab.clock.pending).toBe(0);
  expect(lab.network.netstat().filter(({ state }) => state !== "listen")).toEqual([]);
}, 60_000);
