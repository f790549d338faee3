import http from "node:http";
import { createProxyServer } from "http-proxy-3";
import { serveHttp } from "./serve-http.ts";

/** The library http-proxy-3, with connections to the backends kept. */

const agent = new http.Agent({ keepAlive: true });
const proxy = createProxyServer({ agent });

serveHttp((request, response, port) => {
  proxy.web(request, response, { target: `http://127.0.0.1:${port}` });
});
