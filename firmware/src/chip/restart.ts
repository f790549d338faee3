import type { Platform } from "../platform.ts";

/** The export `restart` of each platform's `chip/restart`. */
export type Restart = Platform["restart"];
