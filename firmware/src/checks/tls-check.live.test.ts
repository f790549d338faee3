import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reservePort } from "../../../emulator/src/reserved-port.ts";
import { startBoard } from "../../../hil/kit/live-board.ts";

const isAbsent = spawnSync("openssl", ["version"]).error !== undefined;

/** A folder with a key and a certificate for `nas.home`. */
let folder = "";
const file = (name: string) => join(folder, name);

beforeAll(() => {
  if (isAbsent) return;
  folder = mkdtempSync(join(tmpdir(), "tls-check-"));
  execFileSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-subj", "/CN=nas.home", "-days", "1", "-keyout", file("key"), "-out", file("cert")],
  ]);
});

afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

/** `openssl s_server` with these options; listens when it is returned. */
async function sServer(...options: string[]) {
  const reserved = await reservePort();
  const child = spawn("openssl", [
    ...["s_server", "-accept", `127.0.0.1:${reserved.port}`, "-key", file("key")],
    ...["-cert", file("cert"), "-WWW", ...options],
  ]);
  await once(child.stdout, "data"); // ACCEPT
  return {
    port: reserved.port,
    stop: () => {
      child.kill();
      reserved.release();
    },
  };
}

function listening(server: Server): Promise<{ port: number; stop: () => void }> {
  return new Promise(resolve => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({ port, stop: () => server.close() });
    });
  });
}

test.skipIf(isAbsent)(
  "real TLS servers of each version pass the check; plain HTTP and one that knows no such name do not",
  async () => {
    const names: (string | undefined)[] = [];
    const pair = { key: readFileSync(file("key")), cert: readFileSync(file("cert")) };
    const known = createTlsServer({
      ...pair,
      SNICallback: (name, done) => {
        names.push(name);
        done(name === "nas.home" ? null : new Error("no such name"));
      },
    });
    known.on("tlsClientError", () => {}); // each check ends in the middle of its handshake
    const http = createServer(socket => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    const servers = [
      await sServer("-tls1_3"),
      await sServer("-tls1_2"),
      await listening(known),
      await listening(
        known === undefined ? known : createTlsServer({ ...pair, minVersion: "TLSv1.3" }),
      ),
      await listening(http),
    ];
    const ports = servers.map(({ port }) => port);
    const [tls13, tls12, named, node, plain] = ports;
    const backend = (port: number, health: object = {}) => ({ address: "127.0.0.1", port, health });
    const live = await startBoard([], {
      health: { check: "tls", start: "down", intervalMs: 300, fall: 1 },
      backends: [
        backend(tls13),
        backend(tls12),
        backend(named, { host: "nas.home" }),
        backend(named, { host: "other.home" }),
        backend(node),
        backend(plain),
      ],
    });
    try {
      const { backends } = live.app.proxy.pool;
      const found = () =>
        backends.map(({ health }) => `${health.up ? "up" : "down"} ${health.code}`);
      await expect
        .poll(found)
        .toEqual([
          ...["up L6OK", "up L6OK", "up L6OK"],
          ...["down L6RSP", "up L6OK", "down L6RSP"],
        ]);
      expect([...new Set(names)].sort()).toEqual(["nas.home", "other.home"]);
      expect(live.faults).toEqual([]);
    } finally {
      live.stop();
      for (const server of servers) server.stop();
    }
  },
);
