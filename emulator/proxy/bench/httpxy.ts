import http from "node:http";
import { createProxyServer } from "httpxy";
import { serveHttp } from "./serve-http.ts";

/** The library httpxy, with connections to the backends kept. */

const agent = new http.Agent({ keepAlive: true });
const proxy = createProxyServer({ agent });

serveHttp((request, response, port) => {
  void proxy.web(request, response, { target: `http://127.0.0.1:${port}` });
});
