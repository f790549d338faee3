import type { Report } from "../log/event.ts";
import type { Clock, Link } from "../platform.ts";
import type { Credentials } from "../wifi-link.ts";

/** What each platform's `chip/link` gives: the way to its network. */
export type OpenLink = (clock: Clock, report: Report, given: Credentials) => Link;
