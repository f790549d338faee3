import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { collect, says } from "../../../hil/kit/emulated-lab.ts";
import { alpn, clientHello, name } from "../net/hellos/testing.ts";
import { asleep } from "./testing.ts";

const RAW = { inspect: [] };

const HELLO = Buffer.from(clientHello(name("a.home"), alpn("h2"))).toString("latin1");
const TLS = { routes: [{ sni: ["a.home"], backends: ["a"] }] };

describe("raw TCP for a machine that sleeps", () => {
  test("is held, and every byte reaches the backend once", async () => {
    const world = await asleep({ ...RAW, serve: says("a") });
    const { received, socket } = world.client("PLAY 1\n");
    await world.lab.clock.run({ ms: 60_000 });
    socket.write("more\n");
    await world.lab.clock.run({ ms: 60_000 });
    expect([received.text, socket.closed, world.machine.state]).toEqual(["", false, "waking"]);
    await world.ready();
    expect(received.text).toBe("a: PLAY 1\nmore\n");
    const [line] = world.ends;
    expect(line).toMatchObject({ protocol: "raw", backend: "a", why: "backend-closed" });
    expect(Number(line.held)).toBeGreaterThan(120_000);
    await world.expectNothingHeld();
  });

  test("needs no byte of the client where the server speaks first", async () => {
    const world = await asleep({
      ...RAW,
      listeners: [{ port: 80, mode: "tcp" }],
      serve: socket => void socket.write("220 ready\r\n"),
    });
    const { received } = world.client("");
    await world.lab.clock.run({ ms: 120_000 });
    expect([received.text, world.machine.state]).toEqual(["", "waking"]);
    await world.ready();
    expect(received.text).toBe("220 ready\r\n");
  });

  describe("with a rule for the first line", () => {
    const settings = {
      ...RAW,
      listeners: [{ port: 80, mode: "tcp" }],
      machine: { wakeFor: [{ firstLine: "PLAY " }] },
      serve: says("a"),
    };

    test("wakes with the line, also if that comes a little later than the connection", async () => {
      for (const delayMs of [0, 700]) {
        const world = await asleep(settings);
        const { received, socket } = world.client("");
        await world.lab.clock.run({ ms: delayMs });
        expect(world.machine.state).toBe("asleep");
        socket.write("PLAY 1\n");
        await world.lab.clock.run({ ms: 30_000 });
        expect([world.machine.state, world.machine.held]).toEqual(["waking", 1]);
        await world.ready();
        expect(received.text).toBe("a: PLAY 1\n");
      }
    });

    test("holds each client whose line is right, also while the machine wakes for another one", async () => {
      const world = await asleep(settings);
      const early = world.client(""); // silent until another client has woken the machine
      const first = world.client("PLAY 1\n");
      await world.lab.clock.run({ ms: 300 });
      expect(world.machine.state).toBe("waking");
      early.socket.write("PLAY 2\n");
      await world.lab.clock.run({ ms: 5_000 });
      const late = world.client("");
      await world.lab.clock.run({ ms: 300 });
      late.socket.write("PLAY 3\n");
      world.client("STOP 1\n"); // is closed
      await world.lab.clock.run({ ms: 5_000 });
      expect([world.machine.state, world.machine.held]).toEqual(["waking", 3]);
      await world.ready();
      expect([first, early, late].map(({ received }) => received.text)).toEqual([
        "a: PLAY 1\n",
        "a: PLAY 2\n",
        "a: PLAY 3\n",
      ]);
    });

    test.each([
      ["another line", "STOP 1\n"],
      ["nothing", ""],
    ])("%s wakes nothing, and is closed within a second", async (_, text) => {
      const world = await asleep(settings);
      const { received, socket } = world.client(text);
      await world.lab.clock.run({ ms: 1_500 });
      expect([socket.closed, received.text, world.machine.state]).toEqual([true, "", "asleep"]);
      expect(world.ends).toMatchObject([{ why: "asleep" }]);
      expect(world.refusals.asleep).toBe(1);
      await world.expectNothingHeld();
    });
  });

  test("is closed quietly when the machine is not ready in time", async () => {
    const world = await asleep({ ...RAW, holdMs: 10_000 });
    const { received, socket } = world.client("PLAY 1\n");
    await world.lab.clock.run({ ms: 15_000 });
    expect([socket.closed, received.text, received.error]).toEqual([true, "", undefined]);
    expect(world.ends).toMatchObject([{ why: "wake-failed" }]);
    expect(Number(world.ends[0].held)).toBeGreaterThan(9_000);
    expect(world.refusals.wakeFailed).toBe(1);
  });

  test("half closed is held: its question is complete", async () => {
    const world = await asleep({
      ...RAW,
      serve: socket => socket.on("end", () => socket.end("answer")).resume(),
    });
    const socket = world.lab.connect({ allowHalfOpen: true });
    let text = "";
    socket.on("data", bytes => {
      text += bytes;
    });
    socket.end("question");
    await world.lab.clock.run({ ms: 30_000 });
    await world.ready();
    expect(text).toBe("answer");
  });

  test("that closed its side gives its place to another client: it may have left", async () => {
    const world = await asleep({ ...RAW, heldMax: 2, serve: says("a") });
    const first = world.client("first\n");
    first.socket.end();
    const second = world.client("second\n");
    await world.lab.clock.run({ ms: 5_000 });
    const third = world.client("third\n");
    await world.lab.clock.run({ ms: 5_000 });
    expect([world.machine.held, world.ends.length, world.ends[0].why]).toEqual([2, 1, "held-full"]);
    await world.ready();
    expect(second.received.text + third.received.text).toBe("a: second\na: third\n");
    await world.expectNothingHeld();
  });

  test.each(["auto", "tcp"])(
    "that is reset while it is held is dropped at once: mode %s",
    async mode => {
      const world = await asleep({ ...RAW, listeners: [{ port: 80, mode }] });
      const { socket } = world.client(mode === "auto" ? "PLAY 1\n" : "");
      await world.lab.clock.run({ ms: 1_000 });
      socket.write("more\n");
      await world.lab.clock.run({ ms: 4_000 });
      socket.resetAndDestroy();
      await world.lab.clock.run({ ms: 100 });
      expect(world.machine.held).toBe(0);
      await world.expectNothingHeld();
    },
  );
});

