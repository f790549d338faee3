import type { MockSocket } from "net-mock-socket";
import { expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { get } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";

/** Bytes of a target with which a head is nearly as long as the default lets it be. */
const LONG = 8_900;

const CLIENTS = 12;

const head = (method = "GET", path = "/", more = "") =>
  `${method} ${path}${"a".repeat(LONG)} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

const held = (lab: EmulatedLab) => lab.app!.proxy.shared.longHeadMemory.heldBytes;

async function labWith(backend: (socket: MockSocket) => void) {
  const lab = new EmulatedLab();
  lab.backend("a", socket => {
    socket.on("error", () => {});
    backend(socket);
  });
  await lab.serve({ routes: [{}, { path: "/api", strip: true }] });
  return lab;
}

/** Connects `count` clients, each from an address of its own. */
function clients(lab: EmulatedLab, text: string, count = CLIENTS) {
  return Array.from({ length: count }, (_, i) => {
    const socket = lab.connect({ host: lab.network.host(`client-${i}`) });
    const received = collect(socket);
    socket.write(text);
    return { socket, received };
  });
}

test("a head that there is no room for is 503 and counted, others are served, and later there is room again", async () => {
  const lab = await labWith(socket => socket.resume());
  const all = clients(lab, head());
  await lab.clock.run({ ms: 1_000 });
  const refused = all.filter(({ received }) => received.text !== "");
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(CLIENTS);
  for (const { received } of refused) {
    expect(received.text).toMatch(/^HTTP\/1.1 503 .*\r\nRetry-After: 1\r\n.*no memory for/s);
  }
  const requests = lab.events("http", "request").map(({ values }) => values);
  expect(requests).toHaveLength(refused.length);
  for (const values of requests) {
    expect(values).toMatchObject({ status: "503", why: "no-memory" });
    expect(values.state).toMatch(/^R/);
  }
  const metrics = (await get(lab, "/metrics")).body;
  expect(metrics).toContain(`hot_potato_refusals_total{reason="no-memory"} ${refused.length}\n`);
  for (const { socket } of all) socket.resetAndDestroy();
  await lab.clock.run({ ms: 5_000 });
  expect(held(lab)).toBe(0);
  const [late] = clients(lab, head(), 1);
  await lab.clock.run({ ms: 1_000 });
  expect(late.received.text).toBe("");
  expect(held(lab)).toBeGreaterThan(LONG);
});

/** A backend's answer with a long head. */
const answerHead = (more = "") =>
  `HTTP/1.1 200 OK\r\nX-Long: ${"b".repeat(LONG)}\r\nContent-Length: 0\r\n${more}\r\n`;

test("answers whose heads there is no room for are 502, and no backend is ejected or down for them", async () => {
  // The heads are long, and their ends never come.
  const lab = await labWith(socket => {
    socket.once("data", () => socket.write(answerHead().slice(0, -2)));
  });
  const all = clients(lab, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await lab.clock.run({ ms: 1_000 });
  const refused = all.filter(({ received }) => received.text !== "");
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(CLIENTS);
  for (const { received } of refused)
    expect(received.text).toMatch(/^HTTP\/1.1 502 .*no memory for/s);
  expect(lab.events("http", "request")[0].values).toMatchObject({ why: "no-memory", state: "RH" });
  expect(lab.events("backend", "ejected")).toEqual([]);
  expect(lab.events("backend", "down")).toEqual([]);
  for (const { socket } of all) socket.resetAndDestroy();
  await lab.clock.run({ ms: 5_000 });
  expect(held(lab)).toBe(0);
});

test("one client after the other has the longest heads both ways", async () => {
  const lab = new EmulatedLab();
  const backend = httpBackend(() => reply("a", { fields: [`X-Long: ${"b".repeat(LONG)}`] }));
  lab.backend("a", backend.serve);
  await lab.serve({ routes: [{}, { path: "/api", strip: true }] });
  for (const path of ["/", "/api/"]) {
    const answer = await lab.ask(head("GET", path, "Connection: close\r\n"));
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer.length).toBeGreaterThan(LONG);
  }
  expect(held(lab)).toBe(0);
});

const UPGRADE = "Connection: Upgrade\r\nUpgrade: chat\r\n";

/** How a session with long heads may end: what the client sends, what the backend does, and what happens then. */
test.each<[string, string, (socket: MockSocket) => void, (socket: MockSocket) => void]>([
  ["a head without an end", head().slice(0, -2), s => s.resume(), s => s.destroy()],
  ["a head without an end that times out", head().slice(0, -2), s => s.resume(), () => {}],
  ["a head too long", head("GET", "/", `X: ${"c".repeat(LONG)}\r\n`), s => s.resume(), () => {}],
  ["a head with a fault behind", head().replace("Host", "Ho st"), s => s.resume(), () => {}],
  ["a reset while the answer is awaited", head(), s => s.resume(), s => s.destroy()],
  ["a target that a route changes", head("GET", "/api/"), s => s.resume(), s => s.destroy()],
  ["a backend that does not read", head(), s => s.pause(), s => s.destroy()],
  ["a backend that closes", head(), s => s.once("data", () => s.destroy()), () => {}],
  [
    "a backend whose head has no end",
    head(),
    s => s.once("data", () => s.write(answerHead().slice(0, -2))),
    s => s.destroy(),
  ],
  [
    "interim answers with long heads",
    head(),
    s => s.once("data", () => s.write(answerHead().replace("200 OK", "103 Early Hints").repeat(3))),
    s => s.destroy(),
  ],
  [
    "pipelined requests whose answers are not read",
    head() + head() + head(),
    s => s.on("data", () => s.write(answerHead())),
    s => {
      s.pause();
    },
  ],
  [
    "an upgrade",
    head("GET", "/", UPGRADE),
    s =>
      s.once("data", () => s.write(`HTTP/1.1 101 Go\r\nX: ${"b".repeat(LONG)}\r\n${UPGRADE}\r\n`)),
    () => {},
  ],
  [
    "a body that never arrives",
    head("POST", "/", "Content-Length: 9\r\n"),
    s => s.resume(),
    () => {},
  ],
])("what long heads hold comes back: %s", async (_, request, backend, then) => {
  const lab = await labWith(backend);
  const all = clients(lab, request);
  for (const { socket } of all) then(socket);
  let most = 0;
  for (let i = 0; i < 40; i++) {
    await lab.clock.run({ ms: 5 });
    most = Math.max(most, held(lab));
  }
  // Clients that left at once were never read, so some connect again and leave later.
  const late = clients(lab, request, 3);
  for (let i = 0; i < 40; i++) {
    await lab.clock.run({ ms: 5 });
    most = Math.max(most, held(lab));
  }
  expect(most).toBeGreaterThan(0);
  for (const { socket } of [...all, ...late]) socket.destroy();
  await lab.clock.run({ ms: 120_000 });
  expect(lab.app!.proxy.sessions).toBe(0);
  expect(held(lab)).toBe(0);
});
