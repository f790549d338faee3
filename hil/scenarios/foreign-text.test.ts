import { describe, expect, test } from "vitest";
import { httpBackend, reply } from "../src/http-backend.ts";
import { collect, Lab, ourBoard } from "../src/lab.ts";
import { type Answer, get, put, send, TOKEN } from "../src/operator.ts";

/** A board with our board's memory, on XS all of it counted, and one route beside the default. */
async function labOf(settings: object = {}) {
  const lab = new Lab({ ...ourBoard(), socketsMended: true });
  lab.backend("a", httpBackend(() => reply("a")).serve);
  await lab.serve(settings);
  lab.app!.operator.setToken(TOKEN);
  return lab;
}

/** The board lives, and still answers. */
async function expectAlive(lab: Lab): Promise<void> {
  expect(lab.board.fatal).toBeUndefined();
  expect((await get(lab, "/healthz")).status).toBe(200);
  expect(await ask(lab, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toMatch(/a$/);
}

/** Sends text, a byte for each character; what came until the close. */
async function ask(lab: Lab, text: string): Promise<string> {
  const socket = lab.connect();
  const heard = collect(socket);
  socket.write(Buffer.from(text, "latin1"));
  await lab.clock.run({ until: () => socket.closed, ms: 60_000 });
  return heard.text;
}

const isAscii = (text: string) => /^[\n -~]*$/.test(text);

/** Bytes that cost most where they are quoted: a control character, a quote, a byte beyond ASCII. */
const COSTLY = { "0xe9": "\xe9", quotes: '"', backslashes: "\\", "0x9b": "\x9b" };

test.each(Object.entries(COSTLY))(
  "40 requests for 3000 %s, and the events can be read",
  async (_, character) => {
    const lab = await labOf();
    const id = character.repeat(3_000);
    for (let i = 0; i < 40; i++) {
      const text = await ask(
        lab,
        `GET /${character.repeat(3_000)} HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`,
      );
      expect(text).toMatch(/^HTTP\/1.1 200 /);
    }
    const answer = await get(lab, "/api/events");
    expect(answer.status).toBe(200);
    expect(isAscii(answer.body)).toBe(true);
    expect(JSON.parse(answer.body).events.length).toBeGreaterThan(10);
    expect(lab.lines.every(isAscii)).toBe(true);
    await expectAlive(lab);
  },
);

describe("the admin port answers shortly, and the board lives, when it is sent", () => {
  const long = 1_900;
  test.each<[string, (lab: Lab) => Promise<Answer>, number]>([
    ["a long backend", lab => get(lab, `/api/backends/${"\xe9".repeat(long)}`), 404],
    ["a long path", lab => get(lab, `/${"\xe9".repeat(long)}`), 404],
    ["many parameters", lab => get(lab, `/api/events?${"&".repeat(long)}`), 200],
    ["a long parameter", lab => get(lab, `/api/events?${"\xe9".repeat(long)}`), 400],
    ["many ?", lab => get(lab, `/healthz${"?".repeat(long)}`), 200],
    [
      "a long method",
      lab => send(lab, `${"A".repeat(long)} /healthz HTTP/1.1\r\nHost: x\r\n\r\n`),
      405,
    ],
    [
      "a long type",
      lab =>
        send(
          lab,
          `PUT /api/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: a${";".repeat(1_800)}\r\nContent-Length: 2\r\n\r\n{}`,
        ),
      415,
    ],
    ["text that is no JSON", lab => put(lab, "/api/config", "\xe9".repeat(3_900)), 400],
    ["a long key", lab => put(lab, "/api/config", { ["\x9b".repeat(3_900)]: 1 }), 400],
    ["a long state", lab => put(lab, "/api/backends/a", { state: "\xe9".repeat(3_900) }), 400],
    [
      "a long key of a backend",
      lab => put(lab, "/api/backends/a", { ["s".repeat(3_900)]: 1 }),
      400,
    ],
    ["a long list of statuses", lab => statuses(lab, `200${",200".repeat(900)}`), 400],
  ])("%s", async (_, ask, status) => {
    const lab = await labOf();
    const answer = await ask(lab);
    expect(answer.status).toBe(status);
    expect(isAscii(answer.body)).toBe(true);
    expect(answer.body.length).toBeLessThan(status === 200 ? 4_000 : 1_000);
    for (const line of lab.lines) expect(line.length).toBeLessThan(600);
    await expectAlive(lab);
  });

  async function statuses(lab: Lab, status: string): Promise<Answer> {
    const document = JSON.parse((await get(lab, "/api/config")).body);
    return put(lab, "/api/config", { ...document, health: { check: "http", status } });
  }
});

test.each([
  ["backslashes", `/app/.${"\\".repeat(3_990)}`],
  ["escaped slashes", `/app/.${"%2f".repeat(1_300)}`],
  ["escaped dots", `/app/${"%2e/".repeat(990)}`],
])("a path of %s is judged, and the board lives", async (_, path) => {
  const lab = await labOf({ routes: [{ path: "/app" }, { path: "/" }] });
  for (let i = 0; i < 3; i++) {
    const text = await ask(lab, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1.1 (200|400|414) /);
  }
  await expectAlive(lab);
});

test("a request line of 3900 letters as its method holds the serial line for no more than a line", async () => {
  const lab = await labOf({ listeners: [{ port: 80, mode: "http" }] });
  await ask(lab, `${"M".repeat(3_900)} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  await ask(lab, `GET /${'"'.repeat(3_900)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect(lab.events("http", "request")).toHaveLength(2);
  for (const line of lab.lines) expect(line.length).toBeLessThan(600);
});
