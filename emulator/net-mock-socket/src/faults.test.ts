import { expect, test } from "vitest";
import { LWIP_PATIENCE, type Network } from "./network.ts";
import { pattern, watch, world } from "./testing.ts";

/** Longer than Linux tries: 15 retransmissions, each at most two minutes after the other. */
const FOREVER_MS = 2_000_000;

test("a cut loses what is under way; healed in time, every byte arrives", async () => {
  const { clock, network, connected } = world();
  const { near, farSeen } = await connected();
  near.write("before ");
  await clock.run(2);
  const mend = network.cut("server", "client");
  near.write("during");
  await clock.run(1000);
  expect(farSeen.bytes.toString()).toBe("");
  mend();
  await clock.run(2000);
  expect(farSeen.bytes.toString()).toBe("before during");
});

test("retransmissions follow after 200 ms, 400 ms, 800 ms: the timeout doubles", async () => {
  const { clock, network, connected } = world({ traceLines: 100 });
  const { near } = await connected();
  const start = clock.now();
  network.cut("client", "server");
  const times: number[] = [];
  near.write("x");
  await clock.run(4000);
  for (const line of network.trace.lines) {
    if (line.includes("DATA")) times.push(Number(line.split(" ")[0]) - start);
  }
  expect(times).toEqual([0, 200, 600, 1400, 3000]);
});

test("a cut for good ends in ETIMEDOUT, on Linux after a quarter of an hour", async () => {
  const { clock, network, connected } = world();
  const { near, nearSeen } = await connected();
  const start = clock.now();
  network.cut("client", "server");
  near.write("x");
  let ms = 0;
  near.on("error", () => {
    ms = clock.now() - start;
  });
  await clock.run(FOREVER_MS);
  expect(nearSeen.events).toEqual(["read ETIMEDOUT", "close"]);
  expect(Math.round(ms / 1000)).toBe(925); // man 7 tcp: "924.6 seconds"
});

test("a dead peer of a new connection is given up: after 127 s on Linux, 9.5 s on lwIP", async () => {
  const took = async (profile: object) => {
    const { clock, network, connect } = world({ profiles: { client: profile } });
    network.blackHole("server");
    const socket = connect();
    const seen = watch(socket);
    let ms = 0;
    socket.on("close", () => {
      ms = clock.now();
    });
    await clock.run(FOREVER_MS);
    expect(seen.events).toEqual(["connect ETIMEDOUT", "close"]);
    return ms;
  };
  expect(await took({})).toBe(127_000);
  expect(await took(LWIP_PATIENCE)).toBe(9_500);
});

test("cut one way: what is sent arrives, the answer does not", async () => {
  const { clock, network, connected } = world();
  const { near, far, nearSeen, farSeen } = await connected();
  network.cutOneWay("server", "client");
  near.write("question");
  far.write("answer");
  await clock.run(1000);
  expect(farSeen.bytes.toString()).toBe("question"); // once, however often it was sent
  expect(nearSeen.bytes.toString()).toBe("");
  network.heal();
  await clock.run(2000);
  expect(nearSeen.bytes.toString()).toBe("answer");
});

test("held packets wait, can be counted, and go on in their order when released", async () => {
  const { clock, network, connected } = world({
    profiles: { client: { mss: 4 } },
    traceLines: 100,
  });
  const { near, farSeen } = await connected();
  network.hold("client", "server");
  near.write("one two three");
  await clock.run(100);
  expect(network.inFlight("server", "client")).toBe(4);
  expect(farSeen.bytes.toString()).toBe("");
  network.release("server", "client");
  await clock.run(5);
  expect(farSeen.bytes.toString()).toBe("one two three");
  const sent = network.trace.lines.filter(line => / DATA \d+ sent/.test(line));
  expect(sent.map(line => line.split(" ").at(-2))).toEqual(["4", "4", "4", "1"]);
  await clock.run(100);
  expect(network.inFlight()).toBe(0);
});

