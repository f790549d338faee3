import type { Restart } from "../restart.ts";

/** The simulator cannot restart itself. */
export const restart: Restart = undefined;
