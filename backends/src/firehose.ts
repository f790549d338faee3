import type { Readable } from "node:stream";
import type { Behaviour } from "./behaviour.ts";
import { bytes } from "./bytes.ts";

/** Bytes after which a firehose is empty: a client that forgets to leave stops it by this. */
const BYTES_MAX = 2 ** 30;

/** Sends as fast as the client reads, once the client has said something. */
export function firehose({ bytesMax = BYTES_MAX } = {}): Behaviour {
  return {
    answer(_request, response) {
      response.writeHead(200, {
        "Content-Type": "application/octet-stream",
        "Content-Length": bytesMax,
      });
      pour(bytes(bytesMax), response);
    },
    talk(socket) {
      socket.resume(); // what the client says is not listened to
      pour(bytes(bytesMax), socket);
    },
  };
}

function pour(source: Readable, sink: NodeJS.WritableStream): void {
  sink.once("close", () => source.destroy());
  source.pipe(sink);
}