describe("TLS for a machine that sleeps", () => {
  test("is held with its hello, which the backend gets once and whole", async () => {
    const streams: { text: string }[] = [];
    const serve = (socket: MockSocket) => {
      streams.push(collect(socket));
      socket.once("data", () => socket.end("hello"));
    };
    const world = await asleep({ ...TLS, serve });
    const { received } = world.client(HELLO);
    await world.lab.clock.run({ ms: 180_000 });
    expect([received.text, world.machine.state]).toEqual(["", "waking"]);
    await world.ready();
    // The other connections are those of checks.
    expect(streams.map(({ text }) => text).filter(text => text !== "")).toEqual([HELLO]);
    expect(received.text).toBe("hello");
    const [line] = world.ends;
    expect(line).toMatchObject({ protocol: "tls", backend: "a", sni: "a.home" });
    expect(Number(line.held)).toBeGreaterThan(180_000);
    await world.expectNothingHeld();
  });

  test("wakes by its server name only", async () => {
    const world = await asleep({
      routes: [{ sni: ["*"], backends: ["a"] }],
      machine: { wakeFor: [{ sni: ["b.home"] }] },
      serve: says("a"),
    });
    const { socket } = world.client(HELLO);
    await world.lab.clock.run({ ms: 1_000 });
    expect([socket.closed, world.machine.state]).toEqual([true, "asleep"]);
    expect(world.ends).toMatchObject([{ protocol: "tls", why: "asleep" }]);
    world.client(Buffer.from(clientHello(name("b.home"))).toString("latin1"));
    await world.lab.clock.run({ ms: 1_000 });
    expect(world.machine.state).toBe("waking");
  });

  test.each([
    ["closes", "end"],
    ["resets", "resetAndDestroy"],
  ] as const)("whose client %s while it is held is dropped at once", async (_, leave) => {
    const world = await asleep(TLS);
    const { socket } = world.client(HELLO);
    await world.lab.clock.run({ ms: 5_000 });
    socket[leave]();
    await world.lab.clock.run({ ms: 100 });
    expect([world.machine.held, world.ends.length]).toEqual([0, 1]);
    expect(world.ends[0].held).toMatch(/^5\d\d\d$|^49\d\d$/);
    await world.expectNothingHeld();
  });

  test("with a hello in two pieces claims the memory of its copy until it is served", async () => {
    const world = await asleep({ ...TLS, serve: says("a") });
    const { socket, received } = world.client(HELLO.slice(0, 50));
    await world.lab.clock.run({ ms: 100 });
    socket.write(Buffer.from(HELLO.slice(50), "latin1"));
    await world.lab.clock.run({ ms: 60_000 });
    expect(world.machine.held).toBe(1);
    await world.ready();
    expect(received.text).toMatch(/^a: /);
    await world.expectNothingHeld();
  });
});
