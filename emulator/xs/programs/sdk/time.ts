import { host } from "../host.ts";

/** The SDK's module `time`: milliseconds as 32 bits with a sign, which wrap after 24 days. */
export default {
  get ticks(): number {
    return Math.floor(host.board.now()) | 0;
  },
  delta(from: number, to: number): number {
    return (to - from) | 0;
  },
};