test("a clogged host is slow to all, and catches up", async () => {
  const { clock, network, connected, connect } = world();
  const { near, farSeen } = await connected();
  const unclog = network.clog("server");
  near.write("hello");
  const late = watch(connect());
  await clock.run(500);
  expect([farSeen.bytes.toString(), late.events]).toEqual(["", []]);
  unclog();
  await clock.run(10);
  expect([farSeen.bytes.toString(), late.events]).toEqual(["hello", ["connect"]]);
});

test("a host that refuses new clients keeps its connections", async () => {
  const { clock, network, connected, connect } = world();
  const { near, farSeen } = await connected();
  const accept = network.refuse("server");
  const refused = watch(connect());
  near.write("still here");
  await clock.run(100);
  expect(refused.events).toEqual(["connect ECONNREFUSED", "close"]);
  expect(farSeen.bytes.toString()).toBe("still here");
  accept();
  const taken = watch(connect());
  await clock.run(100);
  expect(taken.events).toEqual(["connect"]);
});

test("a host whose pool is exhausted answers no SYN, and its own programs get ENOBUFS", async () => {
  const { clock, network, server, connected, connect } = world();
  const { near, farSeen } = await connected();
  const undo = network.exhaustPool("server");
  near.write("still there?");
  const late = watch(connect());
  const own = watch(server.connect({ host: "client", port: 80 }));
  await clock.run(500);
  expect(farSeen.bytes.toString()).toBe("still there?");
  expect(late.events).toEqual([]);
  expect(own.events).toEqual(["connect ENOBUFS", "close"]);
  undo();
  await clock.run(3000);
  expect(late.events).toEqual(["connect"]);
});

test("a host whose buffers are exhausted loses segments; they are sent again when there are buffers", async () => {
  const { clock, network, connected } = world();
  const { near, farSeen } = await connected();
  const undo = network.exhaustBuffers("server");
  const bytes = pattern(20_000);
  near.write(bytes);
  await clock.run(500);
  expect(farSeen.bytes).toHaveLength(0);
  undo();
  await clock.run(5000);
  expect(farSeen.bytes.equals(bytes)).toBe(true);
});

test("resetting a host's connections is an error at both ends, and at no other host", async () => {
  const { clock, network, client, server, connected } = world();
  const { nearSeen, farSeen } = await connected();
  const itself = server.connect({ host: "localhost", port: 80 });
  const itselfSeen = watch(itself);
  const other = network.host("other").connect({ host: "server", port: 80 });
  const otherSeen = watch(other);
  await clock.run(50);
  network.resetConnections(client.name);
  await clock.run(50);
  expect(nearSeen.events).toEqual(["read ECONNRESET", "close"]);
  expect(farSeen.events).toEqual(["read ECONNRESET", "close"]);
  expect([itselfSeen.events, otherSeen.events]).toEqual([["connect"], ["connect"]]);
});

test("a peer that vanished is not noticed until a program writes", async () => {
  const { clock, network, connected } = world();
  const { near, nearSeen } = await connected();
  network.vanish("server");
  await clock.run(FOREVER_MS);
  expect(nearSeen.events).toEqual([]);
  near.write("are you there?");
  await clock.run(FOREVER_MS);
  expect(nearSeen.events).toEqual(["read ETIMEDOUT", "close"]);
});

test("a writer that waits for a closed window finds out that its peer vanished", async () => {
  const { clock, network, connected } = world();
  const { near, far, nearSeen } = await connected();
  far.pause();
  near.write(Buffer.alloc(200_000));
  await clock.run(1000);
  network.vanish("server");
  await clock.run(FOREVER_MS);
  expect(nearSeen.events).toEqual(["read ETIMEDOUT", "close"]);
});

