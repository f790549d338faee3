import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Running, startSystemServer } from "../../emulator/proxy/bench/system-server.ts";
import { configurationOf } from "../../emulator/proxy/firmware-board.ts";
import { type ReservedPort, reservePort } from "../../emulator/src/reserved-port.ts";
import { readConfig } from "../../firmware/src/config/config.ts";
import { type Engine, exportDocument } from "../../firmware/tools/export/engines.ts";
import type { AutoMode } from "../../firmware/tools/export/nginx.ts";
import fc from "../kit/properties.ts";
import { documents } from "../kit/random-documents.ts";
import { missing, temporary } from "./reference-proxies.ts";

/** Documents for which each engine is asked whether it accepts what is exported. */
const DOCUMENTS = 500;

/** How many of them hold as many special characters as they may. */
const HOSTILE = 150;

/** Characters that mean something to the engines' parsers, in every text that may hold them. */
const hostile = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(..."aZ9._~!$&'()*+,=:@-"), minLength: 1, maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(..."a\"'\\#;{}$%()[]|&<>^`~!"),
      minLength: 1,
      maxLength: 20,
    }),
    fc.string({
      unit: fc.constantFrom(..."a \"'\\#;{}$%()[]|&<>^`~!"),
      minLength: 1,
      maxLength: 20,
    }),
  )
  .map(([path, target, body]) => ({
    listeners: [{ port: 80 }],
    backends: [
      { address: "192.0.2.1", port: 1, health: { check: "http", path: `/${target}`, body } },
      { address: "192.0.2.2", port: 2 },
    ],
    routes: [{ path: `/${path}`, strip: true, backends: ["a"] }, { path: `/x/${path}` }],
    inspect: [{ keyword: body }],
  }));

const CHECKS = {
  haproxy: (file: string) => execFileSync("haproxy", ["-c", "-q", "-f", file], { stdio: "pipe" }),
  nginx: (file: string, folder: string) =>
    execFileSync("nginx", ["-t", "-q", "-c", file, "-p", folder, "-e", "stderr"], {
      stdio: "pipe",
    }),
};

const MODULES = "/usr/lib/nginx/modules/";

/** The text with what a test needs beside it: nginx writes to the folder, and stays in the foreground. */
function runnable(engine: Engine, text: string, folder: string): string {
  if (engine === "haproxy") return text;
  const placed = text
    .replace("load_module modules/", `load_module ${MODULES}`)
    .replace("\nhttp {", `\nhttp {\n${temporary(folder)}`)
    .replaceAll("/dev/stdout", "/dev/null");
  return `daemon off;\nmaster_process off;\npid ${folder}/pid;\n${placed}`;
}

/** An engine may reset its connections to servers when it ends. */
const ignored = () => {};

/** A server that answers with its name, the target and the fields that it got. */
async function startServer(name: string): Promise<{ port: number; stop(): void }> {
  const server = http.createServer((request, response) => {
    const { url, headers } = request;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ name, url, headers }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The request as the server got it; absent where the engine itself has answered. */
  readonly got?: { name: string; url: string; headers: Record<string, string> };
}

function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: "127.0.0.1", port, path, headers, agent: false }, response => {
      const pieces: Buffer[] = [];
      response.on("data", piece => pieces.push(piece));
      response.on("end", () => {
        const text = Buffer.concat(pieces).toString();
        const isOurs = response.headers["content-type"] === "application/json";
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          ...(isOurs ? { got: JSON.parse(text) } : {}),
        });
      });
    });
    request.on("error", reject);
  });
}

