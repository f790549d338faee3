import { once } from "node:events";
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { execa } from "execa";
import { seeded } from "net-mock-socket";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startSystemServer } from "../../emulator/proxy/bench/system-server.ts";
import { type LiveBoard, startBoard } from "../kit/live-board.ts";
import { missing } from "./reference-proxies.ts";
import { chromium, type Digest, PAGE_REPORT, PARTS, Site, sha256 } from "./test-site.ts";

// Two real TLS servers with certificates of their own behind one port of the board, by name: two nginx with HTTP/2. The
// port also serves HTTP and raw TCP. The certificates are made for each run.

const NAMES = ["one.test", "two.test"] as const;

/** Bytes of the large file. */
const LARGE_BYTES = 64 * 1024 * 1024;

/** Connections that are made in turn. */
const TURNS = 200;

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

let folder: string;
let board: LiveBoard;
let site: Site;
/** Certificates of both, which clients trust. */
let trusted: string;
let large: string;
let largeDigest: string;

function absence(...programs: string[]): string {
  const none = missing(...programs);
  return none.length > 0 ? ` (skipped: ${none.join()} is not installed)` : "";
}

const SERVERS = absence("nginx", "openssl");

describe.skipIf(SERVERS)(`TLS by server name${SERVERS}`, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hot-potato-tls-"));
    stops.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
    large = join(folder, "large");
    const random = seeded(1);
    const words = new Uint32Array(LARGE_BYTES / 4).map(() => random() * 2 ** 32);
    writeFileSync(large, words);
    largeDigest = sha256(Buffer.from(words.buffer));
    site = await Site.start();
    stops.push(() => site.stop());
    const ports: number[] = [];
    for (const name of NAMES) {
      await certify(name);
      const server = await startSystemServer("nginx", (port, own) => nginx(name, port, own));
      stops.push(() => server.stop());
      ports.push(server.port);
    }
    trusted = join(folder, "trusted.pem");
    writeFileSync(trusted, NAMES.map(name => readFileSync(pem(name), "utf8")).join(""));
    const echo = net.createServer(socket => socket.pipe(socket));
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    stops.push(() => echo.close());
    board = await startBoard([...ports, site.port, (echo.address() as net.AddressInfo).port], {
      routes: [
        { sni: ["one.test"], backends: ["a"] },
        { sni: ["two.test", "*.two.test"], backends: ["b"] },
        { host: "site.test", backends: ["c"] },
        { host: "old.test", redirect: 308 },
        { backends: ["d"] },
      ],
      inspect: [{ keyword: "END", from: "both", in: "any" }],
    });
    stops.push(() => board.stop());
  });

  afterEach(async () => {
    expect(board.faults).toEqual([]);
    await expect.poll(() => board.app.proxy.sessions).toBe(0);
  });

  const pem = (name: string, kind = "cert") => join(folder, `${name}.${kind}`);

  async function certify(name: string): Promise<void> {
    await execa("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...[
        "-days",
        "2",
        "-subj",
        `/CN=${name}`,
        "-addext",
        `subjectAltName=DNS:${name},DNS:*.${name}`,
      ],
      ...["-keyout", pem(name, "key"), "-out", pem(name)],
    ]);
  }

  const nginx = (name: string, port: number, own: string) => `
daemon off;
master_process off;
pid ${own}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(kind => `${kind}_temp_path ${own}/${kind};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${pem(name)};
    ssl_certificate_key ${pem(name, "key")};
    client_max_body_size 0;
    location = /name { return 200 "${name} over $server_protocol"; }
    location = /large { root ${folder}; }
    location / {
      proxy_pass http://127.0.0.1:${site.port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
    }
  }
}
`;

  /** The log lines of TLS connections, once there are `count` more than `before`. */
  async function logged(before: number, count: number) {
    const lines = () => board.lines.filter(line => line.includes("protocol=tls")).slice(before);
    await expect.poll(() => lines().length).toBe(count);
    return lines();
  }

  const lineCount = () => board.lines.filter(line => line.includes("protocol=tls")).length;

  const CURL = absence("curl");
  describe.skipIf(CURL)(`curl${CURL}`, () => {
    async function curl(name: string, path: string, ...options: string[]): Promise<string> {
      const { stdout, stderr } = await execa(
        "curl",
        [
          ...["-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "60"],
          ...["--cacert", trusted, "--resolve", `${name}:${board.port}:127.0.0.1`],
          ...options,
          `https://${name}:${board.port}${path}`,
        ],
        { reject: false },
      );
      return stdout + stderr;
    }

    test.each([
      ["one.test", "--http2", "one.test over HTTP/2.0"],
      ["two.test", "--http2", "two.test over HTTP/2.0"],
      ["two.test", "--http1.1", "two.test over HTTP/1.1"],
      ["deep.two.test", "--tlsv1.3", "two.test over HTTP/2.0"],
      ["one.test", "--tls-max", "one.test over HTTP/1.1", "1.2", "--http1.1"],
    ])("%s with %s: %s, with that server's certificate", async (name, option, answer, ...more) => {
      const before = lineCount();
      expect(await curl(name, "/name", option, ...more)).toBe(answer);
      const [line] = await logged(before, 1);
      expect(line).toContain(` sni=${name} `);
      expect(line).toMatch(answer.endsWith("2.0") ? / alpn=h2,http\/1.1 / : / alpn=http\/1.1 /);
    });

    test("a name without a route is closed without an answer", async () => {
      expect(await curl("three.test", "/name")).toMatch(/^curl: \(35\)/);
    });

    test("64 MiB from the server are the same", async () => {
      const got = join(folder, "got");
      await curl("one.test", "/large", "--http2", "--output", got);
      expect(sha256(readFileSync(got))).toBe(largeDigest);
    });

    test("64 MiB to the server are the same, whatever they spell", async () => {
      const told = await curl("two.test", "/digest", "--http2", "--upload-file", large);
      expect(JSON.parse(told) as Digest).toMatchObject({
        bytes: LARGE_BYTES,
        sha256: largeDigest,
      });
    });

    test("HTTP on the same port, and a redirect to HTTPS", async () => {
      const plain = `http://127.0.0.1:${board.port}`;
      const ask = (host: string, path: string, ...options: string[]) =>
        execa("curl", [
          "-q",
          "--silent",
          "--noproxy",
          "*",
          "--header",
          `Host: ${host}`,
          ...options,
          plain + path,
        ]);
      expect(JSON.parse((await ask("site.test", "/digest", "--data", "x")).stdout)).toMatchObject({
        bytes: 1,
      });
      const format = "%{http_code} %{redirect_url}";
      const { stdout } = await ask(
        "old.test",
        "/a?b=c",
        "--write-out",
        format,
        "--output",
        "/dev/null",
      );
      expect(stdout).toBe("308 https://old.test/a?b=c");
    });
  });

  test.each([
    ["one.test", "-tls1_3", "h2"],
    ["two.test", "-tls1_2", "http/1.1"],
  ])("openssl s_client: %s with %s", async (name, version, protocol) => {
    const { stdout } = await execa(
      "openssl",
      [
        ...["s_client", "-connect", `127.0.0.1:${board.port}`, "-servername", name, version],
        ...["-alpn", protocol, "-CAfile", trusted, "-verify_return_error"],
      ],
      { input: "Q\n" },
    );
    expect(stdout).toContain(`subject=CN = ${name}\n`);
    expect(stdout).toContain(`ALPN protocol: ${protocol}\n`);
    expect(stdout).toContain("Verify return code: 0 (ok)\n");
  });

  test(`Node: ${TURNS} connections in turn, each to the server of its name`, async () => {
    const ca = readFileSync(trusted);
    const before = lineCount();
    for (let i = 0; i < TURNS; i++) {
      const servername = NAMES[i % 2];
      const socket = tls.connect({ host: "127.0.0.1", port: board.port, servername, ca });
      await once(socket, "secureConnect");
      expect(socket.getPeerCertificate().subject.CN).toBe(servername);
      socket.end();
      await once(socket, "close");
    }
    const lines = await logged(before, TURNS);
    expect(lines.filter(line => line.includes(" backend=a ")).length).toBe(TURNS / 2);
    expect(board.app.proxy.pool.connections).toBe(0);
  });

  test("Node: HTTP/2 requests side by side on one connection, 64 MiB up and down at once", async () => {
    const before = lineCount();
    const client = http2.connect(`https://two.test:${board.port}`, {
      ca: readFileSync(trusted),
      createConnection: () =>
        tls.connect({
          host: "127.0.0.1",
          port: board.port,
          servername: "two.test",
          ca: readFileSync(trusted),
          ALPNProtocols: ["h2"],
        }),
    });
    const up = client.request({ ":method": "POST", ":path": "/digest" });
    createReadStream(large).pipe(up);
    const down = client.request({ ":path": "/large" });
    const [told, got] = await Promise.all([
      up.toArray().then(pieces => JSON.parse(Buffer.concat(pieces).toString()) as Digest),
      down.toArray().then(pieces => sha256(Buffer.concat(pieces))),
    ]);
    client.close();
    expect([told.sha256, got]).toEqual([largeDigest, largeDigest]);
    const [line] = await logged(before, 1);
    expect(line).toContain(" alpn=h2 ");
  });

  test("raw TCP on the same port", async () => {
    const socket = net.connect(board.port, "127.0.0.1");
    socket.write("hello");
    const [echo] = await once(socket, "data");
    expect(String(echo)).toBe("hello");
    socket.destroy();
  });

  const CHROMIUM = absence("chromium");
  test.skipIf(CHROMIUM)(
    `Chromium: a page of 40 parts, an upload and a WebSocket, over HTTP/2${CHROMIUM}`,
    async () => {
      const before = lineCount();
      const browser = chromium(
        join(folder, "chromium"),
        "https://one.test/page",
        "--ignore-certificate-errors", // it has no option for a certificate to trust
        `--host-resolver-rules=MAP one.test 127.0.0.1:${board.port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
      );
      const report = await Promise.race([site.report, browser.then(({ all }) => all)]);
      browser.kill();
      await browser;
      expect(report).toEqual(PAGE_REPORT);
      expect(site.paths.filter(path => path.startsWith("/part/"))).toHaveLength(PARTS);
      // One connection for the page, one for the WebSocket, and perhaps one that was opened ahead.
      await expect.poll(() => board.app.proxy.sessions).toBe(0);
      const lines = board.lines.filter(line => line.includes("protocol=tls")).slice(before);
      expect(lines.length).toBeLessThanOrEqual(4);
      expect(lines.some(line => line.includes(" sni=one.test alpn=h2,http/1.1 "))).toBe(true);
    },
  );
});