test("a crashed host is silent; back again, it answers old packets by a reset and listens again", async () => {
  const { clock, network, listener, connected, connect } = world();
  const { near, nearSeen, farSeen } = await connected();
  const reboot = network.crash("server");
  await clock.run(100);
  expect(network.netstat("server")).toEqual([]);
  expect(farSeen.events).toEqual(["close"]);
  expect(nearSeen.events).toEqual([]);
  near.write("hello?");
  await clock.run(1000);
  expect(nearSeen.events).toEqual([]);
  reboot();
  await clock.run(5000);
  expect(nearSeen.events).toEqual(["read ECONNRESET", "close"]);
  const early = watch(connect());
  await clock.run(100);
  expect(early.events).toEqual(["connect ECONNREFUSED", "close"]);
  listener.listen(80);
  const later = watch(connect());
  await clock.run(100);
  expect(later.events).toEqual(["connect"]);
});

test("a host that crashes with handshakes under way has its whole backlog afterwards", async () => {
  const { clock, network, listener, connect } = world({ profiles: { server: { backlog: 1 } } });
  connect().on("error", () => {});
  await clock.run(6);
  network.crash("server")();
  listener.listen(80);
  await clock.run(100);
  const seen = watch(connect());
  await clock.run(100);
  expect(seen.events).toEqual(["connect"]);
});

test("a lost window update is probed for, so that no sender waits forever", async () => {
  const { clock, network, connected } = world({ profiles: { server: { receiveWindow: 4000 } } });
  const { near, far, farSeen } = await connected();
  far.pause();
  near.write(pattern(20_000));
  await clock.run(1000);
  network.cutOneWay("server", "client");
  far.resume(); // the acknowledgement that opens the window is lost
  await clock.run(1000);
  expect(far.bytesRead).toBe(4000);
  network.heal();
  await clock.run(10_000);
  expect(farSeen.bytes.equals(pattern(20_000))).toBe(true);
  expect(clock.pending).toBe(0);
});

test("a lost FIN is sent again, and so is a lost acknowledgement of it", async () => {
  for (const [from, to] of [
    ["client", "server"],
    ["server", "client"],
  ]) {
    const { clock, network, connected } = world();
    const { near, far, farSeen } = await connected();
    const mend = network.cutOneWay(from, to);
    near.end("bye");
    await clock.run(100);
    mend();
    await clock.run(1000);
    far.end();
    await clock.run(1000);
    expect(farSeen.events).toEqual(["end", "close"]);
    expect(farSeen.bytes.toString()).toBe("bye");
    await clock.run(100_000);
    expect(network.netstat()).toHaveLength(1); // the listener
    expect(clock.pending).toBe(0);
  }
});

test("the end that closed first stays in TIME_WAIT to acknowledge the other FIN again, if the acknowledgement was lost", async () => {
  const { clock, network, connected } = world({ traceLines: 100 });
  const { near, far, farSeen } = await connected();
  near.end();
  await clock.run(100);
  const mend = network.cutOneWay("client", "server");
  far.end();
  await clock.run(100);
  mend();
  await clock.run(1000);
  expect(farSeen.events).toEqual(["end", "close"]);
  const fins = network.trace.lines.filter(line => line.includes("server:80 > client:49152 FIN"));
  expect(fins).toHaveLength(2);
  expect(network.trace.lines.filter(line => line.includes("RST"))).toEqual([]);
});

/** When the packet that begins at `position` was sent; it is lost the first time. */
function losing(network: Network, position: number, now: () => number): number[] {
  const times: number[] = [];
  network.rule(packet => {
    if (packet.kind !== "DATA" || packet.position !== position) return "pass";
    return times.push(now()) === 1 ? "drop" : "pass";
  });
  return times;
}

test("a loss right after a storm of losses is noticed as soon as one before it", async () => {
  const profiles = { server: { receiveWindow: 1000, mss: 1000 } };
  const { clock, network, connected } = world({ profiles });
  const { near, farSeen } = await connected();
  near.write(pattern(10_000));
  await clock.run(7);
  const mend = network.cut("client", "server");
  await clock.run(4_000);
  mend();
  const times = losing(network, 5000, () => clock.now());
  await clock.run(20_000);
  expect(farSeen.bytes.equals(pattern(10_000))).toBe(true);
  expect(times[1] - times[0]).toBe(200);
});

