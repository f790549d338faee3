import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import {
  type Running,
  type SystemServer,
  startSystemServer,
} from "../../emulator/proxy/bench/system-server.ts";

/** Timeouts of nginx and HAProxy, short so that no test waits long. */
export interface Patience {
  /** For a head, and for each further piece of a body. */
  readonly requestMs: number;
  /** For another request on the same connection. */
  readonly keepAliveMs: number;
}

export const PEERS = ["nginx", "haproxy"] as const satisfies readonly SystemServer[];
export type PeerName = (typeof PEERS)[number];

/** The programs among these that are not installed. */
export function missing(...programs: string[]): string[] {
  return programs.filter(name => pathOf(name) === undefined);
}

/** The file of a program; `undefined`: it is not installed. */
export function pathOf(program: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map(folder => join(folder, program)).find(file => existsSync(file));
}

/** Starts one on a free port, with one worker and kept backend connections. */
export function startPeer(name: PeerName, backend: number, patience: Patience): Promise<Running> {
  return startSystemServer(name, (port, folder) => KINDS[name](port, backend, patience, folder));
}

/**
 * Starts one as a backend that requires the PROXY protocol, and answers each request with the received client
 * address and port and those of the destination.
 */
export function startProxyReader(name: PeerName): Promise<Running> {
  return startSystemServer(name, PROXY_READERS[name]);
}

type Configure = (port: number, backend: number, patience: Patience, folder: string) => string;

const KINDS: Record<PeerName, Configure> = {
  nginx: (port, backend, { requestMs, keepAliveMs }, folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${temporary(folder)}
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
  haproxy: (port, backend, { requestMs, keepAliveMs }) => `
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
};

const PROXY_READERS: Record<PeerName, (port: number, folder: string) => string> = {
  nginx: (port, folder) => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${temporary(folder)}
  server {
    listen 127.0.0.1:${port} proxy_protocol;
    location / {
      return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
    }
  }
}
`,
  haproxy: port => `
global
  nbthread 1
defaults
  mode http
  timeout connect 3s
  timeout server 3s
  timeout client 3s
frontend reader
  bind 127.0.0.1:${port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
`,
};

/** Temporary folders of nginx, all in its own. */
export function temporary(folder: string): string {
  const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return kinds.map(kind => `${kind}_temp_path ${folder}/${kind};`).join("\n  ");
}
