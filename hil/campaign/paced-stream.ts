import type { Socket } from "../../backends/src/steps.ts";
import type { CampaignLab } from "./lab.ts";
import type { Reading } from "./plan.ts";

/** Pause of a slow reader after each piece. */
const REST_MS = 15;

/** Calls `received` for each piece, at the reader's pace. */
export function read(
  { clock }: Pick<CampaignLab, "clock">,
  socket: Socket,
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
