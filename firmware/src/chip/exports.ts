import type { Credentials } from "../config/wifi-credentials.ts";
import type { Report } from "../log/event.ts";
import type { Clock, Link, Platform } from "../platform.ts";

// The exports of the modules of each platform's folder.

/** The export of `chip/link`. */
export type OpenLink = (clock: Clock, report: Report, given: Credentials) => Link;

/** The export of `chip/machine`. */
export type Machine = Pick<Platform, "vitals" | "storage" | "Serial" | "Digital">;

/** The export of `chip/sockets`. */
export type Sockets = Pick<
  Platform,
  "TCP" | "Listener" | "UDP" | "closesListeners" | "multicast" | "Search"
>;

/** An export of `chip/sockets`: resets every connection. Absent where the operating system does it when the program ends. */
export type ResetConnections = (() => void) | undefined;

/** The export of `chip/restart`. */
export type Restart = Platform["restart"];
