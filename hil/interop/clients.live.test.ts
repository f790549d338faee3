import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { Client } from "undici";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { serve } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { type LiveBoard, startBoard } from "../kit/live-board.ts";
import { missing } from "./reference-proxies.ts";
import { chromium, type Digest, FILE, PAGE_REPORT, PARTS, Site, sha256 } from "./test-site.ts";

// Real clients through the board. Backends a and b are the demo's; paths below /site go to a web site with more
// features.

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

let site: Site;
let backends: number[];
let board: LiveBoard;
let url: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hot-potato-clients-"));
  stops.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  site = await Site.start();
  stops.push(() => site.stop());
  backends = [];
  for (const name of ["a", "b"]) {
    const server = await serve({ name, port: 0, host: "127.0.0.1", behaviour: steady() });
    stops.push(() => server.stop());
    backends.push(server.port);
  }
  board = await boardWith();
  url = `http://127.0.0.1:${board.port}`;
});

async function boardWith(settings: object = {}): Promise<LiveBoard> {
  const board = await startBoard([...backends, site.port], {
    routes: [{ path: "/site", strip: true, backends: ["c"] }, { backends: ["a", "b"] }],
    ...settings,
  });
  stops.push(() => board.stop());
  return board;
}

let logged = 0;
afterEach(() => {
  expect(board.faults).toEqual([]);
  logged = board.requests.length;
});

/** Connections that carried this test's requests. */
function connections(): number {
  return new Set(board.requests.slice(logged).map(({ values }) => values.client)).size;
}

/** Answers of the demo backends to GETs of these paths, in turns. */
function expectTurns(answers: readonly string[], paths: readonly string[]): void {
  const first = answers[0][0] === "a" ? "ab" : "ba";
  expect(answers).toEqual(paths.map((path, i) => `${first[i % 2]}: GET ${path}\n`));
}

const LARGE = Buffer.from("hot potato ".repeat(300_000)); // 3.3 MB

function absence(program: string): string {
  return missing(program).length > 0 ? ` (skipped: ${program} is not installed)` : "";
}

