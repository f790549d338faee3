import { createServer, type Server } from "node:http";
import type { Behaviour, Stage } from "./behaviour.ts";
import { bytes } from "./bytes.ts";

/** Most bytes that `/bytes/N` makes. */
const BYTES_MAX = 2 ** 30;

/**
 * The HTTP side of a backend: says its name, counts what it is sent, and makes bytes on demand. It
 * listens nowhere; connections are handed to it.
 */
export function httpServer(behaviour: Behaviour, stage: Stage): Server {
  return createServer((request, response) => {
    let uploaded = 0;
    request.on("data", (piece: Buffer) => {
      uploaded += piece.byteLength;
    });
    request.on("error", () => {}); // the client left; its response is closed with it
    request.on("end", () => {
      const reply = () => {
        response.setHeader("X-Backend", stage.name);
        if (behaviour.answer) {
          behaviour.answer(request, response, stage);
          return;
        }
        const count = Number(/^\/bytes\/(\d{1,10})$/.exec(request.url ?? "")?.[1] ?? Number.NaN);
        if (count <= BYTES_MAX) {
          response.setHeader("Content-Type", "application/octet-stream");
          response.setHeader("Content-Length", count);
          const body = bytes(count);
          response.once("close", () => body.destroy());
          body.pipe(response);
          return;
        }
        const sent = uploaded > 0 ? ` (${uploaded} bytes received)` : "";
        const text = `${stage.name}: ${request.method} ${request.url}${sent}\n`;
        response.setHeader("Content-Type", "text/plain");
        response.setHeader("Content-Length", Buffer.byteLength(text));
        response.end(text);
      };
      if (behaviour.latencyMs === undefined) {
        reply();
        return;
      }
      const cancel = stage.clock.after(behaviour.latencyMs, reply);
      response.once("close", cancel);
    });
  });
}
