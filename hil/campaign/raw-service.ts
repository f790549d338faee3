import type { MockSocket } from "net-mock-socket";
import { bytesOf } from "./bytes.ts";
import type { Observations, RawArrival } from "./observations.ts";
import type { BackendPart } from "./plan.ts";

/** Sent after a keyword that ends the session: must not be delivered. */
export const BEHIND_KEYWORD = "nobody may receive this";

/** Serves both streams of a raw client, after its header. */
export function serveRaw(
  seen: Observations,
  { name }: BackendPart,
  socket: MockSocket,
  id: number,
): RawArrival | undefined {
  const client = seen.clients.get(id)?.part;
  seen.expect(client?.does === "raw", "a backend received of a raw client that there is not");
  if (client?.does !== "raw") return undefined;
  const arrival: RawArrival = {
    backend: name,
    id,
    received: seen.upload(client),
    ended: false,
    error: undefined,
  };
  seen.raw.push(arrival);
  socket.on("end", () => {
    arrival.ended = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    arrival.error = error.code;
  });
  const answer = seen.answerTo(client);
  socket.write(bytesOf(id * 32 + 1, 0, answer.length));
  const ends = seen.endsOf(client);
  if (ends === "answer-keyword") socket.write(`STOP${BEHIND_KEYWORD}`);
  if (ends === "backend") socket.end();
  return arrival;
}