describe.skipIf(absence("curl"))(`curl${absence("curl")}`, () => {
  /** Runs curl; `trace` is its output on stderr. */
  async function curl(args: readonly string[], input: Buffer | string = "") {
    const { exitCode, stdout, stderr } = await execa(
      "curl",
      ["-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", ...args],
      { reject: false, input, encoding: "buffer", stripFinalNewline: false },
    );
    const text = Buffer.from(stdout);
    return {
      exitCode,
      bytes: text,
      text: text.toString("latin1"),
      trace: `${Buffer.from(stderr)}`,
    };
  }

  async function digestOf(args: readonly string[], input?: Buffer): Promise<Digest> {
    return JSON.parse((await curl([...args, `${url}/site/digest`], input)).text);
  }

  test("six requests take one connection and turns", async () => {
    const { text } = await curl([`${url}/[1-6]`, "--write-out", "%{num_connects}\n"]);

    const lines = text.split("\n").slice(0, -1);
    expectTurns(
      lines.filter((_, i) => i % 2 === 0).map(line => `${line}\n`),
      ["/1", "/2", "/3", "/4", "/5", "/6"],
    );
    expect(lines.filter((_, i) => i % 2 === 1).join("")).toBe("100000");
    expect(connections()).toBe(1);
  });

  test("an HTTP/1.0 client gets the whole answer of an HTTP/1.1 backend, and the close", async () => {
    const { text, exitCode } = await curl(["--http1.0", "--include", `${url}/bytes/100000`]);

    const [head, body] = text.split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).toMatch(/^Connection: close$/im);
    expect(body).toHaveLength(100_000);
    expect(exitCode).toBe(0);
  });

  test("an upload of a known length arrives whole", async () => {
    const file = join(folder, "large");
    writeFileSync(file, LARGE);

    const uploaded = { bytes: LARGE.byteLength, sha256: sha256(LARGE), framing: "length" };
    expect(await digestOf(["--upload-file", file])).toEqual(uploaded);
    expect(await digestOf(["--http1.0", "--data-binary", `@${file}`])).toEqual(uploaded);
  });

  test("an upload of an unknown length arrives whole, in chunks", async () => {
    const uploaded = { bytes: LARGE.byteLength, sha256: sha256(LARGE), framing: "chunked" };
    expect(await digestOf(["--upload-file", "-"], LARGE)).toEqual(uploaded);
  });

  test("Expect: 100-continue is answered before the body is sent", async () => {
    const { trace, text } = await curl(
      ["--verbose", "--header", "Expect: 100-continue", "--expect100-timeout", "15"].concat([
        "--data-binary",
        "@-",
        "--write-out",
        "%{time_total}",
        `${url}/up`,
      ]),
      "hello",
    );

    expect(trace).toMatch(/^< HTTP\/1\.1 100 /m);
    expect(text).toMatch(/^[ab]: POST \/up \(5 bytes received\)\n/);
    expect(Number(text.split("\n")[1])).toBeLessThan(15); // it did not wait for its timeout
  });

  test("a body that is too large is refused before it is sent", async () => {
    const strict = await boardWith({ bodyBytesMax: 1000 });
    const { text } = await curl(
      ["--header", "Expect: 100-continue", "--expect100-timeout", "15", "--data-binary", "@-"]
        .concat(["--output", join(folder, "refused"), "--write-out", "%{http_code} %{size_upload}"])
        .concat([`http://127.0.0.1:${strict.port}/up`]),
      Buffer.alloc(2000),
    );

    expect(text).toBe("413 0");
    expect(strict.faults).toEqual([]);
  });

  test("a download of 16 MiB arrives whole", async () => {
    const bytes = 16 * 1024 * 1024;
    const { bytes: body } = await curl([`${url}/bytes/${bytes}`]);
    expect(sha256(body)).toBe(sha256(Buffer.from("0123456789abcdef".repeat(bytes / 16))));
  });

  test("ranges: a piece of a file, and the rest of one", async () => {
    const piece = await curl(["--include", "--range", "1000-1999", `${url}/site/file`]);
    expect(piece.text).toMatch(/^HTTP\/1\.1 206 Partial Content\r\n/);
    expect(piece.text).toMatch(/^Content-Range: bytes 1000-1999\/131072\r$/m);
    expect(piece.bytes.subarray(-1000)).toEqual(FILE.subarray(1000, 2000));

    const file = join(folder, "begun");
    writeFileSync(file, FILE.subarray(0, 100_000));
    const rest = await curl([
      ...["--continue-at", "-", "--output", file],
      ...["--write-out", "%{http_code} %{size_download}", `${url}/site/file`],
    ]);
    expect(rest.text).toBe("206 31072");
  });

  test("HEAD has the length without the body, and the connection stays open", async () => {
    const { text } = await curl(["--head", `${url}/bytes/1234`, "--next", `${url}/after`]);

    expect(text).toMatch(/^Content-Length: 1234\r$/im);
    expect(text).toMatch(/\r\n\r\n[ab]: GET \/after\n$/);
    expect(connections()).toBe(1);
  });

  test("forty requests at once over twelve connections are all answered", async () => {
    const { text, exitCode } = await curl([
      ...["--parallel", "--parallel-immediate", "--parallel-max", "12"],
      `${url}/[1-40]`,
    ]);

    const paths = text
      .split("\n")
      .slice(0, -1)
      .map(line => line.replace(/^[ab]: GET /, ""));
    expect(paths.sort()).toEqual(Array.from({ length: 40 }, (_, i) => `/${i + 1}`).sort());
    expect(exitCode).toBe(0);
  });

  test.each(["length", "chunked"])(
    "an answer with a %s that is cut is cut for the client, too",
    async kind => {
      const { exitCode, text } = await curl([`${url}/site/cut/${kind}`]);

      expect(text).toBe("half of it");
      expect(exitCode).toBe(18); // "partial file"
    },
  );

  test("a backend that answers with HTTP/0.9 is a bad gateway", async () => {
    const old = net.createServer(socket => socket.once("data", () => socket.end("hello\n")));
    old.listen(0, "127.0.0.1");
    await once(old, "listening");
    stops.push(() => old.close());
    const { port } = await startOld((old.address() as net.AddressInfo).port);

    const { text } = await curl(["--http0.9", "--include", `http://127.0.0.1:${port}/`]);
    expect(text).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
    expect(text).not.toContain("hello");
  });

  async function startOld(backend: number): Promise<LiveBoard> {
    const board = await startBoard([backend]);
    stops.push(() => board.stop());
    return board;
  }
});

