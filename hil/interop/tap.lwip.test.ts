import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { WebSocket } from "ws";
import type { Behaviour } from "../../backends/src/behaviour.ts";
import { echoLines } from "../../backends/src/lines.ts";
import { patterned } from "../../backends/src/scripted.ts";
import { type Server, serve } from "../../backends/src/serve.ts";
import { buildTapBoard } from "../../emulator/lwip/board.ts";
import { cannotBuild } from "../../emulator/lwip/build.ts";
import { BOARD_ADDRESS, PEER_ADDRESS } from "../../emulator/lwip/engine-network.ts";
import type { NetworkNamespace } from "../../emulator/lwip/network-namespace.ts";
import { PATIENCE_MS } from "../kit/patience.ts";
import { makeTapNamespace, TapBoard } from "../kit/tap-board.ts";
import { missing } from "./reference-proxies.ts";
import { chromiumArguments, PAGE_REPORT, PARTS, Site, sha256 } from "./test-site.ts";

// Real programs and the kernel's TCP, through the firmware that ships, on the chip's engine and the chip's TCP stack with its
// tasks. Afterwards no session, socket or block of lwIP's memory is left, and no process in the network namespace.

const BOARD = `http://${BOARD_ADDRESS}`;

const LARGE = Buffer.from(patterned(8 * 1024 * 1024), "latin1");

/** Bytes of the body before the server resets: fewer than the board's window has, so that none of them waits to be sent. */
const BEFORE_RESET = 2000;

let namespace: NetworkNamespace;
let site: Site;
let servers: Server[];
let resetting: net.Server;
let folder: string;

/** Kept connections of the pool end with their backends. */
async function endBackends(): Promise<void> {
  await site.stop();
  await Promise.all(servers.map(server => server.stop()));
  resetting.close();
}

/** Raw TCP that begins with this word gets the digest of the stream when it has ended; any other is echoed by lines. */
const SUM = "sum\n";

const withSum: Behaviour = {
  talk(connection, first) {
    if (!first.toString("latin1").startsWith(SUM)) {
      echoLines(connection, first);
      return;
    }
    const hash = createHash("sha256").update(first);
    connection.receive = bytes => hash.update(bytes);
    connection.finish = () => connection.play([{ send: hash.digest("hex") }, { close: "end" }]);
  },
};

/** Backends a and b, the web site as c, and d, which resets: within answers to /length and /close, else before. */
async function startBackends(): Promise<object> {
  site = await Site.start(await namespace.listen());
  servers = [];
  for (const name of ["a", "b"])
    servers.push(await serve({ name, port: 0, behaviour: withSum, network: namespace }));
  resetting = net.createServer(socket => {
    socket.on("error", () => {}); // the board may reset first
    socket.once("data", request => {
      const [, end] = /^GET \/(length|close)/.exec(String(request)) ?? [];
      if (end === undefined) {
        socket.resetAndDestroy();
        return;
      }
      const length = end === "length" ? "Content-Length: 1000000\r\n" : "";
      const head = `HTTP/1.1 200 OK\r\n${length}Connection: close\r\n\r\n`;
      socket.write(head + "x".repeat(BEFORE_RESET), () => socket.resetAndDestroy());
    });
  });
  resetting.listen(await namespace.listen());
  await once(resetting, "listening");
  const ports = [...servers, site].map(({ port }) => port);
  ports.push((resetting.address() as net.AddressInfo).port);
  return {
    backends: ports.map(port => ({ address: PEER_ADDRESS, port })),
    routes: [
      { path: "/site", strip: true, backends: ["c"] },
      { path: "/resets", strip: true, backends: ["d"] },
      { path: "/fails", strip: true, backends: ["d", "b"] },
      { backends: ["a", "b"] },
    ],
    bodyBytesMax: LARGE.byteLength,
  };
}

function absence(...programs: string[]): string {
  const absent = missing(...programs);
  return absent.length > 0 ? ` (skipped: ${absent.join(" and ")} not installed)` : "";
}

/** Runs a program in the namespace to its end. */
async function run(program: string, args: readonly string[], input: Buffer | string = "") {
  const { exitCode, stdout, stderr } = await execa(...namespace.command(program, ...args), {
    reject: false,
    timeout: PATIENCE_MS,
    input,
    encoding: "buffer",
    stripFinalNewline: false,
  });
  return { exitCode, bytes: Buffer.from(stdout), stderr: Buffer.from(stderr).toString() };
}

/** CURLE_PARTIAL_FILE: the answer is shorter than it says. */
const CURL_PARTIAL_FILE = 18;
/** CURLE_RECV_ERROR: a reset. */
const CURL_RECEIVE_ERROR = 56;

const CURL = ["-q", "--silent", "--show-error", "--noproxy", "*"];

async function curl(...args: string[]) {
  const { bytes, ...rest } = await run("curl", [...CURL, ...args]);
  return { ...rest, bytes, text: bytes.toString("latin1") };
}

