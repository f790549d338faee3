import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

const BACKEND = { address: "192.168.1.10", port: 8080, machine: "nas" };
const NAS = { name: "nas", mac: "24:0a:c4:00:00:01" };

/** A document with this machine, and a backend on it. */
const documentOf = (machine: object, more: object = {}) => ({
  ...{ backends: [BACKEND], machines: [{ ...NAS, ...machine }] },
  ...more,
});

function complaints(document: unknown, link?: "wifi" | "ethernet"): readonly string[] {
  const outcome = readConfig(document, link);
  return "complaints" in outcome ? outcome.complaints : [];
}

function machineOf(machine: object): object {
  const outcome = readConfig(documentOf(machine));
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return outcome.config.machines[0];
}

describe("a machine", () => {
  test("needs a name and the MAC address of its network card", () => {
    expect(machineOf({})).toEqual({
      ...NAS,
      ...{ wakeBy: "packet", awakeTimes: [], asleepCheckMs: 0 },
    });
    expect(complaints({ backends: [BACKEND], machines: [{}] })).toEqual([
      "machines[0].name: missing; wanted 1 to 32 letters, digits, dots, dashes",
    ]);
  });

  test("may have every key", () => {
    const machine = {
      ...{ ...NAS, secureOn: "01:02:03:04:05:06", wakeBy: "packet", broadcast: "192.168.1.255" },
      wakeFor: [
        { protocol: "http", host: "*.home", path: "/photos", methods: ["GET", "PROPFIND"] },
        { sni: ["cloud.home", "*.cloud.home"], clients: ["192.168.1.0/24", "10.0.0.1"] },
        { firstLine: "SSH-2.0" },
      ],
      sleep: { url: "http://nas.home:8000/suspend?now", method: "PUT", header: "X-Key: a b" },
      ...{ idleMs: 600_000, awakeTimes: ["07:30-22:00", "sat-sun 22:00-06:00"] },
      asleepCheckMs: 60_000,
    };
    expect(machineOf(machine)).toEqual(machine);
  });

  test.each(["24-0A-C4-00-00-01", "24:0A:C4:00:00:01"])("is stored with the address %s", mac => {
    expect(machineOf({ mac })).toMatchObject({ mac: "24:0a:c4:00:00:01" });
  });

  test("that is woken by its power button needs no address, and is pressed for 200 ms", () => {
    const outcome = machineOf({ mac: undefined, wakeBy: { gpio: 4 } });
    expect(outcome).toMatchObject({ wakeBy: { gpio: 4, pressMs: 200 } });
    expect(outcome).not.toHaveProperty("mac");
  });

  test("gets its sleep request by POST", () => {
    expect(machineOf({ sleep: { url: "http://10.0.0.5" } })).toMatchObject({
      sleep: { url: "http://10.0.0.5", method: "POST" },
    });
  });
});

test("without machines their limits have defaults, and a configuration has no key for them", () => {
  const { machine, ...backend } = BACKEND;
  const outcome = readConfig({ backends: [backend] });
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  const { machines, holdMs, heldMax, wakeAtPercent, backends } = outcome.config;
  expect({ machines, holdMs, heldMax, wakeAtPercent }).toEqual({
    ...{ machines: [], holdMs: 240_000, heldMax: 6, wakeAtPercent: 80 },
  });
  expect(Object.keys(backends[0])).not.toContain("machine");
});

const PINS = "4, 13, 14, 16 to 19, 21 to 23, 25 to 27, 32, 33";

