import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { readConfig } from "./config.ts";
import { TIME_DEFAULTS } from "./time.ts";
import { localTime, offsetAt, offsetsBetween, parseTimeZone, type TimeZone } from "./time-zone.ts";

function zoneOf(text: string): TimeZone {
  const zone = parseTimeZone(text);
  if (typeof zone === "string") throw new Error(zone);
  return zone;
}

// The rules that the tz database has for the zones.
const ZONES: readonly (readonly [name: string, rules: string])[] = [
  ["Etc/UTC", "UTC0"],
  ["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"],
  ["Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"],
  ["Europe/Lisbon", "WET0WEST,M3.5.0/1,M10.5.0"],
  ["America/New_York", "EST5EDT,M3.2.0,M11.1.0"],
  ["America/St_Johns", "NST3:30NDT,M3.2.0,M11.1.0"],
  ["America/Santiago", "<-04>4<-03>,M9.1.6/24,M4.1.6/24"],
  ["America/Nuuk", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"],
  ["Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"],
  ["Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"],
  ["Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"],
  ["Asia/Kolkata", "IST-5:30"],
  ["Asia/Kathmandu", "<+0545>-5:45"],
  ["Asia/Jerusalem", "IST-2IDT,M3.4.4/26,M10.5.0"],
  ["America/Sao_Paulo", "<-03>3"],
  ["Pacific/Kiritimati", "<+14>-14"],
];

/** The offset that Node's copy of the tz database has for a zone, in minutes. */
function offsetsOfNode(timeZone: string): (unixMs: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" },
  });
  return unixMs => {
    const parts = format.formatToParts(unixMs).map(({ type, value }) => [type, Number(value)]);
    const { year, month, day, hour, minute } = Object.fromEntries(parts);
    const localMs = Date.UTC(year, month - 1, day, hour, minute);
    return Math.round((localMs - Math.floor(unixMs / 60_000) * 60_000) / 60_000);
  };
}

test.each(ZONES)(
  "%s, %s, has the hours that Node has, at any time of these years",
  (name, rules) => {
    const zone = zoneOf(rules);
    const offsetOfNode = offsetsOfNode(name);
    // Years from 2024 on: the rules of some zones were others before.
    const moment = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2030, 0, 1) });
    fc.assert(
      fc.property(moment, unixMs => {
        expect(offsetAt(zone, unixMs / 1000).seconds / 60).toBe(offsetOfNode(unixMs));
      }),
      { numRuns: 60 },
    );
    // Every half hour of the months with changes.
    for (let unixMs = Date.UTC(2026, 2, 1); unixMs < Date.UTC(2026, 11, 1); unixMs += 1_800_000) {
      const month = new Date(unixMs).getUTCMonth();
      if (month > 3 && month < 8) continue;
      expect(offsetAt(zone, unixMs / 1000).seconds / 60).toBe(offsetOfNode(unixMs));
    }
  },
);

test.each(ZONES)(
  "%s, %s: the offsets of a stretch of time hold at each moment of it, and are few",
  (_, rules) => {
    const zone = zoneOf(rules);
    const second = (year: number) => Date.UTC(year, 0, 1) / 1000;
    const to = fc.integer({ min: second(2024), max: second(2030) });
    const length = fc.integer({ min: 0, max: 365 * 86_400 });
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(to, length, part, (toS, lengthS, share) => {
        const fromS = toS - lengthS;
        const offsets = offsetsBetween(zone, fromS, toS);
        expect(offsets.length).toBeLessThanOrEqual(4);
        const atS = fromS + share * lengthS;
        const found = offsets.findLast(offset => offset.fromS <= atS);
        expect(found?.seconds).toBe(offsetAt(zone, atS).seconds);
      }),
      { numRuns: 200 },
    );
    expect(offsetsBetween(zone, 0, second(2026)).length).toBeLessThanOrEqual(4);
  },
);

test.each([
  [
    "the second of a change",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "2026-03-29T00:59:59Z",
    "2026-03-29T01:59:59+01:00",
  ],
  [
    "the next one",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "2026-03-29T01:00:00Z",
    "2026-03-29T03:00:00+02:00",
  ],
  [
    "the end of summer",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "2026-10-25T01:00:00Z",
    "2026-10-25T02:00:00+01:00",
  ],
  [
    "a zone behind UTC with minutes",
    "NST3:30NDT,M3.2.0,M11.1.0",
    "2026-01-01T00:00:00Z",
    "2025-12-31T20:30:00-03:30",
  ],
  [
    "day 60 of Julian days is 1 March, always",
    "AAA0BBB,J60/0,J61/0",
    "2028-03-01T00:30:00Z",
    "2028-03-01T01:30:00+01:00",
  ],
  [
    "day 59 from 0 on is 29 February in a leap year",
    "AAA0BBB,59/0,60/0",
    "2028-02-29T00:30:00Z",
    "2028-02-29T01:30:00+01:00",
  ],
  [
    "a summer time with an offset of its own",
    "AAA0BBB-2,M1.1.0,M12.5.0",
    "2026-06-01T00:00:00Z",
    "2026-06-01T02:00:00+02:00",
  ],
])("%s", (_, zone, utc, local) => {
  expect(localTime(zoneOf(zone), Date.parse(utc))).toBe(local);
});

