import { type Socket, StepPlayer, type Steps } from "../../backends/src/steps.ts";
import { BEHIND_KEYWORD } from "./backend.ts";
import { bytesOf } from "./bytes.ts";
import type { ClientObservation, Observations } from "./observations.ts";
import { read } from "./paced-stream.ts";
import type { RawClient } from "./plan.ts";

/** Pause in the middle of the first word, which looks like a method until there: `PO`. */
const HESITATION_MS = 120;

/** Sends one stream, checks the other one, and closes as planned. */
export function playRaw(
  seen: Observations,
  observed: ClientObservation,
  part: RawClient,
  socket: Socket,
): void {
  const { lab } = seen;
  const player = new StepPlayer(socket, lab.clock);
  const received = observed.received!;
  const ends = seen.endsOf(part);
  let sent = false;
  const look = () => {
    if (received.complete && sent) observed.served = true;
    const leavesEarly = ends === "hasty" ? sent : ends === "client" && observed.served;
    if (leavesEarly && socket.writable) socket.end();
  };
  const done = () => {
    if (!socket.writable) return;
    sent = true;
    look();
  };
  const stream = bytesOf(part.id * 32, 0, part.upBytes);
  const tail = ends === "keyword" ? Buffer.from(`END${BEHIND_KEYWORD}`) : Buffer.alloc(0);
  const upload: Steps = [
    { send: Buffer.concat([stream, tail]), ...part.writing },
    { run: () => void done() },
  ];
  const receive = (bytes: Buffer) => {
    received.feed(bytes);
    seen.expect(received.correct, "a raw client read bytes that no backend sent");
    look();
  };

  if (part.upgrade) {
    let head: Buffer | undefined = Buffer.alloc(0);
    read(lab, socket, part.reading, bytes => {
      if (head === undefined) {
        receive(bytes);
        return;
      }
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      const rest = head.subarray(end + 4);
      const status = Number(head.subarray(9, 12).toString("latin1"));
      observed.answers.push({ index: 0, status, complete: true, byBackend: status === 101 });
      head = undefined;
      if (status === 101) {
        if (rest.byteLength > 0) receive(rest);
        player.play(upload);
      } else {
        socket.removeAllListeners("data");
        socket.resume();
        socket.end();
      }
    });
    // Closed without an answer, as by a full board: nothing is uploaded, so no write would fail.
    socket.on("end", () => {
      if (head !== undefined) socket.end();
    });
    observed.requestsSent = 1;
    const request = `GET /${part.id} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: potato\r\n\r\n`;
    player.play([{ send: request }]);
    return;
  }

  read(lab, socket, part.reading, receive);
  const header = `POT ${part.id}\n`;
  const hesitates = part.id % 5 === 0;
  if (hesitates) player.play([{ send: header.slice(0, 2) }, { waitMs: HESITATION_MS }]);
  player.play([{ send: hesitates ? header.slice(2) : header }, ...upload]);
}
