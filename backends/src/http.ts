import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Behaviour, Stage } from "./behaviour.ts";
import { answerBytes, BYTES_MAX } from "./bytes.ts";

/**
 * The HTTP side of a backend: says its name, counts what it is sent, and makes bytes on demand. It
 * listens nowhere; connections are handed to it.
 */
export function httpServer(behaviour: Behaviour, stage: Stage): Server {
  const server = createServer((request, response) => {
    let uploaded = 0;
    request.on("data", (piece: Buffer) => {
      uploaded += piece.byteLength;
    });
    request.on("error", () => {}); // the client left; its response is closed with it
    request.on("end", () => {
      const reply = () => {
        response.setHeader("X-Backend", stage.name);
        if (behaviour.answer) behaviour.answer(request, response, stage);
        else answer(request, response, uploaded, stage.name);
      };
      if (behaviour.latencyMs === undefined) {
        reply();
        return;
      }
      const cancel = stage.clock.after(behaviour.latencyMs, reply);
      response.once("close", cancel);
    });
  });
  // A client may end and still listen, as with raw TCP. Node would cut its answer off there.
  return Object.assign(server, { httpAllowHalfOpen: true });
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  uploaded: number,
  name: string,
): void {
  const { method, url } = request;
  const digits = /^\/bytes\/(\d+)(?:\?|$)/.exec(url ?? "")?.[1];
  if (digits === undefined) {
    const sent = uploaded > 0 ? ` (${uploaded} bytes received)` : "";
    answerText(200, `${name}: ${method} ${url}${sent}\n`, response);
  } else if (Number(digits) <= BYTES_MAX) {
    answerBytes(Number(digits), response);
  } else {
    answerText(400, `${name}: ${url} is too much; up to ${BYTES_MAX} would do\n`, response);
  }
}

function answerText(status: number, text: string, response: ServerResponse): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain");
  response.setHeader("Content-Length", Buffer.byteLength(text));
  response.end(text);
}
