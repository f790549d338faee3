import type { Behaviour } from "./behaviour.ts";
import { answerBytes, BYTES_MAX } from "./http.ts";

/**
 * Sends as fast as the client reads, after the client's first bytes, until the client closes or has
 * `bytesMax` bytes.
 */
export function firehose({ bytesMax = BYTES_MAX } = {}): Behaviour {
  return {
    answer: (request, connection) => answerBytes(bytesMax, request, connection),
    talk: connection => connection.play([{ pour: bytesMax }, { close: "end" }]),
  };
}
