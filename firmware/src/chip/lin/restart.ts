import type { Restart } from "../restart.ts";

/** A simulator cannot restart itself: it ends, and is started anew. */
export const restart: Restart = undefined;
