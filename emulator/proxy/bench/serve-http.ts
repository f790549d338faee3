import http from "node:http";
import type { AddressInfo } from "node:net";

/** Serves HTTP for a contestant of this folder; `forward` gets the port of the backend in turn. */
export function serveHttp(
  forward: (request: http.IncomingMessage, response: http.ServerResponse, port: number) => void,
): void {
  const backends: number[] = JSON.parse(process.argv[2]);
  let turn = 0;
  const server = http.createServer((request, response) => {
    forward(request, response, backends[turn++ % backends.length]);
  });
  server.listen(0, "127.0.0.1", () => {
    process.send!({ port: (server.address() as AddressInfo).port });
  });
}
