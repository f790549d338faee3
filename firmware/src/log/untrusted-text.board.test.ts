import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { ourBoard } from "../../../emulator/proxy/firmware-board.ts";
import { type Answer, get, put, send, TOKEN } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab, mass } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import fc from "../../../hil/kit/properties.ts";
import { parseLine } from "../../tools/log-line.ts";

/** A board with our board's memory, on XS all of it counted, and one route beside the default. */
async function labOf(settings: object = {}) {
  const lab = new EmulatedLab({ ...ourBoard(), socketsMended: true });
  lab.backend("a", httpBackend(() => reply("a")).serve);
  await lab.serve(settings);
  lab.app!.runtime.token.set(TOKEN);
  return lab;
}

/** The board lives, and still answers. */
async function expectAlive(lab: EmulatedLab): Promise<void> {
  expect(lab.board.fatal).toBeUndefined();
  expect((await get(lab, "/healthz")).status).toBe(200);
  expect(await ask(lab, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toMatch(/a$/);
}

/** Sends text, a byte for each character; what came until the close. */
async function ask(lab: EmulatedLab, text: string): Promise<string> {
  const socket = lab.connect();
  const received = collect(socket);
  socket.write(Buffer.from(text, "latin1"));
  await lab.clock.run({ until: () => socket.closed, ms: 60_000 });
  return received.text;
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
    expect(JSON.parse(answer.body).events.length).toBeGreaterThan(7);
    expect(lab.lines.every(isAscii)).toBe(true);
    await expectAlive(lab);
  },
);

describe("the admin port answers briefly, and the board goes on, when it is sent", () => {
  const long = 1_900;
  test.each<[string, (lab: EmulatedLab) => Promise<Answer>, number]>([
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
    ...["toString", "constructor", "__proto__"].map(
      (name): [string, (lab: EmulatedLab) => Promise<Answer>, number] => [
        `${name} as the method`,
        lab => send(lab, `${name} /healthz HTTP/1.1\r\nHost: x\r\n\r\n`),
        405,
      ],
    ),
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
    expect(answer.body.length).toBeLessThan(status === 200 ? 4_000 : 1_200);
    for (const line of lab.lines) expect(line.length).toBeLessThan(600);
    await expectAlive(lab);
  });

  async function statuses(lab: EmulatedLab, status: string): Promise<Answer> {
    const document = JSON.parse((await get(lab, "/api/config")).body);
    return put(lab, "/api/config", { ...document, health: { check: "http", status } });
  }
});

test.each([
  ["backslashes", `/app/.${"\\".repeat(3_990)}`],
  ["escaped slashes", `/app/.${"%2f".repeat(1_300)}`],
  ["escaped dots", `/app/${"%2e/".repeat(990)}`],
])("a path of %s is answered, and the board goes on", async (_, path) => {
  const lab = await labOf({ routes: [{ path: "/app" }, { path: "/" }] });
  for (let i = 0; i < 3; i++) {
    const text = await ask(lab, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1.1 (200|400|414) /);
  }
  await expectAlive(lab);
});

test("a request line with a method of 3900 letters takes the serial line for one log line at most", async () => {
  const lab = await labOf({ listeners: [{ port: 80, mode: "http" }] });
  await ask(lab, `${"M".repeat(3_900)} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  await ask(lab, `GET /${'"'.repeat(3_900)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect(lab.events("http", "request")).toHaveLength(2);
  for (const line of lab.lines) expect(line.length).toBeLessThan(600);
});

describe("whatever is sent", () => {
  /** A byte for each character. */
  type Bytes = string;

  const byte = fc.nat(255).map(code => String.fromCharCode(code));
  const piece = fc.oneof(
    { arbitrary: byte, weight: 4 },
    {
      arbitrary: fc.constantFrom(
        ...['"', "\\", '\\"', "'", "`", "$&", "<script>alert(1)</script>", "<img src=x onerror=y>"],
        ...["\x1b[31m", "\x9b31m", "\x85", "\xa0", "\x7f", "\0", "\t", "\r\n", "\n", " ", "  "],
        ...["\xc3", "\xc3\xa9", "\xe2\x80", "\xe2\x80\xae", "\xf0\x9f", "\xff"], // parts of UTF-8
        ...[
          "E (1) net: no-ssid error=x",
          " status=200",
          " name=a",
          '" why=y',
          "...",
          "%0a",
          "%",
          "&",
        ],
        ...[
          "toString",
          "__proto__",
          "constructor",
          "hasOwnProperty",
          "\\u0000",
          "\\u",
          "x".repeat(170),
        ],
      ),
      weight: 3,
    },
  );
  const wild: fc.Arbitrary<Bytes> = fc.array(piece, { maxLength: 12 }).map(some => some.join(""));
  /** With no byte but those that may stand there; `instead` where nothing is left. */
  const only = (allowed: RegExp, instead: string) =>
    wild.map(text => text.replace(allowed, "") || instead);
  const word = only(/[^!#$%&'*+.^_`|~\w-]/g, "M");
  const value = only(/[^\t -~\x80-\xff]/g, "v").map(
    text => text.replace(/^[\t ]+|[\t ]+$/g, "") || "v",
  );
  const target = only(/[^!-~\x80-\xff]|#/g, "").map(text => `/${text}`);
  const host = only(/[^a-z0-9-]/gi, "h");

  /** The bytes sent to a port, and the lines logged for them, where they are a request as RFC 9112 wants it. */
  interface Sent {
    readonly port: number;
    readonly text: Bytes;
    readonly logged?: { readonly method: string; readonly path: string; readonly request: string };
  }

  const [HTTP, ANY, ADMIN] = [80, 81, 8404];
  const fields = (host: string, id: string, cookie: string) =>
    `Host: ${host}\r\nX-Request-Id: ${id}\r\nUser-Agent: ${cookie}\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`;
  const request = fc
    .tuple(word, target, host, value, value)
    .filter(([method]) => method !== "HEAD" && method !== "CONNECT")
    .map(
      ([method, target, host, id, cookie]): Sent => ({
        port: HTTP,
        text: `${method} ${target} HTTP/1.1\r\n${fields(host, id, cookie)}`,
        logged: { method, path: target.split("?", 1)[0], request: id },
      }),
    );
  const nearRequest = fc
    .tuple(wild, wild, wild, wild, wild, fc.constantFrom(HTTP, ANY, ADMIN))
    .map(([method, target, host, id, cookie, port]): Sent => {
      const text = `${method} /${target} HTTP/1.1\r\n${fields(host, id, cookie)}`;
      return { port, text };
    });
  const anyBytes = wild.map((text): Sent => ({ port: ANY, text }));
  const known = fc.constantFrom("GET", "PUT", "HEAD");
  /** Every object has them. */
  const names = fc.constantFrom("toString", "__proto__", "constructor", "hasOwnProperty");
  const ofOperator = fc
    .tuple(fc.oneof(known, names, word), target, value, value, wild, fc.nat(4))
    .map(([method, target, other, token, body, what]): Sent => {
      const path = ["", "/api/backends", "/api/events?", "/api/backends/a", "/healthz"][what];
      const text = `${method} ${path}${what > 2 ? "" : target} HTTP/1.1\r\nHost: ${what === 0 ? other : "board"}\r\nAuthorization: Bearer ${what === 3 ? TOKEN : token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      return { port: ADMIN, text };
    });
  const inJson = fc.tuple(wild, wild).map(([key, text]): Sent => {
    const body = JSON.stringify({ [key]: text, state: text });
    return {
      port: ADMIN,
      text: `PUT /api/backends/a HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    };
  });
  const sent = fc.oneof(request, request, nearRequest, anyBytes, ofOperator, inJson);

  /** Three values of 160 characters in quotes, a cut behind each, and the rest of a request's line. */
  const LINE_MAX = 3 * (160 + '"..."'.length) + 240;

  /** Keys of a request's line: HAProxy's timers among them. */
  const KEYS =
    "id request client backend method path status in out retries TR Tw Tc Tr Ta state why".split(
      " ",
    );

  const METRICS =
    /^(?:# HELP \w+ [ -~]+\n# TYPE \w+ (?:counter|gauge)\n(?:[a-z_]\w*(?:\{\w+="[\w.\-+ ]*"(?:,\w+="[\w.\-+ ]*")*\})? -?\d+(?:\.\d+)?\n)*)+$/;

  /** The text, or as much of it as a line has room for. */
  function expectReadBack(read: string, text: Bytes): void {
    if (read === text) return;
    const [begin] = /^(.*?)(?:\.\.\.)?$/s.exec(read)!.slice(1);
    expect(text.startsWith(begin)).toBe(true);
    // A byte takes six characters at most where it is escaped.
    expect(begin.length).toBeGreaterThanOrEqual(Math.floor(160 / 6));
  }

  async function expectShown(lab: EmulatedLab): Promise<void> {
    for (const path of ["/api/events", "/api/status", "/api/backends", "/api/config"]) {
      const { status, body } = await get(lab, path);
      expect([path, status, isAscii(body)]).toEqual([path, 200, true]);
      JSON.parse(body);
    }
    const { events } = JSON.parse((await get(lab, "/api/events")).body);
    const lines = new Set(lab.lines);
    for (const line of events) expect(lines.has(line)).toBe(true);
    expect((await get(lab, "/metrics")).body).toMatch(METRICS);
  }

  test("log, metrics and JSON are whole lines of ASCII, and the log is read back as what was sent", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 8 }), async all => {
        const lab = await labOf({
          listeners: [
            { port: HTTP, mode: "http" },
            { port: ANY, mode: "auto" },
          ],
        });
        for (const { port, text, logged } of all) {
          const before = lab.events("http", "request").length;
          const answer = await send(lab, text, port);
          if (port === ADMIN) {
            expect(answer.status).toBeGreaterThanOrEqual(200);
            expect(isAscii(answer.body)).toBe(true);
            if (/application\/json/.test(answer.head) && !text.startsWith("HEAD ")) {
              JSON.parse(answer.body);
            }
          }
          if (logged === undefined) continue;
          const lines = lab.events("http", "request").slice(before);
          expect(lines).toHaveLength(1);
          const { method, path, request, status } = lines[0].values;
          expect(Number(status)).toBe(answer.status);
          expectReadBack(method, logged.method);
          expectReadBack(path, logged.path);
          if (request !== undefined) expectReadBack(request, logged.request);
          if (status === "200") expect(request).toBeDefined();
        }
        for (const line of lab.lines) {
          expect(line).toMatch(/^[ -~]+$/);
          expect(line.length).toBeLessThanOrEqual(LINE_MAX);
          const parsed = parseLine(line)!;
          expect(parsed.level).not.toBe("E");
          if (parsed.on !== "http") continue;
          expect(Object.keys(parsed.values).filter(key => !KEYS.includes(key))).toEqual([]);
        }
        await expectShown(lab);
        await expectAlive(lab);
      }),
      { numRuns: mass(40) },
    );
  });

  test("the page shows it as text", async () => {
    const { body } = await get(await labOf(), "/");
    expect(body).toContain("textContent");
    expect(body).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|srcdoc|createContextualFragment|DOMParser|\beval\b|\bFunction\(|javascript:/,
    );
  });
});
