import { MessageReader } from "../../backends/src/http-reader.ts";
import { type Socket, type Step, StepPlayer } from "../../backends/src/steps.ts";
import { MALFORMED } from "./malformed.ts";
import type { ClientObservation, Observations } from "./observations.ts";
import type { HostileClient } from "./plan.ts";

/** Interval at which a slow-loris sends a byte of its head; it never sends the last one. */
const LORIS_MS = 250;

/** A hostile client: silent, a slow-loris, or one that sends malformed HTTP. */
export function playHostile(
  seen: Observations,
  observed: ClientObservation,
  part: HostileClient,
  socket: Socket,
): void {
  const player = new StepPlayer(socket, seen.lab.clock);
  const reader = new MessageReader(
    "response",
    () => {},
    ({ line }) => {
      const status = Number(line.slice(9, 12));
      observed.answers.push({ index: 0, status, complete: true, byBackend: false });
    },
  );
  reader.expects("GET");
  socket.on("data", (bytes: Buffer) => reader.feed(bytes));
  if (part.does === "silent") return;
  observed.requestsSent = 1;
  if (part.does === "malformed") {
    player.play([{ send: MALFORMED[part.which].bytes }]);
    return;
  }
  const drip: Step = {
    run: () => (socket.writable ? [{ send: "s" }, { waitMs: LORIS_MS }, drip] : []),
  };
  player.play([{ send: "GET /slow HTTP/1.1\r\nHost: x\r\nX-Slow: " }, drip]);
}
