import type { Platform } from "../platform.ts";

/** What each platform's `chip/machine` gives of its own. */
export type Machine = Pick<Platform, "vitals" | "storage" | "Serial">;
