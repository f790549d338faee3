import { deepFreeze } from "../deep-freeze.ts";
import { ipv4OrHostName, isLocalhost } from "../net/address.ts";
import { brief, type DocumentReader, type Key } from "./reader.ts";
import type { TimeSettings } from "./settings.ts";
import { parseTimeZone } from "./time-zone.ts";

/** A constant in flash: a board without the key `time` has no such object in RAM. */
export const TIME_DEFAULTS: TimeSettings = deepFreeze({ server: "pool.ntp.org", zone: "UTC0" });

/** Longest text of a zone. The longest of the tz database has 40 characters. */
const ZONE = () => /^[\x21-\x7e]{1,64}$/;
const ZONE_WANTED = "a time zone such as CET-1CEST,M3.5.0,M10.5.0/3, of at most 64 characters";

const SERVER_WANTED = 'an IPv4 address or host name such as pool.ntp.org, or "" for none';

/** Reads the key `time`. */
export function readTime(check: DocumentReader, key: Key): TimeSettings {
  if (key.value === undefined) return TIME_DEFAULTS;
  return check.object<TimeSettings>(key, {
    server: k => {
      if (k.value === "") return "";
      const server = check.text(k, TIME_DEFAULTS.server, ipv4OrHostName, SERVER_WANTED);
      if (isLocalhost(server)) {
        check.complain(
          `${k.path}: is ${brief(server)}, which is the board itself; use the address or name of an NTP server`,
        );
      }
      return server;
    },
    zone: k => {
      const zone = check.text(k, TIME_DEFAULTS.zone, ZONE, ZONE_WANTED);
      const parsed = zone === "" ? undefined : parseTimeZone(zone);
      if (typeof parsed === "string") check.complain(`${k.path}: is ${brief(zone)}${parsed}`);
      return zone;
    },
  });
}
