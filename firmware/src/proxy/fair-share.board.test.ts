import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { get } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";
import { shareOf } from "../net/connection-budget.ts";

const SESSIONS = 16;
const SHARE = shareOf(SESSIONS);
const GET = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const UPLOAD = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";

/** A board with the default shares. */
async function labOf(settings: object = {}) {
  const lab = new EmulatedLab();
  lab.backend(
    "a",
    httpBackend(({ line }) => (line.startsWith("POST") ? undefined : reply("a"))).serve,
  );
  await lab.serve({ clientSessionsMax: undefined, ...settings });
  return lab;
}

function come(lab: EmulatedLab, host: string, text: string) {
  const socket = lab.connect({ host: lab.network.host(host) });
  const received = collect(socket);
  if (text !== "") socket.write(text);
  return { socket, received };
}

/** Writes a byte each `everyMs` until the socket is closed. */
function drip(lab: EmulatedLab, socket: MockSocket, everyMs: number, bytes = 1): void {
  const next = () => {
    if (!socket.writable) return;
    socket.write("x".repeat(bytes));
    lab.clock.after(everyMs, next);
  };
  lab.clock.after(everyMs, next);
}

test("two thirds of the places are one address's, and the last of several never", () => {
  expect([1, 2, 3, 4, 6, 12].map(shareOf)).toEqual([1, 1, 2, 2, 4, 8]);
});

describe("one address", () => {
  test("that opens as many connections as there are sessions leaves the others their slots, and at once", async () => {
    const lab = await labOf();
    for (let i = 0; i < SESSIONS; i++) come(lab, "greedy", "x");
    await lab.clock.run({ ms: 200 });
    const nowMs = lab.clock.now();
    const { received } = come(lab, "other", GET);
    await lab.clock.run({ until: () => received.text !== "", ms: 10_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(lab.clock.now() - nowMs).toBeLessThan(100);
  });

  test("that has its share waits for its own slots, and only in its share of the queue", async () => {
    const lab = await labOf();
    const clients = Array.from({ length: SHARE }, () => come(lab, "busy", UPLOAD));
    for (const { socket } of clients) drip(lab, socket, 100, 200);
    await lab.clock.run({ ms: 100 });
    const waits = come(lab, "busy", GET);
    come(lab, "busy", GET);
    const refused = come(lab, "busy", GET);
    await lab.clock.run({ ms: 200 });
    expect([waits.received.text, refused.received.text.slice(0, 12)]).toEqual(["", "HTTP/1.1 503"]);
    const { refusals } = lab.app!.proxy.admission;
    expect([refusals.clientFull, refusals.full]).toEqual([1, 0]);
    clients[0].socket.destroy();
    await lab.clock.run({ ms: 200 });
    expect(waits.received.text).toMatch(/^HTTP\/1.1 200 /);
    await lab.clock.run({ ms: 2_000 });
    const ends = lab.events("session", "end").map(({ values }) => values.why);
    expect(ends).toContain("client-full");
  });

  test("that only keeps a connection for later gives it to its own next request", async () => {
    const lab = await labOf();
    for (let i = 0; i < SHARE; i++) come(lab, "browser", GET.replace("close", "keep-alive"));
    await lab.clock.run({ ms: 200 });
    const { received } = come(lab, "browser", GET);
    await lab.clock.run({ ms: 200 });
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
  });

  test("of a trusted proxy, behind which are many clients, may have every slot", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve);
    const proxy = lab.network.host("proxy");
    await lab.serve({ clientSessionsMax: undefined, trustedProxies: [proxy.address] });
    for (let i = 0; i < SESSIONS; i++) come(lab, "proxy", UPLOAD);
    await lab.clock.run({ ms: 200 });
    expect([lab.app!.proxy.sessions, lab.app!.proxy.admission.queued]).toEqual([SESSIONS, 0]);
  });

  test("may have as many as the configuration says", async () => {
    const lab = await labOf({ clientSessionsMax: 3 });
    for (let i = 0; i < 4; i++) come(lab, "busy", UPLOAD);
    await lab.clock.run({ ms: 200 });
    expect([lab.app!.proxy.sessions, lab.app!.proxy.admission.queued]).toEqual([4, 1]);
  });
});

describe("while others wait for a slot", () => {
  const full = async (text: string, settings: object = {}) => {
    const lab = await labOf(settings);
    const clients = Array.from({ length: SESSIONS }, (_, i) => come(lab, `greedy-${i % 3}`, text));
    await lab.clock.run({ ms: 10_000 });
    expect(lab.app!.proxy.sessions).toBe(SESSIONS);
    return { lab, clients };
  };

  test.each([
    ["connections with one byte each", "x"],
    ["uploads that say nothing more", UPLOAD],
  ])("%s give way within three seconds", async (_, text) => {
    const { lab } = await full(text);
    const { received } = come(lab, "other", GET);
    await lab.clock.run({ ms: 3_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(lab.app!.proxy.admission.slowEnded).toBe(1);
  });

  test("sixteen uploads of a byte each 4 s do not block the board, and are logged", async () => {
    const { lab, clients } = await full(UPLOAD);
    for (const { socket } of clients) drip(lab, socket, 4_000);
    for (let i = 0; i < 5; i++) {
      const { received } = come(lab, "other", GET);
      await lab.clock.run({ until: () => received.text !== "", ms: 10_000 });
      expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(
      lab.events("http", "request").find(({ values }) => values.why === "slow")!.values,
    ).toMatchObject({
      method: "POST",
      state: "RH",
    });
    const metrics = (await get(lab, "/metrics")).body;
    expect(metrics).toMatch(/\nhot_potato_slow_sessions_ended_total [1-5]\n/);
  });

  test("the slowest client is closed, and those that are fast enough stay", async () => {
    const { lab, clients } = await full(UPLOAD);
    for (const [i, { socket }] of clients.entries()) drip(lab, socket, 100, i === 7 ? 10 : 100);
    await lab.clock.run({ ms: 1_000 });
    const { received } = come(lab, "other", GET);
    await lab.clock.run({ ms: 3_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(
      clients.map(({ socket }, i) => (socket.closed ? i : "open")).filter(Number.isInteger),
    ).toEqual([7]);
  });

  test("a request whose answer is awaited does not count as slow", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", httpBackend(() => undefined).serve);
    await lab.serve({ clientSessionsMax: undefined });
    const clients = Array.from({ length: SESSIONS }, (_, i) => come(lab, `client-${i}`, GET));
    await lab.clock.run({ ms: 5_000 });
    const { received } = come(lab, "other", GET);
    await lab.clock.run({ ms: 4_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 503 /);
    expect(clients.every(({ socket }) => !socket.closed)).toBe(true);
  });

  test("no client is slow where the configuration says 0, or where none is queued", async () => {
    const { lab, clients } = await full("x", { bytesPerSecondMin: 0 });
    const { received } = come(lab, "other", GET);
    await lab.clock.run({ ms: 5_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 503 /);
    expect(clients.every(({ socket }) => !socket.closed)).toBe(true);
    const { lab: other } = await full("x");
    await other.clock.run({ ms: 60_000 });
    expect(other.app!.proxy.admission.slowEnded).toBe(0);
  });
});
