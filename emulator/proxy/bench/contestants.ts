import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { built } from "./built.ts";
import { ended, type Running, type SystemServer, startSystemServer } from "./system-server.ts";

export interface Contestant {
  readonly name: string;
  /** The program that is missing on this computer; `undefined` when none is. */
  missing(): string | undefined;
  start(backends: readonly number[]): Promise<Running>;
}

/** A program of this folder; it sends its port when it is ready. */
export async function program(file: string, ...args: string[]): Promise<Running> {
  const child = fork(await built(file), args, { execArgv: [] });
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

function ofTheSystem(
  name: SystemServer,
  configure: (port: number, backends: readonly number[], folder: string) => string,
  part?: { file: string; name: string },
): Contestant {
  return {
    name,
    missing() {
      if (spawnSync(name, ["-v"]).error !== undefined) return `${name} is not installed`;
      return part && !existsSync(part.file) ? `${part.name} is not installed` : undefined;
    },
    start: backends => startSystemServer(name, (port, folder) => configure(port, backends, folder)),
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
export const OURS_LOGGING = "ours, with its log";

export const TCP_CONTESTANTS: readonly Contestant[] = [
  inNode(BARE, "bare.ts"),
  inNode(OURS, "ours.ts", "tcp", "none"),
  inNode(OURS_LOGGING, "ours.ts", "tcp", "all"),
  ofTheSystem(
    "nginx",
    (port, backends, folder) => `
      load_module ${NGINX_STREAM.file};
      ${nginx(folder)}
      stream {
        upstream backends { ${backends.map(b => `server 127.0.0.1:${b};`).join(" ")} }
        server { listen 127.0.0.1:${port}; proxy_pass backends; tcp_nodelay on; }
      }`,
    NGINX_STREAM,
  ),
  ofTheSystem("haproxy", (port, backends) => haproxy("tcp", port, backends)),
];

export const HTTP_CONTESTANTS: readonly Contestant[] = [
  inNode(BARE, "bare.ts"),
  inNode(OURS, "ours.ts", "auto", "none"),
  inNode(OURS_LOGGING, "ours.ts", "auto", "all"),
  inNode("httpxy", "httpxy.ts"),
  inNode("http-proxy-3", "http-proxy-3.ts"),
  inNode("undici", "undici.ts"),
  ofTheSystem(
    "nginx",
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
  ofTheSystem("haproxy", (port, backends) => haproxy("http", port, backends)),
];

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