test("a segment that was acknowledged late, because one before it was lost, is no slow round trip", async () => {
  const { clock, network, connected } = world();
  const { near, farSeen } = await connected();
  const gone = network.rule(({ position, kind }) =>
    kind === "DATA" && position === 0 ? "drop" : "pass",
  );
  near.write("1");
  near.write("2"); // comes early, and waits
  await clock.run(4_000);
  gone();
  await clock.run(4_000);
  const times = losing(network, 2, () => clock.now());
  near.write("3");
  await clock.run(4_000);
  expect(farSeen.bytes.toString()).toBe("123");
  expect(times[1] - times[0]).toBe(200);
});

test.each(["client", "server"])(
  "a lost SYN-ACK is sent again, whichever end has the longer timeout: %s",
  async patient => {
    const { clock, network, connect } = world({
      profiles: { [patient]: { rtoInitialMs: 60_000 } },
    });
    const mend = network.cutOneWay("server", "client");
    const seen = watch(connect());
    await clock.run(100);
    mend();
    await clock.run(1_000);
    expect(seen.events).toEqual(["connect"]);
  },
);

test.each([
  ["still open at both ends", []],
  ["forgotten by the server", ["client", "server"]],
  ["in TIME_WAIT at the server", ["server", "client"]],
])("a SYN that arrives late opens no second connection: the first is %s", async (_, closers) => {
  const { clock, network, client, accepted } = world();
  let syns = 0;
  network.rule(({ kind }) => {
    if (kind !== "SYN") return "pass";
    return { delayMs: ++syns === 1 ? 1_500 : 5_000 }; // the first opens the connection
  });
  const near = client.connect({ host: "server", port: 80, allowHalfOpen: true });
  await clock.run(2_000);
  const [far] = accepted;
  const seen = { near: watch(near), far: watch(far) };
  for (const closer of closers) {
    (closer === "client" ? near : far).end();
    await clock.run(100);
  }
  await clock.run(100_000);
  expect([syns, accepted.length]).toEqual([2, 1]);
  const events = closers.length > 0 ? ["end", "close"] : [];
  expect([seen.near.events, seen.far.events]).toEqual([events, events]);
  const rows = network.netstat().map(({ state }) => state);
  expect(rows.filter(state => state !== "listen")).toEqual(
    closers.length > 0 ? [] : ["open", "open"],
  );
});

test("a rule sees each packet, delays, drops and resets, and removes itself", async () => {
  const { clock, network, connected } = world({ profiles: { client: { mss: 3 } } });
  const { near, far, nearSeen, farSeen } = await connected();
  let data = 0;
  const remove = network.rule(({ kind }) => {
    if (kind !== "DATA") return "pass";
    data++;
    if (data === 1) return { delayMs: 50 }; // the others overtake it
    if (data === 2) return "drop";
    remove();
    return "pass";
  });
  near.write("abcdefghi");
  await clock.run(2000);
  expect(farSeen.bytes.toString()).toBe("abcdefghi");
  expect(data).toBe(3);

  const once = network.rule(({ kind, to }) => {
    if (kind !== "DATA" || to.name !== "client") return "pass";
    once();
    return "reset";
  });
  near.write("j");
  await clock.run(50);
  expect(nearSeen.events).toEqual([]);
  far.write("k");
  await clock.run(50);
  expect(nearSeen.events).toEqual(["read ECONNRESET", "close"]);
  expect(farSeen.events).toEqual(["read ECONNRESET", "close"]);
});