/** Puts a file to a path of the site that returns it. */
async function mirrored(...args: string[]): Promise<string> {
  const file = join(folder, "returned");
  const { exitCode, stderr } = await curl(...args, "--output", file, `${BOARD}/site/mirror`);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return sha256(readFileSync(file));
}

/** Clients that reset in the middle of an answer or of an upload, and backends that do; some at a time. */
async function reset(count: number): Promise<void> {
  const AT_ONCE = 8;
  let next = 0;
  const one = async (i: number) => {
    const socket = await namespace.connect(80, BOARD_ADDRESS);
    const closed = once(socket, "close");
    socket.on("error", () => {});
    const head = `HTTP/1.1\r\nHost: ${BOARD_ADDRESS}\r\n`;
    if (i % 3 === 0)
      socket.write(`POST /up ${head}Content-Length: 1000000\r\n\r\n${"x".repeat(20_000)}`);
    else socket.write(`GET ${i % 3 === 1 ? "/bytes/1000000" : "/resets/length"} ${head}\r\n`);
    if (i % 3 === 0) socket.write("more", () => socket.resetAndDestroy());
    else if (i % 3 === 1) {
      let received = 0;
      socket.on("data", bytes => {
        received += bytes.byteLength;
        if (received > 500 * (i % 20)) socket.resetAndDestroy();
      });
    } else socket.resume();
    await closed;
  };
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await one(next++);
    }),
  );
}

async function wrk(seconds: number): Promise<void> {
  const { bytes } = await run("wrk", [
    "-t1",
    "-c8",
    `-d${seconds}s`,
    "--timeout",
    "30s",
    `${BOARD}/`,
  ]);
  const text = bytes.toString();
  expect(text).toMatch(/ [1-9]\d* requests in /);
  expect(text).not.toMatch(/Socket errors|Non-2xx/);
}

let board: TapBoard;

/** A test that fails at once when the board dies. */
function testOnBoard(title: string, body: () => Promise<void>): void {
  test(title, () => Promise.race([body(), board.death]));
}

// Hooks of these tests build and start boards before the project's own hook can skip a test. With CI set they fail.
const cannotStart = inject("noTap") ?? (process.env.CI ? undefined : inject("noLwip"));

