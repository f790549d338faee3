import type { Report } from "../log/event.ts";
import type { Clock, Link, Platform } from "../platform.ts";
import type { Credentials } from "../wifi-link.ts";

// What the modules of each platform's folder export.

/** Of `chip/link`. */
export type OpenLink = (clock: Clock, report: Report, given: Credentials) => Link;

/** Of `chip/machine`. */
export type Machine = Pick<Platform, "vitals" | "storage" | "Serial">;

/** Of `chip/restart`. */
export type Restart = Platform["restart"];
