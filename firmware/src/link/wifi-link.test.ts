import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import { NETWORK_DEFAULTS, NETWORK_TRIAL_MS } from "../config/network.ts";
import { TextStore } from "../config/storage.ts";
import type { Event } from "../log/event.ts";
import type { Storage } from "../platform.ts";
import { ADDRESS_CHECK_MS, JOIN_TIMEOUT_MS, RETRY_MS_MAX } from "./network-link.ts";
import { openWifi, type WiFiDriver } from "./wifi-link.ts";

const HOME = { ssid: "home", password: "password-1" };
const LINK_LOCAL = "fe80::1";

/** The driver as wifi-esp32.c: `onChanged` comes when `connection` changes, and never for an address alone. */
class Driver implements WiFiDriver {
  connection = 200;
  address: string | undefined;
  RSSI = -50;
  MAC = "24:0a:c4:00:00:01";
  /** The options of each `configure`, and how many networks the driver was told to join before. */
  readonly settings: { options: object; connects: number }[] = [];
  /** The networks that it was told to join. */
  readonly connects: object[] = [];
  onChanged!: (property: string) => void;

  connect(options: object): void {
    if (this.connection === 300) throw new Error("already connecting");
    this.connects.push(options);
    this.connection = 300;
  }

  /** The error that `configure` throws. */
  refusal: string | undefined;

  configure(options: object): void {
    if (this.refusal !== undefined) throw new Error(this.refusal);
    this.settings.push({ options, connects: this.connects.length });
  }

  close(): void {}

  disconnect(): void {
    this.connection = 200;
    this.address = undefined;
  }

  /** The access point and the DHCP server have answered. */
  joins(address: string): void {
    this.connection = 500;
    this.address = address;
    this.onChanged("connection");
  }

  /** The access point is gone, or has refused. */
  drops(): void {
    this.disconnect();
    this.onChanged("connection");
  }
}

const MEMORY = () => {
  const entries = new Map<string, string>();
  return {
    entries,
    storage: {
      read: (key: string): unknown => entries.get(key),
      write: (key: string, value: string) => void entries.set(key, value),
      delete: (key: string) => void entries.delete(key),
    } satisfies Storage,
  };
};

function link(given = HOME, storage: Storage = MEMORY().storage, refusal?: string) {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const driver = new Driver();
  driver.refusal = refusal;
  let drivers = 0;
  const changes: (string | undefined)[] = [];
  const report = (event: Event) => events.push(event);
  let awake = 0;
  const opened = openWifi(
    {
      WiFi: class {
        constructor({ onChanged }: { onChanged(property: string): void }) {
          driver.onChanged = onChanged;
          drivers++;
          // biome-ignore lint/correctness/noConstructorReturn: there is one driver, which the test moves.
          return driver;
        }
      } as never,
      clock,
      report,
      store: new TextStore(storage, report),
      stayAwake: () => awake++,
      state: () => ({
        netmask: "255.255.255.0",
        gateway: "10.0.0.1",
        dnsServers: ["10.0.0.1", "10.0.0.2"],
      }),
    },
    given,
  );
  opened.watch(() => changes.push(opened.address));
  opened.configure!(NETWORK_DEFAULTS);
  const said = () =>
    events.map(event => ("what" in event ? `${event.on} ${event.what}` : event.on));
  return {
    clock,
    events,
    driver,
    link: opened,
    changes,
    said,
    awake: () => awake,
    opened: () => drivers,
  };
}

test("it joins, keeps the radio awake, reports the address, and saves the network", () => {
  const { entries, storage } = MEMORY();
  const { driver, link: wifi, changes, awake } = link(HOME, storage);
  expect([driver.connects, wifi.address]).toEqual([
    [{ SSID: "home", password: "password-1" }],
    undefined,
  ]);
  driver.joins("10.0.0.7");
  expect([changes, wifi.rssi, awake()]).toEqual([["10.0.0.7"], -50, 1]);
  expect(entries.get("ssid")).toBe("home");
  expect(entries.get("password")).toBe("password-1");
  expect(link({ ssid: "", password: "" }, storage).driver.connects).toHaveLength(1);
});

