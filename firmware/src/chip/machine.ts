import type { Platform } from "../platform.ts";

/** The export `machine` of each platform's `chip/machine`. */
export type Machine = Pick<Platform, "vitals" | "storage" | "Serial">;