test("three acknowledgements of the same byte bring the lost one at once, not after the timeout", async () => {
  const { clock, network, connected } = world({ profiles: { client: { mss: 10 } } });
  const { near, far } = await connected();
  const remove = network.rule(({ kind }) => {
    if (kind !== "DATA") return "pass";
    remove();
    return "drop";
  });
  const start = clock.now();
  far.on("data", () => {});
  near.write(pattern(80));
  while (far.bytesRead < 80) await clock.run(1);
  expect(clock.now() - start).toBe(15); // there, back, and there again
});

test("a host reaches itself whatever the faults", async () => {
  const { clock, network, server } = world();
  network.link("server", { latencyMs: 1000, loss: 0.9 });
  network.vanish("server");
  const seen = watch(server.connect({ host: "localhost", port: 80 }));
  await clock.run(1);
  expect(seen.events).toEqual(["connect"]);
});

test("heal ends every fault and every rule, and releases held packets", async () => {
  const { clock, network, connected } = world();
  const { near, farSeen } = await connected();
  network.hold("client", "server");
  near.write("held");
  await clock.run(10);
  network.cut("client", "server");
  network.rule(() => "drop");
  network.refuse("server");
  network.heal();
  expect(network.calm).toBe(true);
  await clock.run(5);
  expect(farSeen.bytes.toString()).toBe("held");
});

test("a full pool drops the SYN of new clients, refuses its own programs, and counts TIME_WAIT", async () => {
  const profiles = { server: { connectionsMax: 2, timeWaitMs: 10_000 } };
  const { clock, network, server, accepted, connect, connected } = world({ profiles });
  const one = await connected();
  await connected();
  const third = watch(connect());
  const own = watch(server.connect({ host: "client", port: 1 }));
  await clock.run(500);
  expect(third.events).toEqual([]);
  expect(own.events).toEqual(["connect ENOBUFS", "close"]);

  one.near.destroy();
  one.far.end();
  await clock.run(2000);
  expect(third.events).toEqual(["connect"]);

  accepted[1].end(); // the server closes first, and is the one that remembers
  await clock.run(100);
  const states = () => network.netstat("server").map(({ state }) => state);
  expect(states()).toEqual(["listen", "time-wait", "open"]);
  const fourth = watch(connect());
  await clock.run(100);
  expect(fourth.events).toEqual(["connect"]);
  expect(states()).toEqual(["listen", "open", "open"]);
});

test("TIME_WAIT ends by itself", async () => {
  const profiles = { server: { connectionsMax: 2, timeWaitMs: 10_000 } };
  const { clock, network, connected } = world({ profiles });
  const { far } = await connected();
  far.end();
  await clock.run(9_000);
  expect(network.netstat("server")).toHaveLength(2);
  await clock.run(2_000);
  expect(network.netstat("server")).toHaveLength(1);
});

test("a closed socket whose peer never closes is forgotten after a minute", async () => {
  const { clock, network, connected } = world();
  const { near, far, farSeen } = await connected();
  near.destroy();
  await clock.run(59_000);
  expect(network.netstat("client")).toHaveLength(1);
  await clock.run(2_000);
  expect(network.netstat("client")).toEqual([]);
  far.write("hello?");
  await clock.run(100);
  far.write("anyone?");
  await clock.run(100);
  expect(farSeen.events).toEqual(["end", "write EPIPE", "close"]);
});

test("bytes for a closed socket are answered by a reset, at once", async () => {
  const { clock, network, connected } = world();
  const { near, far, farSeen } = await connected();
  near.destroy();
  await clock.run(100);
  far.write("hello?");
  await clock.run(10);
  expect(network.netstat()).toHaveLength(1); // the listener
  far.write("anyone?");
  await clock.run(10);
  expect(farSeen.events).toEqual(["end", "write EPIPE", "close"]);
});

test("netstat names one host's rows only", async () => {
  const { network, connected } = world();
  await connected();
  expect(network.netstat("client")).toEqual([
    {
      host: "client",
      local: "10.0.0.1:49152",
      remote: "10.0.0.2:80",
      state: "open",
      unread: 0,
      unacked: 0,
    },
  ]);
  expect(network.netstat()).toHaveLength(3);
});
