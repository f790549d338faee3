import type { MockSocket } from "net-mock-socket";
import type { EmulatedLab } from "../kit/emulated-lab.ts";
import type { Reading, Writing } from "./plan.ts";

/** Pause of a slow reader after each piece. */
const REST_MS = 15;

/** Writes `bytes` piece by piece, then calls `done`; stops when the socket can be written no more. */
export function write(
  { clock }: Pick<EmulatedLab, "clock">,
  socket: MockSocket,
  bytes: Buffer,
  { pieceBytes, gapMs }: Writing,
  done: () => void,
): void {
  let at = 0;
  const next = () => {
    if (!socket.writable) return;
    if (at < bytes.byteLength) socket.write(bytes.subarray(at, at + pieceBytes));
    at += pieceBytes;
    if (at >= bytes.byteLength) done();
    else if (gapMs === 0) next();
    else clock.after(gapMs, next);
  };
  next();
}

/** Calls `received` for each piece, at the reader's pace. */
export function read(
  { clock }: Pick<EmulatedLab, "clock">,
  socket: MockSocket,
  reading: Reading,
  received: (bytes: Buffer) => void,
): void {
  socket.on("data", (bytes: Buffer) => {
    received(bytes);
    if (reading === "steady") return;
    socket.pause();
    if (reading === "slow") clock.after(REST_MS, () => socket.resume());
  });
}
