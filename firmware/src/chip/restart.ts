import type { Platform } from "../platform.ts";

/** What each platform's `chip/restart` gives. */
export type Restart = Platform["restart"];
