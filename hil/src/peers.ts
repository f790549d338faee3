import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Another reverse proxy, in a process of its own. */
export interface Peer {
  readonly port: number;
  stop(): Promise<void>;
}

/** How long the peers wait for what a client owes them, so that no test waits long for the end. */
export interface Patience {
  /** For a head, and for each further piece of a body. */
  readonly requestMs: number;
  /** For another request on the same connection. */
  readonly keepAliveMs: number;
}

export const PEERS = ["nginx", "haproxy"] as const;
export type PeerName = (typeof PEERS)[number];

/** Programs among these that this computer does not have. */
export function missing(...programs: string[]): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return programs.filter(name => !folders.some(folder => existsSync(join(folder, name))));
}

/** Starts a peer on a free port, with one worker and kept connections to the backend. */
export async function startPeer(
  name: PeerName,
  backend: number,
  patience: Patience,
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-peer-"));
  const port = await freePort();
  const file = join(folder, "config");
  const { configure, args } = KINDS[name];
  writeFileSync(file, configure(port, backend, patience, folder));
  const child = spawn(name, args(file, folder), { stdio: ["ignore", "ignore", "pipe"] });
  let told = "";
  child.stderr.on("data", text => {
    told += text;
  });
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  while (!(await answers(port))) {
    if (child.exitCode === null) continue;
    await stop();
    throw new Error(`${name} ended: ${told}`);
  }
  return { port, stop };
}

interface Kind {
  configure(port: number, backend: number, patience: Patience, folder: string): string;
  args(file: string, folder: string): string[];
}

const KINDS: Record<PeerName, Kind> = {
  nginx: {
    args: (file, folder) => ["-c", file, "-p", folder, "-e", "stderr"],
    configure: (port, backend, { requestMs, keepAliveMs }, folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(what => `${what}_temp_path ${folder}/${what};`).join("\n  ")}
  client_header_timeout ${requestMs}ms;
  client_body_timeout ${requestMs}ms;
  keepalive_timeout ${keepAliveMs}ms;
  upstream backend { server 127.0.0.1:${backend}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`,
  },
  haproxy: {
    args: file => ["-q", "-db", "-f", file],
    configure: (port, backend, { requestMs, keepAliveMs }) => `
global
  nbthread 1
defaults
  mode http
  timeout connect 3s
  timeout server ${requestMs}ms
  timeout client ${requestMs}ms
  timeout http-request ${requestMs}ms
  timeout http-keep-alive ${keepAliveMs}ms
listen peer
  bind 127.0.0.1:${port}
  server backend 127.0.0.1:${backend}
`,
  },
};

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Does somebody listen on the port? Takes a moment when nobody does. */
async function answers(port: number): Promise<boolean> {
  const socket = net.connect(port, "127.0.0.1");
  const open = await new Promise<boolean>(resolve => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.destroy();
  if (!open) await new Promise(resolve => setTimeout(resolve, 20));
  return open;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