test.each<[document: object, complaint: string]>([
  [
    { backends: [{ ...BACKEND, machine: "nsa" }], machines: [NAS] },
    'backends[0].machine: no machine is called "nsa"; did you mean "nas"?',
  ],
  [{ backends: [BACKEND] }, 'backends[0].machine: no machine is called "nas"; machines has none'],
  [
    { backends: [BACKEND], machines: [NAS, { name: "pc", mac: "24:0a:c4:00:00:02" }] },
    'machines[1]: no backend runs on it, so no client would wake it; add "machine": "pc" to its backends',
  ],
  [
    { backends: [BACKEND], machines: [NAS, { ...NAS, mac: "24:0a:c4:00:00:02" }] },
    "machines: nas is listed twice; list it once",
  ],
  [
    {
      backends: [BACKEND, { ...BACKEND, machine: "pc" }],
      machines: [NAS, { ...NAS, name: "pc", mac: "24-0A-C4-00-00-01" }],
    },
    "machines[1].mac: is 24:0a:c4:00:00:01, as that of machines[0]; a computer is one machine, which several backends may name",
  ],
  [
    {
      backends: [BACKEND, { ...BACKEND, machine: "pc" }],
      machines: ["nas", "pc"].map(name => ({ name, wakeBy: { gpio: 4 } })),
    },
    "machines[1].wakeBy.gpio: is 4, as that of machines[0]; one pin presses one button",
  ],
  [
    { backends: [{ ...BACKEND, health: { check: "none" } }], machines: [NAS] },
    'backends[0].health.check: is "none", but only a check tells when the machine nas is ready; use "tcp" or "http"',
  ],
  [
    documentOf({ mac: undefined }),
    "machines[0].mac: missing; wanted the MAC address of the network card that wakes the machine, such as 24:0a:c4:00:00:01",
  ],
  [
    documentOf({ mac: "24:0a:c4:00:01" }),
    'machines[0].mac: is "24:0a:c4:00:01"; wanted a MAC address such as 24:0a:c4:00:00:01',
  ],
  [
    documentOf({ mac: "ff:ff:ff:ff:ff:ff" }),
    'machines[0].mac: is "ff:ff:ff:ff:ff:ff", which is not the address of a network card',
  ],
  [
    documentOf({ mac: "00:00:00:00:00:00" }),
    'machines[0].mac: is "00:00:00:00:00:00", which is not the address of a network card',
  ],
  [
    documentOf({ secureOn: "01:02:03" }),
    "machines[0].secureOn: is not valid; wanted 4 or 6 bytes in hexadecimal, such as 01:02:03:04:05:06",
  ],
  [
    documentOf({ wakeBy: "button" }),
    'machines[0].wakeBy: is "button"; wanted "packet", or for a power button its pin, such as { "gpio": 4 }',
  ],
  [
    documentOf({ wakeBy: { pin: 4, gpio: 4 } }),
    "machines[0].wakeBy.pin: no such key; known are gpio, pressMs",
  ],
  [
    documentOf({ wakeBy: { gpio: 40 } }),
    "machines[0].wakeBy.gpio: is 40; wanted a whole number from 0 to 39",
  ],
  [
    documentOf({ wakeBy: { gpio: 4, pressMs: 5_000 } }),
    "machines[0].wakeBy.pressMs: is 5000; wanted a whole number from 50 to 2000",
  ],
  [
    documentOf({ wakeBy: { gpio: 4 }, broadcast: "192.168.1.255" }),
    'machines[0].broadcast: has an effect only with wakeBy "packet"; leave it out',
  ],
  ...([
    [0, "whose level at a reset decides how the chip starts"],
    [1, "which the serial console uses"],
    [6, "which the chip's flash uses"],
    [11, "which the chip's flash uses"],
    [12, "whose level at a reset decides how the chip starts"],
    [20, "which the chip does not have"],
    [28, "which the chip does not have"],
    [34, "which is an input only"],
    [39, "which is an input only"],
  ].map(([gpio, why]) => [
    documentOf({ wakeBy: { gpio } }),
    `machines[0].wakeBy.gpio: is ${gpio}, ${why}; wanted one of ${PINS}`,
  ]) as [object, string][]),
  [
    documentOf({ broadcast: "192.168.1" }),
    'machines[0].broadcast: is "192.168.1"; wanted a broadcast address such as 192.168.1.255',
  ],
  [
    documentOf({ wakeFor: { host: "photos.home" } }),
    'machines[0].wakeFor: is {"host":"photos.home"}; wanted a list of 0 to 8',
  ],
  [
    documentOf({ wakeFor: [{ hots: "photos.home" }] }),
    'machines[0].wakeFor[0].hots: no such key; did you mean "host"?',
  ],
  [
    documentOf({ wakeFor: [{ protocol: "tcp" }] }),
    'machines[0].wakeFor[0].protocol: is "tcp"; wanted "http", "tls", "raw"',
  ],
  [
    documentOf({ wakeFor: [{ methods: ["get"] }] }),
    'machines[0].wakeFor[0].methods[0]: is "get"; wanted a method such as GET, in capitals',
  ],
  [
    documentOf({ wakeFor: [{ clients: ["192.168.1.*"] }] }),
    'machines[0].wakeFor[0].clients[0]: is "192.168.1.*"; wanted an address or a network, such as 192.168.1.2 or 192.168.1.0/24',
  ],
  [
    documentOf({ wakeFor: [{ clients: [] }] }),
    "machines[0].wakeFor[0].clients: is []; wanted a list of 1 to 8",
  ],
  [
    documentOf({ wakeFor: [{ path: "photos" }] }),
    'machines[0].wakeFor[0].path: is "photos"; wanted a path such as /api, without empty parts, dots alone, ; or %',
  ],
  [
    documentOf({ wakeFor: [{ path: "/photos/*" }] }),
    'machines[0].wakeFor[0].path: is "/photos/*"; without the * it is for all paths below',
  ],
  [documentOf({ idle: 600_000 }), 'machines[0].idle: no such key; did you mean "idleMs"?'],
  [
    documentOf({ wakeFor: [{ path: `/${"a".repeat(128)}` }] }),
    "machines[0].wakeFor[0].path: has 129 characters; the maximum is 128",
  ],
  [
    documentOf({ wakeFor: [{ host: "photos.home", sni: ["photos.home"] }] }),
    "machines[0].wakeFor[0].sni: is for TLS, but the rule has host, which is for HTTP; list two rules",
  ],
  [
    documentOf({ wakeFor: [{ protocol: "tls", path: "/photos" }] }),
    "machines[0].wakeFor[0].path: is for HTTP, but the rule has protocol, which is for TLS; list two rules",
  ],
  [
    documentOf({ wakeFor: [{ firstLine: "SSH" }] }, { listeners: [{ port: 80, mode: "http" }] }),
    'machines[0].wakeFor[0].firstLine: is for raw TCP, which no listener serves; that needs mode "auto" or "tcp"',
  ],
  [
    documentOf({ wakeFor: [{ host: "a.home" }, {}] }),
    "machines[0].wakeFor[1]: has no keys, so every client may wake the machine, and the other rules have no effect; leave it out",
  ],
  [
    documentOf({ sleep: "http://nas.home/suspend" }),
    'machines[0].sleep: is "http://nas.home/suspend"; wanted an object such as { "url": "http://192.168.1.10:8000/suspend" }',
  ],
  [
    documentOf({ sleep: { url: "/suspend" } }),
    'machines[0].sleep.url: is "/suspend"; wanted a URL such as http://192.168.1.10:8000/suspend',
  ],
  [
    documentOf({ sleep: { url: "https://nas.home/suspend" } }),
    'machines[0].sleep.url: is "https://nas.home/suspend"; wanted a URL such as http://192.168.1.10:8000/suspend; the board makes the request without TLS',
  ],
  [
    documentOf({ sleep: { url: "http://me@nas.home/suspend" } }),
    'machines[0].sleep.url: is "http://me@nas.home/suspend"; wanted a URL such as http://192.168.1.10:8000/suspend; a user and a password belong in header: Authorization: Basic …',
  ],
  [
    documentOf({ sleep: { url: "http://localhost:8404/" } }),
    `machines[0].sleep.url: is "http://localhost:8404/", which is the board itself; use the machine's address or name in the network`,
  ],
  [
    documentOf({ sleep: { url: "http://nas.home/", header: "Host: nas" } }),
    "machines[0].sleep.header: the board writes the field host itself; leave it out",
  ],
  [
    documentOf({ sleep: { url: "http://nas.home/", header: "Bearer x" } }),
    "machines[0].sleep.header: is not valid; wanted a field such as Authorization: Bearer KEY, of at most 240 characters",
  ],
  [
    documentOf({ idleMs: 600 }),
    "machines[0].idleMs: is 600; wanted a whole number from 10000 to 86400000",
  ],
  [
    documentOf({ awakeTimes: ["7:30-22:00"] }),
    'machines[0].awakeTimes[0]: is "7:30-22:00"; wanted times such as 07:30-22:00, or mon-fri 07:30-22:00',
  ],
  [
    documentOf({ awakeTimes: ["22:00-22:00"] }),
    'machines[0].awakeTimes[0]: is "22:00-22:00", which ends when it begins; for a whole day use 00:00-24:00',
  ],
  [
    documentOf({ awakeTimes: ["07:30-22:00"] }, { time: { server: "" } }),
    'machines[0].awakeTimes: needs the time of day, but time.server is ""; set it',
  ],
  [
    documentOf({ asleepCheckMs: 500 }),
    "machines[0].asleepCheckMs: is 500; wanted 0 for no checks, or 1000 and more",
  ],
  [documentOf({}, { holdMs: 100 }), "holdMs: is 100; wanted a whole number from 1000 to 86400000"],
  [documentOf({}, { heldMax: 17 }), "heldMax: is 17; wanted a whole number from 0 to 16"],
  [
    documentOf({}, { wakeAtPercent: 0 }),
    "wakeAtPercent: is 0; wanted a whole number from 10 to 100",
  ],
])("%j is refused", (document, complaint) => {
  expect(complaints(document)).toEqual([complaint]);
});

test.each([4, 13, 14, 17, 32, 33])(
  "pin %i presses a button, on a board with Ethernet, too",
  gpio => {
    expect(complaints(documentOf({ wakeBy: { gpio } }), "wifi")).toEqual([]);
    expect(complaints(documentOf({ wakeBy: { gpio } }), "ethernet")).toEqual([]);
  },
);

test.each([16, 18, 19, 21, 22, 23, 25, 26, 27])(
  "pin %i belongs to Ethernet where the board has it",
  gpio => {
    expect(complaints(documentOf({ wakeBy: { gpio } }), "wifi")).toEqual([]);
    expect(complaints(documentOf({ wakeBy: { gpio } }), "ethernet")).toEqual([
      `machines[0].wakeBy.gpio: is ${gpio}, which the board's Ethernet uses; wanted one of 4, 13, 14, 17, 32, 33`,
    ]);
  },
);

test.each([
  [[], "no client may wake it"],
  [[{}], "every client may"],
])("wakeFor may be %j: %s", wakeFor => {
  expect(complaints(documentOf({ wakeFor }))).toEqual([]);
});