describe("Node's http", () => {
  async function ask(agent: http.Agent, path: string, body?: string): Promise<string> {
    const request = http.request(`${url}${path}`, { agent, method: body ? "POST" : "GET" });
    request.end(body);
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    return Buffer.concat(await response.toArray()).toString();
  }

  test("an agent that keeps its connection needs one for 200 requests", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const paths = Array.from({ length: 200 }, (_, i) => `/${i}`);

    const answers: string[] = [];
    for (const path of paths) answers.push(await ask(agent, path));
    agent.destroy();

    expectTurns(answers, paths);
    expect(connections()).toBe(1);
  });

  test("eight connections carry 200 uploads", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    const bodies = Array.from({ length: 200 }, (_, i) => "x".repeat(1 + i * 50));

    const answers = await Promise.all(bodies.map((body, i) => ask(agent, `/${i}`, body)));
    agent.destroy();

    answers.forEach((answer, i) => {
      expect(answer.slice(1)).toBe(`: POST /${i} (${bodies[i].length} bytes received)\n`);
    });
    expect(connections()).toBe(8);
  });
});

describe("undici", () => {
  test("a hundred pipelined requests are answered in order on one connection", async () => {
    const client = new Client(url, { pipelining: 10 });
    const paths = Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? "/bytes/5000" : `/${i}`));

    const bodies = await Promise.all(
      paths.map(async path => (await client.request({ path, method: "GET" })).body.text()),
    );
    await client.close();

    paths.forEach((path, i) => {
      if (path.startsWith("/bytes")) expect(bodies[i]).toHaveLength(5000);
      else expect(bodies[i].slice(1)).toBe(`: GET ${path}\n`);
    });
    expect(board.requests.slice(logged).map(({ values }) => values.path)).toEqual(paths);
    expect(connections()).toBe(1);
  });
});

describe("ws", () => {
  /** A client and the server's end of its connection. */
  async function open(): Promise<{ client: WebSocket; server: WebSocket; from: unknown }> {
    const connected = once(site.sockets, "connection");
    const client = new WebSocket(`${url.replace("http", "ws")}/site/echo`);
    await once(client, "open");
    const [server, request] = (await connected) as [WebSocket, http.IncomingMessage];
    return { client, server, from: request.headers["x-forwarded-for"] };
  }

  test("text and a megabyte of bytes pass both ways", async () => {
    const { client, from } = await open();
    expect(from).toBe("127.0.0.1");
    for (const data of [Buffer.from("hot"), LARGE.subarray(0, 1024 * 1024), Buffer.alloc(0)]) {
      client.send(data);
      const [echo] = await once(client, "message");
      expect(sha256(echo)).toBe(sha256(data));
    }
    client.send("potato END"); // a keyword means nothing here
    expect(String((await once(client, "message"))[0])).toBe("potato END");
    client.terminate();
  });

  test("pings and pongs pass both ways", async () => {
    const { client, server } = await open();
    client.ping("from the client");
    expect(String((await once(client, "pong"))[0])).toBe("from the client");
    server.ping("from the server");
    expect(String((await once(server, "pong"))[0])).toBe("from the server");
    client.terminate();
  });

  test("close codes and reasons pass, whichever side closes", async () => {
    const first = await open();
    first.client.close(4321, "enough");
    const [code, reason] = await once(first.server, "close");
    expect([code, String(reason)]).toEqual([4321, "enough"]);

    const second = await open();
    second.server.close(1001, "going");
    const [goingCode, going] = await once(second.client, "close");
    expect([goingCode, String(going)]).toEqual([1001, "going"]);
  });

  test("a server that dies ends the connection", async () => {
    const { client, server } = await open();
    client.on("error", () => {});
    server.terminate();
    expect((await once(client, "close"))[0]).toBe(1006); // no close frame came
  });
});

describe.skipIf(absence("chromium"))(`Chromium${absence("chromium")}`, () => {
  test("a page with 40 parts, an upload and a WebSocket", async () => {
    const browser = chromium(
      join(folder, "chromium"),
      `${url}/site/page`,
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    );
    stops.push(() => browser.kill() && browser);
    const report = await Promise.race([site.report, browser.then(({ all }) => all)]);
    browser.kill();
    await browser;

    expect(report).toEqual(PAGE_REPORT);
    const parts = site.paths.filter(path => path.startsWith("/part/"));
    expect(parts).toHaveLength(PARTS);
    expect(new Set(parts).size).toBe(PARTS);
    expect(board.requests.slice(logged).map(({ values }) => values.state)).not.toContain("SH");
  });
});
