import { Pool } from "undici";
import { serveHttp } from "./serve-http.ts";

/** Node's HTTP server with the client undici behind it, the leanest of several ways to do it. */

const pools = new Map<number, Pool>();

serveHttp((request, response, port) => {
  let pool = pools.get(port);
  if (pool === undefined) {
    pool = new Pool(`http://127.0.0.1:${port}`);
    pools.set(port, pool);
  }
  const { connection: _connection, ...headers } = request.headers;
  pool.stream(
    {
      method: request.method as "GET",
      path: request.url!,
      headers,
      body: request.method === "GET" ? null : request,
      opaque: response,
    },
    ({ statusCode, headers }) => {
      delete headers.connection;
      delete headers["keep-alive"];
      response.writeHead(statusCode, headers as Record<string, string>);
      return response;
    },
    error => {
      if (error) response.destroy();
    },
  );
});