describe("the configuration", () => {
  const backends = [{ address: "192.168.1.10", port: 80 }];
  const read = (time: unknown) => {
    const outcome = readConfig({ backends, time });
    return "complaints" in outcome ? outcome.complaints : outcome.config.time;
  };

  test("without the key there is no object for it in RAM", () => {
    expect(read(undefined)).toBe(TIME_DEFAULTS);
    expect(Object.isFrozen(TIME_DEFAULTS)).toBe(true);
  });

  test.each([
    [{ server: "" }, { server: "", zone: "UTC0" }],
    [{ server: "192.168.1.1" }, { server: "192.168.1.1", zone: "UTC0" }],
    [
      { server: "fritz.box", zone: "CET-1CEST,M3.5.0,M10.5.0/3" },
      { server: "fritz.box", zone: "CET-1CEST,M3.5.0,M10.5.0/3" },
    ],
  ])("%j is accepted", (time, expected) => {
    expect(read(time)).toEqual(expected);
  });

  test.each([
    [
      { server: "http://x" },
      'time.server: is "http://x"; wanted an IPv4 address or host name such as pool.ntp.org, or "" for none',
    ],
    [
      { server: "localhost" },
      'time.server: is "localhost", which is the board itself; use the address or name of an NTP server',
    ],
    [
      { zone: "Europe/Berlin" },
      'time.zone: is "Europe/Berlin", a name of a zone; wanted its rules, such as CET-1CEST,M3.5.0,M10.5.0/3',
    ],
    [
      { zone: "CET" },
      'time.zone: is "CET": wanted the hours behind UTC, such as -1, at its end, as in CET-1CEST,M3.5.0,M10.5.0/3',
    ],
    [
      { zone: "CET-1CEST" },
      'time.zone: is "CET-1CEST": wanted the rules of the summer time, each after a comma, at its end, as in CET-1CEST,M3.5.0,M10.5.0/3',
    ],
    [
      { zone: "CET-25" },
      'time.zone: is "CET-25": wanted a number of at most 24 at "25", as in CET-1CEST,M3.5.0,M10.5.0/3',
    ],
    [
      { zone: "CET-1CEST,M13.5.0,M10.5.0/3" },
      'time.zone: is "CET-1CEST,M13.5.0,M10.5.0/3": wanted a number of at most 12 at "13.5.0,M10.5.0/3", as in CET-1CEST,M3.5.0,M10.5.0/3',
    ],
    [
      { zone: "CET-1CEST,M3.5.0,M10.5.0/3 " },
      'time.zone: is "CET-1CEST,M3.5.0,M10.5.0/3 "; wanted a time zone such as CET-1CEST,M3.5.0,M10.5.0/3, of at most 64 characters',
    ],
    [
      { zone: "CET-1CEST,M3.5.0,M10.5.0/3,x" },
      'time.zone: is "CET-1CEST,M3.5.0,M10.5.0/3,x": wanted nothing more at ",x", as in CET-1CEST,M3.5.0,M10.5.0/3',
    ],
    [
      { zone: "+01" },
      'time.zone: is "+01": wanted the abbreviation of a time, of three letters or more, at "+01", as in CET-1CEST,M3.5.0,M10.5.0/3',
    ],
    [
      { zone: 1 },
      "time.zone: is 1; wanted a time zone such as CET-1CEST,M3.5.0,M10.5.0/3, of at most 64 characters",
    ],
    [{ timezone: "UTC0" }, "time.timezone: no such key; known are server, zone"],
  ])("%j gets a complaint", (time, complaint) => {
    expect(read(time)).toEqual([complaint]);
  });

  test("any text is a zone or gets one complaint", () => {
    const piece = fc.constantFrom(
      "CET",
      "-1",
      "<+03>",
      ",",
      "M3.5.0",
      "/",
      "J60",
      "59",
      ":30",
      ".",
      "9",
      "<",
      "x",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), pieces => {
        const zone = parseTimeZone(pieces.join(""));
        if (typeof zone === "string") expect(zone).toMatch(/wanted/);
        else expect(localTime(zone, 0)).toMatch(/^19(69|70)-..-..T..:..:..[+-]..:..$/);
      }),
      { numRuns: 1_000 },
    );
  });
});
