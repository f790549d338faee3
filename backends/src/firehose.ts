import type { Behaviour } from "./behaviour.ts";
import { answerBytes, BYTES_MAX, pour } from "./bytes.ts";

/**
 * Sends as fast as the client reads, once the client has said something, until it leaves or has
 * `bytesMax` bytes.
 */
export function firehose({ bytesMax = BYTES_MAX } = {}): Behaviour {
  return {
    answer(_request, response) {
      answerBytes(bytesMax, response);
    },
    talk(socket) {
      socket.resume(); // what the client says is not listened to
      pour(bytesMax, socket);
    },
  };
}
