import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A proxy that runs in a process of its own. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  /** What is missing on this computer; `undefined` when nothing is. */
  missing(): string | undefined;
  start(backends: readonly number[]): Promise<Running>;
}

/** A program of this folder; it tells its port when it is ready. */
export async function program(file: string, ...args: string[]): Promise<Running> {
  const child = fork(new URL(file, import.meta.url), args);
  const [{ port }] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => {
      throw new Error(`${file} ended with ${code} before it was ready`);
    }),
  ])) as [{ port: number }];
  return { pid: child.pid!, port, stop: () => ended(child) };
}

function inNode(name: string, file: string, ...args: string[]): Contestant {
  return {
    name,
    missing: () => undefined,
    start: backends => program(file, JSON.stringify(backends), ...args),
  };
}

/** A server of the system with a configuration written for the occasion. */
function ofTheSystem(
  name: string,
  args: (file: string, folder: string) => string[],
  configure: (port: number, backends: readonly number[], folder: string) => string,
  part?: { file: string; name: string },
): Contestant {
  return {
    name,
    missing() {
      if (spawnSync(name, ["-v"]).error !== undefined) return `${name} is not installed`;
      return part && !existsSync(part.file) ? `${part.name} is not installed` : undefined;
    },
    async start(backends) {
      const folder = mkdtempSync(join(tmpdir(), "hot-potato-bench-"));
      const port = await freePort();
      const file = join(folder, "config");
      writeFileSync(file, configure(port, backends, folder));
      const child = spawn(name, args(file, folder), { stdio: ["ignore", "ignore", "pipe"] });
      let told = "";
      child.stderr.on("data", text => {
        told += text;
      });
      await answering(port, () => {
        if (child.exitCode !== null) throw new Error(`${name} ended: ${told}`);
      });
      return {
        pid: child.pid!,
        port,
        async stop() {
          await ended(child);
          rmSync(folder, { recursive: true, force: true });
        },
      };
    },
  };
}

/** Debian's package of nginx leaves raw TCP to a module. */
const NGINX_STREAM = {
  file: "/usr/lib/nginx/modules/ngx_stream_module.so",
  name: "nginx's stream module (libnginx-mod-stream)",
};

/** The yardstick of the ratios. */
export const BARE = "bare pipe";
export const OURS = "ours";

export const TCP_CONTESTANTS: readonly Contestant[] = [
  inNode(BARE, "./bare.ts"),
  inNode(OURS, "./ours.ts", "tcp"),
  ofTheSystem(
    "nginx",
    nginxArgs,
    (port, backends, folder) => `
      load_module ${NGINX_STREAM.file};
      ${nginx(folder)}
      stream {
        upstream backends { ${backends.map(b => `server 127.0.0.1:${b};`).join(" ")} }
        server { listen 127.0.0.1:${port}; proxy_pass backends; tcp_nodelay on; }
      }`,
    NGINX_STREAM,
  ),
  ofTheSystem("haproxy", haproxyArgs, (port, backends) => haproxy("tcp", port, backends)),
];

export const HTTP_CONTESTANTS: readonly Contestant[] = [
  inNode(BARE, "./bare.ts"),
  inNode(OURS, "./ours.ts", "auto"),
  inNode("httpxy", "./httpxy.ts"),
  inNode("http-proxy-3", "./http-proxy-3.ts"),
  inNode("undici", "./undici.ts"),
  ofTheSystem(
    "nginx",
    nginxArgs,
    (port, backends, folder) => `
      ${nginx(folder)}
      http {
        access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder};
        keepalive_requests 1000000;
        upstream backends {
          ${backends.map(b => `server 127.0.0.1:${b};`).join(" ")}
          keepalive 128; keepalive_requests 1000000;
        }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://backends; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off;
          }
        }
      }`,
  ),
  ofTheSystem("haproxy", haproxyArgs, (port, backends) => haproxy("http", port, backends)),
];

function nginxArgs(file: string, folder: string): string[] {
  return ["-c", file, "-p", folder, "-e", "stderr"];
}

function haproxyArgs(file: string): string[] {
  return ["-q", "-db", "-f", file];
}

/** Settings that nginx has in both modes. */
function nginx(folder: string): string {
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr error;
      events { worker_connections 4096; }`;
}

function haproxy(mode: "tcp" | "http", port: number, backends: readonly number[]): string {
  return `
global
  nbthread 1
  maxconn 4096
defaults
  mode ${mode}
  timeout client 30s
  timeout server 30s
  timeout connect 3s
listen bench
  bind 127.0.0.1:${port}
  balance roundrobin
${backends.map((b, i) => `  server s${i} 127.0.0.1:${b}`).join("\n")}
`;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until somebody listens on the port; `check` throws when there is no hope. */
async function answering(port: number, check: () => void): Promise<void> {
  for (;;) {
    check();
    const socket = net.connect(port, "127.0.0.1");
    const open = await new Promise(resolve => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
