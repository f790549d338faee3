import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { ourBoard } from "../../../emulator/proxy/firmware-board.ts";
import { collect, EmulatedLab, ENGINE, echoes, says } from "../../../hil/kit/emulated-lab.ts";
import type { TCPCallbacks, TCPConstructor, TCPSocket } from "../platform.ts";

// Where scenarios cannot look: instants, single sides, and what is closed inside. On the firmware's own sockets.

const GET_OLD = "GET / HTTP/1.0\r\n\r\n";

const ownLab = () => new EmulatedLab(ourBoard("own"));

test("the beginning of a method and FIN are raw TCP at once", async () => {
  const lab = ownLab();
  lab.backend("a", echoes);
  await lab.serve();
  const client = lab.connect({ allowHalfOpen: true });
  const received = collect(client);
  client.end("PO");
  const sinceMs = lab.clock.now();
  await lab.clock.run({ until: () => received.text === "PO", ms: 5_000 });
  expect(received.text).toBe("PO");
  expect(lab.clock.now() - sinceMs).toBeLessThan(100);
});

test("a backend that resets behind its FIN has answered: its client sees the end, and no reset", async () => {
  const lab = ownLab();
  lab.backend("a", socket => {
    socket.once("data", () => {
      socket.end("enough");
      socket.on("data", () => socket.resetAndDestroy());
    });
  });
  await lab.serve();
  const client = lab.connect({ allowHalfOpen: true });
  const received = collect(client);
  client.write("hello");
  await lab.clock.run({ until: () => received.text === "enough", ms: 5_000 });
  client.write("and more");
  await lab.clock.run({ until: () => client.closed, ms: 60_000 });
  expect([received.text, received.error]).toEqual(["enough", undefined]);
  expect(lab.events("session", "end").map(({ values }) => values.why)).toEqual(["backend-closed"]);
});

test("a client that is refused while it sends reads its 503 up to the end", async () => {
  const lab = ownLab();
  lab.backend("a", says("a"));
  await lab.serve({ sessionsMax: 1, queueMax: 0 });
  const first = lab.connect();
  first.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
  await lab.clock.run({ ms: 100 });
  const client = lab.connect({ allowHalfOpen: true });
  const received = collect(client);
  let endedMs = 0;
  client.on("end", () => {
    endedMs = lab.clock.now();
  });
  const sinceMs = lab.clock.now();
  client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n${"x".repeat(50_000)}`);
  await lab.clock.run({ until: () => endedMs > 0 || client.closed, ms: 5_000 });
  expect(received.text).toMatch(/^HTTP\/1\.1 503 /);
  expect(received.error).toBe(undefined);
  expect(endedMs - sinceMs).toBeLessThan(200);
});

test.each([
  ["with its answer", 0],
  ["while it is idle", 50],
])("a connection that the backend ends %s is not kept for another request", async (_, ms) => {
  const lab = ownLab();
  let connections = 0;
  lab.backend("a", socket => {
    connections++;
    socket.once("data", () => {
      socket.write(reply("x"));
      if (ms === 0) socket.end();
      else lab.clock.after(ms, () => socket.end());
    });
  });
  await lab.serve();
  const client = lab.connect();
  const received = collect(client);
  for (const count of [1, 2]) {
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await lab.clock.run({ ms: 200 });
    expect(received.text.split("200 OK").length - 1).toBe(count);
    expect(connections).toBe(count);
    expect(lab.board.stack.connections).toBe(1); // the client's
  }
});

test.each([
  ["slow", { bytesPerSecondMin: 100_000, sessionsMax: 1 }],
  ["sD", { idleTimeoutMs: 1_000 }],
])("an HTTP/1.0 client whose response the board cuts (%s) is reset", async (_, settings) => {
  const lab = ownLab();
  lab.backend("a", socket => {
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\n\r\nbegins"));
    socket.on("error", () => {});
  });
  await lab.serve(settings);
  const client = lab.connect();
  const received = collect(client);
  client.write(GET_OLD);
  await lab.clock.run({ ms: 500 });
  const queued = lab.connect();
  collect(queued);
  queued.write(GET_OLD);
  await lab.clock.run({ until: () => client.closed, ms: 30_000 });
  expect(received.text.endsWith("begins")).toBe(true);
  expect(received.error).toBe("ECONNRESET");
});

test("a stalled raw stream is reset on both sides, so that neither takes it for whole", async () => {
  const lab = ownLab();
  const errors: unknown[] = [];
  lab.backend("a", socket => {
    socket.once("data", () => socket.write("begins"));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => errors.push(code));
  });
  await lab.serve({ tunnelTimeoutMs: 2_000 });
  const client = lab.connect();
  const received = collect(client);
  client.write("hello");
  await lab.clock.run({ until: () => client.closed, ms: 30_000 });
  await lab.clock.run({ ms: 100 });
  expect([received.text, received.error, errors]).toEqual(["begins", "ECONNRESET", ["ECONNRESET"]]);
});

// The program on XS has its own platform.
describe.skipIf(ENGINE === "xs")("a connection that fails", () => {
  test.each([
    ["refused", 502, "SC", "refused"],
    ["unreachable", 502, "SC", "unreachable"],
    ["reset", 502, "SC", "reset"],
    ["timeout", 504, "sC", "timeout"],
    ["memory", 503, "RC", undefined],
  ] as const)(
    "by %s: %i %s, and the backend is blamed for what is its own fault",
    async (...row) => {
      const [failure, status, state, why] = row;
      const lab = ownLab();
      lab.backend("a", says("a"));
      await lab.serve();
      const platform = lab.app!.proxy.shared.platform as unknown as { TCP: TCPConstructor };
      const { TCP } = platform;
      /** Accepts as the board does; every connection to a backend fails. */
      function FailingTCP(options: TCPCallbacks & { from?: TCPSocket }) {
        if ("from" in options) return new TCP(options as TCPCallbacks & { from: TCPSocket });
        const socket = { target: options.target, close() {} } as TCPSocket;
        lab.clock.after(1, () => options.onError.call(socket, failure));
        return socket;
      }
      platform.TCP = FailingTCP as unknown as TCPConstructor;
      const client = lab.connect();
      const received = collect(client);
      client.write(GET_OLD);
      await lab.clock.run({ until: () => client.closed, ms: 10_000 });

      expect(received.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(lab.events("http", "request").map(({ values }) => values.state)).toEqual([state]);
      const failures = lab.events("backend", "connect-failed").map(({ values }) => values.why);
      expect(failures).toEqual(why === undefined ? [] : [why]);
      const { health, counters } = lab.app!.proxy.pool.backends[0];
      expect(counters.failures > 0 || health.failures > 0).toBe(why !== undefined);
    },
  );
});