test("an address that DHCP has changed is reported within the interval of a check, once", async () => {
  const { clock, driver, changes } = link();
  driver.joins("10.0.0.7");
  await clock.run({ ms: 3 * ADDRESS_CHECK_MS });
  driver.address = "10.0.0.8"; // the driver says nothing
  await clock.run({ ms: ADDRESS_CHECK_MS });
  expect(changes).toEqual(["10.0.0.7", "10.0.0.8"]);
  await clock.run({ ms: 10 * ADDRESS_CHECK_MS });
  expect(changes).toHaveLength(2);
});

test("an address that DHCP has withdrawn is a lost network, which is joined again", async () => {
  const { clock, driver, changes, said } = link();
  driver.joins("10.0.0.7");
  driver.address = LINK_LOCAL; // what the driver has instead
  await clock.run({ ms: ADDRESS_CHECK_MS });
  expect([changes, said().at(-1)]).toEqual([["10.0.0.7", undefined], "net lost"]);
  await clock.run({ ms: 2_000 });
  expect(driver.connects).toHaveLength(2);
  driver.joins("10.0.0.9");
  expect(changes.at(-1)).toBe("10.0.0.9");
});

test("an absent network is tried without end, at growing intervals", async () => {
  const { clock, driver, changes, events } = link();
  driver.joins("10.0.0.7");
  driver.drops();
  expect(changes).toEqual(["10.0.0.7", undefined]);
  await clock.run({ ms: 20 * (JOIN_TIMEOUT_MS + RETRY_MS_MAX) });
  const pauses = events.flatMap(event => ("retryMs" in event ? [event.retryMs] : []));
  expect(pauses.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  driver.joins("10.0.0.7");
  driver.drops();
  expect(events.at(-1)).toMatchObject({ what: "lost", retryMs: 1_000 });
});

test("an exception of the program does not leave the driver's callback: it is reported, and the link goes on", async () => {
  const { clock, driver, link: wifi, said, events } = link();
  wifi.watch(() => {
    throw new Error("no listener");
  });
  expect(() => driver.joins("10.0.0.7")).not.toThrow();
  expect(said()).toEqual(["net joining", "net exception"]);
  expect(events.at(-1)).toMatchObject({ error: expect.stringMatching(/^Error: no listener at /) });
  const changes: (string | undefined)[] = [];
  wifi.watch(() => changes.push(wifi.address));
  driver.address = "10.0.0.8";
  await clock.run({ ms: ADDRESS_CHECK_MS });
  expect(changes).toEqual(["10.0.0.8"]);
});

const fails = () => {
  throw new Error("ESP_ERR_NVS_NOT_ENOUGH_SPACE");
};

test.each<[string, Partial<Storage>]>([
  ["is full", { write: fails }],
  ["cannot be read", { read: fails }],
  ["gives a number", { read: () => 7 }],
  ["gives bytes", { read: () => new ArrayBuffer(4) }],
])("a flash that %s is a line of the log at a join, and the link is up", (_what, broken) => {
  const { driver, changes, said } = link(HOME, { ...MEMORY().storage, ...broken });
  driver.joins("10.0.0.7");
  expect(changes).toEqual(["10.0.0.7"]);
  expect(said()).toContain("write" in broken ? "storage failed" : "storage ignored");
  expect(said()).not.toContain("net exception");
});

test("a name is not saved with another network's password", () => {
  const { entries, storage } = MEMORY();
  entries.set("ssid", "home").set("password", "password-1");
  const write = (key: string, value: string) =>
    key === "ssid" ? fails() : storage.write(key, value);
  const { driver } = link({ ssid: "office", password: "password-2" }, { ...storage, write });
  driver.joins("10.0.0.7");
  expect([entries.get("ssid"), entries.get("password")]).toEqual(["home", "password-1"]);
});

test("without a network, or with one that cannot be read, it waits until one is named", () => {
  const broken: Storage = { ...MEMORY().storage, read: fails };
  const { driver, link: wifi, said, changes } = link({ ssid: "", password: "" }, broken);
  expect([said().at(-1), driver.connects]).toEqual(["net no-ssid", []]);
  wifi.join?.("home", "password-1");
  driver.joins("10.0.0.7");
  expect(changes).toEqual(["10.0.0.7"]);
});

test("a requested network that does not answer is replaced by the previous one", async () => {
  const { clock, driver, link: wifi } = link();
  driver.joins("10.0.0.7");
  wifi.join?.("office", "password-2");
  await clock.run({ ms: 120_000 });
  expect(driver.connects[1]).toEqual({ SSID: "office", password: "password-2" });
  expect(driver.connects.at(-1)).toEqual({ SSID: "home", password: "password-1" });
});

test.each([
  ["when it is joined", true],
  ["while it is joined", false],
])(
  "a network that the operator leaves %s is not reported as lost or failed",
  async (_when, joined) => {
    const { clock, driver, link: wifi, said, events } = link();
    if (joined) driver.joins("10.0.0.7");
    wifi.rejoin!();
    expect(wifi.address).toBeUndefined();
    expect(events.at(-1)).toEqual({ level: "I", on: "net", what: "leaving", retryMs: 1_000 });
    await clock.run({ ms: 2_000 });
    expect(said()).toEqual(["net joining", "net leaving", "net joining"]);
  },
);

test("a network that was set at run time can be erased", () => {
  const { entries, storage } = MEMORY();
  const { link: opened, driver } = link(HOME, storage);
  driver.joins("10.0.0.7");
  expect(entries.get("ssid")).toBe("home");
  opened.forget!();
  expect(entries.size).toBe(0);
});

describe("another network that has given an address", () => {
  /** The link on another network, whose trial has begun. */
  async function tried() {
    const { entries, storage } = MEMORY();
    const linked = link(HOME, storage);
    const { clock, driver, link: wifi } = linked;
    driver.joins("10.0.0.7");
    wifi.join!("office", "password-2");
    await clock.run({ ms: 5000 });
    driver.joins("10.1.0.7");
    expect([wifi.address, wifi.ssid, wifi.onTrial]).toEqual(["10.1.0.7", "office", true]);
    expect(entries.get("ssid")).toBe("home");
    return { ...linked, entries, storage };
  }

  test("is saved when it is confirmed, and joined after a restart, although the build has another", async () => {
    const { clock, driver, link: wifi, said, entries, storage } = await tried();
    await clock.run({ ms: NETWORK_TRIAL_MS - 1000 });
    wifi.confirm!();
    await clock.run({ ms: 2 * NETWORK_TRIAL_MS });
    expect([wifi.address, wifi.onTrial, said().at(-1)]).toEqual(["10.1.0.7", false, "net saved"]);
    expect([entries.get("ssid"), entries.get("password")]).toEqual(["office", "password-2"]);
    expect(driver.connects).toHaveLength(2);
    const again = link(HOME, storage).driver.connects;
    expect(again).toEqual([{ SSID: "office", password: "password-2" }]);
    const rebuilt = link({ ssid: "lab", password: "password-3" }, storage).driver.connects;
    expect(rebuilt).toEqual([{ SSID: "lab", password: "password-3" }]);
  });

  test("is rolled back if it is not confirmed", async () => {
    const { clock, driver, link: wifi, events, entries } = await tried();
    await clock.run({ ms: NETWORK_TRIAL_MS + 5000 });
    expect(events).toContainEqual({
      level: "W",
      on: "net",
      what: "rolled-back",
      ssid: "office",
      why: "unconfirmed",
    });
    expect(driver.connects.at(-1)).toEqual({ SSID: "home", password: "password-1" });
    driver.joins("10.0.0.7");
    expect([wifi.address, wifi.onTrial]).toEqual(["10.0.0.7", false]);
    expect(entries.get("ssid")).toBe("home");
  });

  test("may be lost and return meanwhile, and a confirmation during the loss is ignored", async () => {
    const { clock, driver, link: wifi, said } = await tried();
    driver.drops();
    wifi.confirm!();
    expect(wifi.onTrial).toBe(true);
    await clock.run({ ms: 5000 });
    driver.joins("10.1.0.7");
    expect(said().filter(text => text === "net trial")).toHaveLength(1);
    await clock.run({ ms: NETWORK_TRIAL_MS });
    expect(driver.connects.at(-1)).toEqual({ SSID: "home", password: "password-1" });
  });

  test("followed by a third one returns to the first", async () => {
    const { clock, driver, link: wifi } = await tried();
    wifi.join!("lab", "password-3");
    await clock.run({ ms: 5000 });
    driver.joins("10.2.0.7");
    await clock.run({ ms: NETWORK_TRIAL_MS + 5000 });
    expect(driver.connects.slice(2)).toEqual([
      { SSID: "lab", password: "password-3" },
      { SSID: "home", password: "password-1" },
    ]);
  });
});

test("the current network needs no trial when it is requested again", async () => {
  const { clock, driver, link: wifi } = link();
  driver.joins("10.0.0.7");
  wifi.join!("home", "password-1");
  await clock.run({ ms: 5000 });
  driver.joins("10.0.0.7");
  expect(wifi.onTrial).toBe(false);
});

test("the first network of a board needs no trial", () => {
  const { entries, storage } = MEMORY();
  const { driver, link: wifi } = link({ ssid: "", password: "" }, storage);
  wifi.join!("home", "password-1");
  driver.joins("10.0.0.7");
  expect([wifi.onTrial, entries.get("ssid")]).toEqual([false, "home"]);
});

describe("the name and the address of the configuration", () => {
  const FIXED = {
    ...NETWORK_DEFAULTS,
    address: "10.0.0.50",
    netmask: "255.255.255.0",
    gateway: "10.0.0.1",
  };
  const STATIC = { address: "10.0.0.50", mask: "255.255.255.0", gateway: "10.0.0.1" };

  test("go to the driver before it joins", () => {
    const { driver } = link();
    expect(driver.settings).toEqual([{ options: { hostname: "hot-potato" }, connects: 0 }]);
  });

  test("are used after the network is left and joined again, and DHCP after them", async () => {
    const { clock, driver, link: wifi, said, changes } = link();
    driver.joins("10.0.0.7");
    wifi.configure!(FIXED);
    expect([wifi.address, said().at(-1), driver.settings.length]).toEqual([
      undefined,
      "net leaving",
      1,
    ]);
    await clock.run({ ms: 3000 });
    driver.joins("10.0.0.50");
    wifi.configure!(NETWORK_DEFAULTS);
    await clock.run({ ms: 3000 });
    expect(driver.settings.slice(1)).toEqual([
      { options: { hostname: "hot-potato" }, connects: 1 },
      { options: { static: STATIC }, connects: 1 },
      { options: { hostname: "hot-potato" }, connects: 2 },
      { options: { static: false }, connects: 2 },
    ]);
    expect(changes).toEqual(["10.0.0.7", undefined, "10.0.0.50", undefined]);
  });

  test("stay as they are when only DNS servers change, and those are used at once", () => {
    const { driver, link: wifi } = link();
    driver.joins("10.0.0.7");
    expect(wifi.dnsServers).toEqual(["10.0.0.1", "10.0.0.2"]);
    wifi.configure!({ ...NETWORK_DEFAULTS, dns: ["9.9.9.9"] });
    expect([wifi.address, wifi.dnsServers]).toEqual(["10.0.0.7", ["9.9.9.9"]]);
    expect(driver.connects).toHaveLength(1);
  });

  test("that the driver refuses are a failed attempt with the driver's words, and it is opened anew", async () => {
    const { clock, driver, events, opened } = link();
    driver.refusal = "set hostname failed";
    driver.drops();
    await clock.run({ ms: 3000 });
    expect(events.at(-1)).toMatchObject({ what: "joining" }); // they were accepted before
    const again = link(HOME, MEMORY().storage, "set hostname failed");
    expect(again.events.at(-1)).toMatchObject({
      what: "join-failed",
      error: "Error: set hostname failed",
    });
    again.driver.refusal = undefined;
    await again.clock.run({ ms: 2000 });
    expect([again.opened(), again.driver.connects.length, opened()]).toEqual([2, 1, 1]);
  });
});

test("what DHCP has set is asked for only while there is an address", () => {
  const { driver, link: wifi } = link();
  expect([wifi.interfaceState, wifi.dnsServers]).toEqual([undefined, []]);
  driver.joins("10.0.0.7");
  expect([wifi.kind, wifi.mac]).toEqual(["wifi", "24:0a:c4:00:00:01"]);
  expect(wifi.interfaceState).toMatchObject({ netmask: "255.255.255.0", gateway: "10.0.0.1" });
});
