import type { Report } from "../log/event.ts";
import type { Clock, Link } from "../platform.ts";
import type { Credentials } from "../wifi-link.ts";

/** The export `openLink` of each platform's `chip/link`. */
export type OpenLink = (clock: Clock, report: Report, given: Credentials) => Link;
