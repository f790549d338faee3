import type { MockSocket } from "net-mock-socket";
import { HttpService } from "./http-service.ts";
import type { Observations, RawArrival } from "./observations.ts";
import type { BackendPart } from "./plan.ts";
import { serveRaw } from "./raw-service.ts";

/** Bytes that tell HTTP from the raw protocol. */
const TELLING_BYTES = 4;

/** A slow backend pauses after so many bytes. */
const REST_BYTES = 512;

/** A backend that speaks HTTP and the raw protocol on one port, and checks everything that it receives. */
export function serve(seen: Observations, part: BackendPart, socket: MockSocket): void {
  const { clock } = seen.lab;
  let first: Buffer = Buffer.alloc(0);
  let read = 0;
  let receive: ((bytes: Buffer) => void) | undefined;
  socket.on("data", (bytes: Buffer) => {
    if (receive === undefined) {
      first = Buffer.concat([first, bytes]);
      if (first.byteLength < TELLING_BYTES) return;
      const raw = first.subarray(0, TELLING_BYTES).toString("latin1") === "POT ";
      receive = raw ? rawHeader(seen, part, socket) : new HttpService(seen, part, socket).receive;
      receive(first);
    } else {
      receive(bytes);
    }
    read += bytes.byteLength;
    if (part.restMs === 0 || read < REST_BYTES) return;
    read = 0;
    socket.pause();
    clock.after(part.restMs, () => socket.resume());
  });
  socket.on("end", () => {
    if (socket.writable) socket.end();
  });
}

/** Reads the line that says which client this is. */
function rawHeader(
  seen: Observations,
  part: BackendPart,
  socket: MockSocket,
): (bytes: Buffer) => void {
  let header = "";
  let arrival: RawArrival | undefined;
  return bytes => {
    if (arrival !== undefined) {
      arrival.received.feed(bytes);
      return;
    }
    header += bytes.toString("latin1");
    const end = header.indexOf("\n");
    if (end < 0) return;
    arrival = serveRaw(seen, part, socket, Number(header.slice(TELLING_BYTES, end)));
    arrival?.received.feed(Buffer.from(header.slice(end + 1), "latin1"));
  };
}
