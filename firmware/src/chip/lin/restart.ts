import type { Restart } from "../exports.ts";

/** The simulator cannot restart itself. */
export const restart: Restart = undefined;