describe.skipIf(cannotStart)("on a TAP device", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hot-potato-tap-"));
    namespace = await makeTapNamespace();
  });

  afterAll(async () => {
    await namespace.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  function onBoard(sanitizers: "memory" | "threads"): void {
    beforeAll(async () => {
      const engine = await buildTapBoard(sanitizers, line => process.stderr.write(`${line}\n`));
      board = await TapBoard.start(engine, namespace, await startBackends());
    });
    afterAll(async () => {
      await endBackends();
      await board.rest();
      board.stop();
    });
  }

  describe("with AddressSanitizer", () => {
    onBoard("memory");

    describe.skipIf(absence("curl"))(`curl${absence("curl")}`, () => {
      testOnBoard("six requests on one connection take turns", async () => {
        const { text } = await curl(`${BOARD}/[1-6]`, "--write-out", "%{num_connects}");
        expect(text).toBe(
          "a: GET /1\n1b: GET /2\n0a: GET /3\n0b: GET /4\n0a: GET /5\n0b: GET /6\n0",
        );
      });

      testOnBoard("8 MiB go up and come down unchanged, by length", async () => {
        const file = join(folder, "large");
        writeFileSync(file, LARGE);
        expect(await mirrored("--upload-file", file)).toBe(sha256(LARGE));
      });

      testOnBoard("8 MiB go up and come down unchanged, in chunks", async () => {
        const file = join(folder, "large");
        writeFileSync(file, LARGE);
        expect(
          await mirrored(
            "--request",
            "POST",
            "--header",
            "Transfer-Encoding: chunked",
            "--data-binary",
            `@${file}`,
          ),
        ).toBe(sha256(LARGE));
      });

      for (const end of ["length", "close"]) {
        testOnBoard(`an answer that ends by its ${end} is cut by a reset, visibly`, async () => {
          const { exitCode, text } = await curl(`${BOARD}/resets/${end}`);
          expect(text).toBe("x".repeat(BEFORE_RESET));
          expect(exitCode).toBe(CURL_PARTIAL_FILE); // the board frames an answer without length in chunks
        });
      }

      testOnBoard(
        "a client of HTTP/1.0 gets the reset itself, behind what came before",
        async () => {
          const { exitCode, text } = await curl("--http1.0", `${BOARD}/resets/close`);
          expect(text).toBe("x".repeat(BEFORE_RESET));
          expect(exitCode).toBe(CURL_RECEIVE_ERROR);
        },
      );

      testOnBoard("a GET whose backend resets before its answer goes to the next one", async () => {
        const { text } = await curl(`${BOARD}/fails/[1-4]`);
        expect(text).toBe("b: GET /1\nb: GET /2\nb: GET /3\nb: GET /4\n");
      });
    });

    describe.skipIf(absence("nc"))(`nc -N${absence("nc")}`, () => {
      testOnBoard("a client that half-closes gets the whole answer, and the end", async () => {
        const lines = Array.from({ length: 20_000 }, (_, i) => `potato ${i}\n`);
        const { exitCode, bytes } = await run("nc", ["-N", BOARD_ADDRESS, "80"], lines.join(""));
        expect(exitCode).toBe(0);
        const [name] = bytes.toString("latin1", 0, 1);
        expect(sha256(bytes)).toBe(
          sha256(Buffer.from(lines.map(line => `${name}: ${line}`).join(""))),
        );
      });

      testOnBoard(
        "a server that answers when the client has ended gets every byte before",
        async () => {
          const upload = Buffer.concat([Buffer.from(SUM), LARGE.subarray(0, 1_000_000)]);
          const { exitCode, bytes } = await run("nc", ["-N", BOARD_ADDRESS, "80"], upload);
          expect(exitCode).toBe(0);
          expect(bytes.toString()).toBe(sha256(upload));
        },
      );
    });

    describe("ws", () => {
      async function open(): Promise<{ client: WebSocket; server: WebSocket }> {
        const socket = await namespace.connect(80, BOARD_ADDRESS);
        const connected = once(site.sockets, "connection");
        const client = new WebSocket(`ws://${BOARD_ADDRESS}/site/echo`, {
          createConnection: () => socket,
        });
        await once(client, "open");
        const [server] = (await connected) as [WebSocket];
        return { client, server };
      }

      testOnBoard(
        "text, with a keyword in it, and a megabyte of bytes pass both ways; so does the close",
        async () => {
          const { client, server } = await open();
          const megabyte = LARGE.subarray(0, 1024 * 1024);
          for (const data of ["hot END potato", megabyte]) {
            client.send(data);
            const [echo, isBinary] = await once(client, "message");
            expect(sha256(echo)).toBe(sha256(Buffer.from(data)));
            expect(isBinary).toBe(data === megabyte);
          }
          client.ping("from the client");
          expect(String((await once(client, "pong"))[0])).toBe("from the client");
          const closed = once(client, "close");
          client.close(4321, "enough");
          const [code, reason] = await once(server, "close");
          expect([code, String(reason)]).toEqual([4321, "enough"]);
          await closed;
        },
      );
    });

    describe.skipIf(absence("chromium"))(`Chromium${absence("chromium")}`, () => {
      testOnBoard("a page of forty parts, with an upload and a WebSocket", async () => {
        const browser = execa(
          ...namespace.command(
            "chromium",
            ...chromiumArguments(join(folder, "chromium"), `${BOARD}/site/page`),
          ),
          { reject: false, timeout: PATIENCE_MS, all: true },
        );
        const report = await Promise.race([site.report, browser.then(({ all }) => all)]);
        browser.kill();
        await browser;
        expect(report).toEqual(PAGE_REPORT);
        const parts = site.paths.filter(path => path.startsWith("/part/"));
        expect(new Set(parts).size).toBe(PARTS);
      });
    });
  });

  const noThreads = cannotBuild("threads");

  describe.skipIf(noThreads !== undefined && !process.env.CI)("with ThreadSanitizer", () => {
    onBoard("threads");

    describe.skipIf(absence("curl"))(`curl${absence("curl")}`, () => {
      testOnBoard("a megabyte goes up and comes down unchanged", async () => {
        const file = join(folder, "megabyte");
        writeFileSync(file, LARGE.subarray(0, 1024 * 1024));
        expect(await mirrored("--upload-file", file)).toBe(sha256(readFileSync(file)));
      });
    });

    describe.skipIf(absence("wrk"))(`wrk${absence("wrk")}`, () => {
      testOnBoard("eight connections for three seconds, without an error", () => wrk(3));
    });

    testOnBoard(
      "200 resets in the middle of transfers, then the board serves as before",
      async () => {
        await reset(200);
        const socket = await namespace.connect(80, BOARD_ADDRESS);
        socket.write("GET /bytes/5 HTTP/1.0\r\n\r\n");
        expect(String((await socket.toArray()).join(""))).toMatch(
          /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n01234$/,
        );
      },
    );
  });

  test("afterwards the network namespace is gone: no process is in it", async () => {
    const own = readlinkSync(namespace.file);
    await namespace.close();
    await expect.poll(() => processesIn(own)).toEqual([]);
  });
});

/** Processes that are in a network namespace. */
function processesIn(namespace: string): string[] {
  return readdirSync("/proc").filter(name => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readlinkSync(`/proc/${name}/ns/net`) === namespace;
    } catch {
      return false; // it has ended
    }
  });
}
