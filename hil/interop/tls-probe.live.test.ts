import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ended, startSystemServer } from "../../emulator/proxy/bench/system-server.ts";
import { reservePort } from "../../emulator/src/reserved-port.ts";
import { clientHello, readServerHello } from "../../firmware/src/net/tls-probe.ts";
import { missing } from "./reference-proxies.ts";

// The hello of a health check, answered by real servers.

const HOST = "127.0.0.1";

/** The answer of the server at the port to a hello of ours, read byte by byte. */
async function answerOf(port: number, serverName: string | undefined) {
  const socket = net.connect(port, HOST);
  let bytes = Buffer.alloc(0);
  try {
    socket.write(clientHello(serverName));
    for await (const piece of socket) {
      for (const byte of piece) {
        bytes = Buffer.concat([bytes, Buffer.of(byte)]);
        const answer = readServerHello(bytes);
        if (answer !== "more") return answer;
      }
    }
    return `closed after ${bytes.length} bytes`;
  } finally {
    socket.destroy();
  }
}

const absent = missing("openssl", "nginx");

describe.skipIf(absent.length > 0)("a server answers our hello", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-tls-"));
  const file = (name: string) => path.join(folder, name);
  const stops: (() => unknown)[] = [];

  beforeAll(() => {
    for (const [kind, algorithm] of [
      ["rsa", ["rsa:2048"]],
      ["ec", ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]],
    ] as const) {
      const key = ["-nodes", "-keyout", file(`${kind}.key`), "-out", file(`${kind}.crt`)];
      execFileSync("openssl", ["req", "-x509", "-newkey", ...algorithm, ...key, "-subj", "/CN=a"], {
        stdio: "ignore",
      });
    }
  });
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
    rmSync(folder, { recursive: true });
  });

  async function startOpenSsl(...options: string[]): Promise<number> {
    const { port, release } = await reservePort();
    const child = spawn(
      "openssl",
      [
        "s_server",
        "-accept",
        `${HOST}:${port}`,
        "-quiet",
        "-cert",
        file("rsa.crt"),
        "-key",
        file("rsa.key"),
        ...options,
      ],
      { stdio: ["pipe", "ignore", "ignore"] },
    );
    stops.push(async () => {
      await ended(child);
      release();
    });
    for (;;) {
      const socket = net.connect(port, HOST);
      const isOpen = await new Promise(resolve => {
        socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      });
      socket.destroy();
      if (isOpen) return port;
      if (child.exitCode !== null) throw new Error("openssl s_server has ended");
    }
  }

  test.each([
    ["of any version", []],
    ["of TLS 1.3 alone", ["-tls1_3"]],
    ["of TLS 1.2 alone", ["-tls1_2"]],
    ["of TLS 1.1 alone", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]],
    ["of TLS 1.0 alone", ["-tls1", "-cipher", "ALL:@SECLEVEL=0"]],
    ["that asks for another group", ["-tls1_3", "-groups", "P-256"]],
    ["with an ECDSA certificate", "ec"],
    ["with RSA and without ECDHE", ["-tls1_2", "-cipher", "AES128-SHA"]],
    ["of certificates by name", ["-servername", "a.home", "-cert2", "rsa.crt", "-key2", "rsa.key"]],
  ] as const)("openssl s_server %s", async (_, kind) => {
    const options =
      kind === "ec"
        ? ["-cert", file("ec.crt"), "-key", file("ec.key")]
        : kind.map(option => (option.startsWith("rsa.") ? file(option) : option));
    const port = await startOpenSsl(...options);
    expect(await answerOf(port, "a.home")).toBe("server-hello");
    expect(await answerOf(port, undefined)).toBe("server-hello");
  });

  test("a name that s_server does not know is refused with an alert", async () => {
    const port = await startOpenSsl(
      ...[
        "-servername",
        "a.home",
        "-servername_fatal",
        "-cert2",
        file("rsa.crt"),
        "-key2",
        file("rsa.key"),
      ],
    );
    expect(await answerOf(port, "a.home")).toBe("server-hello");
    expect(await answerOf(port, "b.home")).toEqual({ alert: 112 }); // unrecognized_name
  });

  test("Node, with protocols of which we offer none", async () => {
    const server = tls.createServer({
      cert: readFileSync(file("ec.crt")),
      key: readFileSync(file("ec.key")),
      ALPNProtocols: ["h2"],
    });
    server.on("tlsClientError", () => {}); // of each check: it closes in the middle of the handshake
    server.listen(0, HOST);
    await once(server, "listening");
    stops.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    expect(await answerOf(port, "a.home")).toBe("server-hello");
  });

  test("nginx, by name; where it rejects the handshake, an alert", async () => {
    const nginx = await startSystemServer(
      "nginx",
      (port, home) => `
daemon off;
master_process off;
pid ${home}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(kind => `${kind}_temp_path ${home}/${kind};`).join("\n  ")}
  ssl_certificate ${file("rsa.crt")};
  ssl_certificate_key ${file("rsa.key")};
  server { listen ${HOST}:${port} ssl default_server; ssl_reject_handshake on; }
  server { listen ${HOST}:${port} ssl http2; server_name a.home; }
}
`,
    );
    stops.push(() => nginx.stop());
    expect(await answerOf(nginx.port, "a.home")).toBe("server-hello");
    expect(await answerOf(nginx.port, undefined)).toEqual({ alert: 112 });
  });

  test("a server that speaks HTTP is no TLS server", async () => {
    const server = net.createServer(socket => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    server.listen(0, HOST);
    await once(server, "listening");
    stops.push(() => server.close());
    expect(await answerOf((server.address() as net.AddressInfo).port, "a.home")).toBe("not-tls");
  });
});