for (const engine of ["haproxy", "nginx"] as const) {
  const absent = missing(engine);
  describe.skipIf(absent.length > 0)(`a configuration that is exported to ${engine}`, () => {
    const stops: (() => unknown)[] = [];
    afterAll(async () => {
      for (const stop of stops.reverse()) await stop();
    });

    async function run(
      document: (port: number) => object,
      auto: AutoMode = "http",
    ): Promise<number> {
      const running: Running = await startSystemServer(engine, (port, folder) => {
        const configuration = configurationOf({ adminPort: 0, ...document(port) });
        return runnable(engine, exportDocument(engine, configuration, auto).text, folder);
      });
      stops.push(() => running.stop());
      return running.port;
    }

    async function server(name: string): Promise<{ name: string; address: string; port: number }> {
      const { port, stop } = await startServer(name);
      stops.push(stop);
      return { name, address: "127.0.0.1", port };
    }

    /** A backend that refuses connections. */
    async function refusing(
      name: string,
    ): Promise<{ name: string; address: string; port: number }> {
      const reserved: ReservedPort = await reservePort();
      stops.push(() => reserved.release());
      return { name, address: "127.0.0.1", port: reserved.port };
    }

    test(`is accepted, for ${DOCUMENTS} random documents`, { timeout: 240_000 }, () => {
      const folder = mkdtempSync(join(tmpdir(), "hot-potato-export-"));
      try {
        const file = join(folder, "config");
        let count = 0;
        const some = fc.sample(documents, { numRuns: 8 * DOCUMENTS });
        for (const document of [...fc.sample(hostile, { numRuns: HOSTILE }), ...some]) {
          const outcome = readConfig(document);
          if ("complaints" in outcome) continue;
          const auto = count % 2 === 0 ? "http" : "tcp";
          const { text } = exportDocument(engine, outcome, auto);
          writeFileSync(file, runnable(engine, text, folder));
          try {
            CHECKS[engine](file, folder);
          } catch (error) {
            const { stderr } = error as { stderr: Buffer };
            throw new Error(`${stderr}\n${JSON.stringify(document)}\n${text}`);
          }
          if (++count === DOCUMENTS) break;
        }
        expect(count).toBe(DOCUMENTS);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    test("gives requests to the servers in turn", async () => {
      const backends = [await server("a"), await server("b"), await server("c")];
      const port = await run(port => ({ listeners: [{ port, mode: "http" }], backends }));
      const names: (string | undefined)[] = [];
      for (let count = 0; count < 9; count++) names.push((await ask(port, "/")).got?.name);
      expect(names.sort()).toEqual(["a", "a", "a", "b", "b", "b", "c", "c", "c"]);
    });

    test("asks another server where one refuses the connection, and 503 or 502 where all do", async () => {
      const [dead, alive] = [await refusing("dead"), await server("alive")];
      const health = { check: "none" };
      const port = await run(port => ({
        ...{ listeners: [{ port, mode: "http" }], health },
        backends: [dead, alive],
        routes: [{ path: "/dead", backends: ["dead"] }, {}],
      }));
      for (let count = 0; count < 6; count++) {
        expect((await ask(port, "/")).got?.name).toBe("alive");
      }
      expect([502, 503, 504]).toContain((await ask(port, "/dead")).status);
    });

    test("does not send a POST to a second server when the first has closed without an answer", async () => {
      let closed = 0;
      const closing = net.createServer(socket =>
        socket.on("error", ignored).once("data", () => {
          closed++;
          socket.destroy();
        }),
      );
      closing.listen(0, "127.0.0.1");
      await once(closing, "listening");
      stops.push(() => closing.close());
      const rude = {
        name: "rude",
        address: "127.0.0.1",
        port: (closing.address() as net.AddressInfo).port,
      };
      const kind = await server("kind");
      const port = await run(port => ({
        ...{ listeners: [{ port, mode: "http" }], health: { check: "none" } },
        backends: [rude, kind],
      }));
      let served = 0;
      for (let count = 0; count < 4; count++) {
        const options = { method: "POST", body: "x" };
        const post = fetch(`http://127.0.0.1:${port}/`, options);
        if (
          (await post.then(
            ({ status }) => status,
            () => "closed",
          )) === 200
        )
          served++;
      }
      expect(closed).toBeGreaterThan(0);
      expect(closed + served).toBe(4);
    });

    test("uses a backup only while no other server is there", async () => {
      const [dead, spare, alive] = [
        await refusing("dead"),
        await server("spare"),
        await server("alive"),
      ];
      const port = await run(port => ({
        listeners: [{ port, mode: "http" }],
        backends: [alive, dead, { ...spare, backup: true }],
        routes: [{ path: "/dead", backends: ["dead", "spare"] }, { backends: ["alive", "spare"] }],
      }));
      for (let count = 0; count < 4; count++) {
        expect((await ask(port, "/")).got?.name).toBe("alive");
        expect((await ask(port, "/dead")).got?.name).toBe("spare");
      }
    });

    test("routes by the best host, then by the longest path", async () => {
      const names = ["any", "wild", "exact", "api", "deep", "odd"];
      const backends = await Promise.all(names.map(server));
      const odd = "/it's;$(x)".replace(";", "+");
      const port = await run(port => ({
        listeners: [{ port, mode: "http" }],
        backends,
        routes: [
          { backends: ["any"] },
          { path: "/api/deep", backends: ["deep"] },
          { host: "*.home", backends: ["wild"] },
          { host: "exact.home", path: "/api", backends: ["api"] },
          { host: "EXACT.home", path: "/x/", backends: ["exact"] },
          { path: odd, backends: ["odd"] },
        ],
      }));
      const by = async (path: string, host = "other.example") =>
        (await ask(port, path, { host })).got?.name;
      expect(await by("/")).toBe("any");
      expect(await by("/api/deep/er")).toBe("deep");
      expect(await by("/api/deeper")).toBe("any");
      expect(await by("/api/deep/er", "a.b.home")).toBe("wild");
      expect(await by("/x", "Exact.Home:80")).toBe("exact");
      expect(await by("/api/deep", "exact.home")).toBe("api");
      expect(await by("/", "exact.home")).toBe("wild");
      expect(await by(`${odd}/y`)).toBe("odd");
      expect(await by("/it")).toBe("any");
      expect(await by("/a/../api/deep/x")).toBe("deep");
    });

    test("strips the path of a route, and answers 404 where there is none", async () => {
      const backends = [await server("a")];
      const port = await run(port => ({
        listeners: [{ port, mode: "http" }],
        backends,
        routes: [{ path: "/a.b", strip: true, backends: ["a"] }],
      }));
      expect((await ask(port, "/a.b/c?d=/a.b/")).got?.url).toBe("/c?d=/a.b/");
      expect((await ask(port, "/a.b")).got?.url).toBe("/");
      expect((await ask(port, "/axb/c")).status).toBe(404);
      expect((await ask(port, "/a.bc")).status).toBe(404);
    });

    test("redirects to HTTPS with host, path and query, and without the port", async () => {
      const backends = [await server("a")];
      const port = await run(port => ({
        listeners: [{ port, mode: "http" }],
        backends,
        routes: [{ host: "x.home", redirect: 308 }, {}],
      }));
      const { status, headers } = await ask(port, "/y/z?q=1", { host: `x.home:${port}` });
      expect([status, headers.location]).toEqual([308, "https://x.home/y/z?q=1"]);
      expect((await ask(port, "/y", { host: "y.home" })).got?.name).toBe("a");
    });

    test("tells servers who the client is, and passes no claim of a client on", async () => {
      const backends = [await server("a")];
      const port = await run(port => ({ listeners: [{ port, mode: "http" }], backends }));
      const { got } = await ask(port, "/", {
        ...{ host: "x.home", "x-forwarded-for": "6.6.6.6", "x-real-ip": "6.6.6.6" },
        ...{ forwarded: "for=6.6.6.6", "x-forwarded-prefix": "/evil", "remote-user": "root" },
        "x-forwarded-proto": "https",
      });
      expect(got?.headers).toMatchObject({
        host: "x.home",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "x.home",
        "x-request-id": expect.stringMatching(/./),
      });
      expect(JSON.stringify(got)).not.toMatch(/6\.6\.6\.6|evil|root/);
    });

    test("keeps what a trusted proxy says of the client", async () => {
      const backends = [await server("a")];
      const port = await run(port => ({
        listeners: [{ port, mode: "http" }],
        backends,
        trustedProxies: ["127.0.0.0/8"],
      }));
      const fields = { "x-forwarded-for": "10.1.1.1", "x-forwarded-proto": "https" };
      expect((await ask(port, "/", fields)).got?.headers).toMatchObject({
        "x-forwarded-for": "10.1.1.1, 127.0.0.1",
        "x-forwarded-proto": "https",
      });
    });

    test("refuses a longer body", async () => {
      const backends = [await server("a")];
      const port = await run(port => ({
        listeners: [{ port, mode: "http" }],
        backends,
        bodyBytesMax: 100,
      }));
      const post = await fetch(`http://127.0.0.1:${port}/`, {
        method: "POST",
        body: "x".repeat(101),
      });
      expect(post.status).toBe(413);
      const fits = await fetch(`http://127.0.0.1:${port}/`, {
        method: "POST",
        body: "x".repeat(100),
      });
      expect(fits.status).toBe(200);
    });

    test("passes raw TCP on, both ways", async () => {
      const echo = net.createServer({ allowHalfOpen: true }, socket =>
        socket.on("error", ignored).pipe(socket),
      );
      echo.listen(0, "127.0.0.1");
      await once(echo, "listening");
      stops.push(() => echo.close());
      const { port: echoed } = echo.address() as net.AddressInfo;
      const port = await run(port => ({
        listeners: [{ port, mode: "tcp" }],
        backends: [{ address: "127.0.0.1", port: echoed }],
      }));
      const socket = net.connect(port, "127.0.0.1");
      socket.end("hello, END");
      const pieces: Buffer[] = [];
      for await (const piece of socket) pieces.push(piece);
      expect(Buffer.concat(pieces).toString()).toBe("hello, END");
    });

    test.runIf(engine === "haproxy")("serves HTTP and raw TCP on a port in mode auto", async () => {
      const echo = net.createServer(socket =>
        socket.on("error", ignored).on("data", bytes => {
          const text = String(bytes);
          socket.end(
            text.startsWith("GET")
              ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhttp"
              : `raw ${text}`,
          );
        }),
      );
      echo.listen(0, "127.0.0.1");
      await once(echo, "listening");
      stops.push(() => echo.close());
      const { port: echoed } = echo.address() as net.AddressInfo;
      const port = await run(port => ({
        listeners: [{ port }],
        backends: [{ address: "127.0.0.1", port: echoed }],
      }));
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("http");
      const socket = net.connect(port, "127.0.0.1");
      socket.write("EHLO potato\r\n");
      const pieces: Buffer[] = [];
      for await (const piece of socket) pieces.push(piece);
      expect(Buffer.concat(pieces).toString()).toBe("raw EHLO potato\r\n");
    });
  });
}
