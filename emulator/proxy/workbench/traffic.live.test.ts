import { afterEach, expect, test, vi } from "vitest";
import { reservePort } from "../../src/reserved-port.ts";
import { DemoBackend, type Fault } from "./servers.ts";
import { Generator, LIMITS, type TrafficWish } from "./traffic.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function backend() {
  const { port, release } = await reservePort();
  stops.push(release);
  const backend = new DemoBackend({ name: "a", address: "127.0.0.1", port });
  await backend.start();
  stops.push(() => backend.stop());
  return { backend, listener: { host: "127.0.0.1", port } };
}

function generate(
  wish: TrafficWish,
  listener: { host: string; port: number },
  requestsMax: number,
) {
  const generator = new Generator(1, wish, listener, { ...LIMITS, requestsMax });
  stops.push(() => generator.end("the test is over"));
  return generator;
}

test.each([
  { protocol: "http", mode: "rate", amount: 500 },
  { protocol: "http", mode: "clients", amount: 3 },
  { protocol: "tcp", mode: "rate", amount: 500 },
  { protocol: "tcp", mode: "clients", amount: 3 },
] as const)(
  "$protocol by $mode: a forgotten generator ends by itself, after so many requests",
  async wish => {
    const { listener } = await backend();
    const generator = generate(wish, listener, 30);
    const ended = { ended: "after 30 requests", answers: 30, failures: 0, inFlight: 0 };
    await expect.poll(() => generator.state).toMatchObject(ended);
  },
);

test("a forgotten generator ends by itself, after some minutes", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  stops.push(() => vi.useRealTimers());
  const generator = generate(
    { protocol: "http", mode: "rate", amount: 1 },
    { host: "127.0.0.1", port: 1 },
    9,
  );
  vi.advanceTimersByTime(LIMITS.durationMaxMs - 1);
  expect(generator.ended).toBe(false);
  vi.advanceTimersByTime(1);
  expect(generator.state.ended).toBe("after 5 minutes");
});

test.each([
  ["refuse", "ECONNREFUSED"],
  ["reset", "ECONNRESET"],
  ["errors", "500"],
] as [Fault, string][])(
  "a backend's fault %s is met as %s, and is over when it is undone",
  async (fault, failure) => {
    const { backend: broken, listener } = await backend();
    await broken.setFault(fault);
    const wish = { protocol: "http", mode: "clients", amount: 1 } as const;
    const failing = generate(wish, listener, 1);
    await expect.poll(() => failing.state.lastFailure).toBe(failure);
    await broken.setFault("none");
    const fine = generate(wish, listener, 1);
    await expect.poll(() => fine.state.answers).toBe(1);
  },
);

test("a silent backend takes a request and never answers, on kept connections, too", async () => {
  const { backend: silent, listener } = await backend();
  const before = generate({ protocol: "http", mode: "clients", amount: 1 }, listener, 100);
  await expect.poll(() => before.state.answers).toBeGreaterThan(0);
  await silent.setFault("silent");
  await expect.poll(() => before.state.inFlight).toBe(1);
  const { answers } = before.state;
  const newcomer = generate({ protocol: "tcp", mode: "clients", amount: 1 }, listener, 100);
  await expect.poll(() => silent.state.connections).toBe(2);
  expect(newcomer.state).toMatchObject({ answers: 0, failures: 0, inFlight: 1 });
  // The answer to one request, which the backend had taken before, may have been on its way.
  await expect.poll(() => before.state.inFlight).toBe(1);
  expect(before.state.answers - answers).toBeLessThanOrEqual(1);
});
