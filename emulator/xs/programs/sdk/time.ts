import { host } from "../host.ts";

/** The SDK's module `time`: milliseconds as 32 bits with a sign, which wrap after 24 days. */
export default {
  get ticks(): number {
    return host.board.now() | 0;
  },
};
