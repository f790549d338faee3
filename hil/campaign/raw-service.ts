import type { MockSocket } from "net-mock-socket";
import { bytesOf } from "./bytes.ts";
import type { Book, RawArrival } from "./observations.ts";
import type { BackendPart } from "./plan.ts";

/** What a backend says behind a keyword that ends the session: nobody may hear it. */
export const BEHIND_KEYWORD = "nobody may hear this";

/** Both streams of a raw client, behind its header. */
export function serveRaw(
  book: Book,
  { name }: BackendPart,
  socket: MockSocket,
  id: number,
): RawArrival | undefined {
  const client = book.clients.get(id)?.part;
  book.expect(client?.does === "raw", "a backend heard of a raw client that there is not");
  if (client?.does !== "raw") return undefined;
  const arrival: RawArrival = {
    backend: name,
    id,
    heard: book.upload(client),
    ended: false,
    error: undefined,
  };
  book.raw.push(arrival);
  socket.on("end", () => {
    arrival.ended = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    arrival.error = error.code;
  });
  const answer = book.answerTo(client);
  socket.write(bytesOf(id * 32 + 1, 0, answer.length));
  const ends = book.endsOf(client);
  if (ends === "answer-keyword") socket.write(`STOP${BEHIND_KEYWORD}`);
  if (ends === "backend") socket.end();
  return arrival;
}
