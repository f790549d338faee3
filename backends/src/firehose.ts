import type { Behaviour } from "./behaviour.ts";
import { answerBytes, BYTES_MAX } from "./http.ts";

/**
 * Sends as fast as the client reads, once the client has said something, until it leaves or has
 * `bytesMax` bytes.
 */
export function firehose({ bytesMax = BYTES_MAX } = {}): Behaviour {
  return {
    answer: (request, connection) => answerBytes(bytesMax, request, connection),
    talk: connection => connection.play([{ pour: bytesMax }, { close: "end" }]),
  };
}
