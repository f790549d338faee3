import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import { NETWORK_DEFAULTS } from "../config/network.ts";
import type { Event } from "../log/event.ts";
import { openEthernet } from "./ethernet-link.ts";
import type { LinkDriver, StaticAddress } from "./network-link.ts";

const FIXED = {
  ...NETWORK_DEFAULTS,
  address: "10.0.0.50",
  netmask: "255.255.255.0",
  gateway: "10.0.0.1",
};

/** The driver as ethernet-esp32.c: it joins by itself when there is a cable. */
class Driver implements LinkDriver {
  connection = 200;
  MAC = "24:0a:c4:00:00:03";
  hasPhy = true;
  readonly settings: object[] = [];
  onChanged!: (property: string) => void;
  #static: StaticAddress = false;
  #lease: string | undefined;

  get address(): string | undefined {
    if (this.#static !== false && this.#static.address !== "0.0.0.0") return this.#static.address;
    return this.#lease ?? "fe80::1";
  }

  configure(options: { hostname?: string; static?: StaticAddress }): void {
    if (!this.hasPhy) throw new Error("not initialized");
    if (options.static !== undefined) {
      this.#static = options.static;
      this.#lease = undefined;
      // With a cable: 500 for a static address; back to DHCP 400, and IPv6 never brings it to 500 again.
      if (this.connection > 200) this.connection = options.static === false ? 400 : 500;
    }
    if (Object.keys(options).length > 0) this.settings.push(options);
  }

  close(): void {}

  /** The DHCP server answers; `onChanged` is called only at the first time with this cable. */
  leases(address: string): void {
    this.#lease = address;
    if (this.connection === 400 && this.settings.length === 1) {
      this.connection = 500;
      this.onChanged("connection");
    }
  }

  plug(): void {
    this.connection = 400;
    this.onChanged("connection");
  }

  unplug(): void {
    this.connection = 200;
    this.#lease = undefined;
    this.onChanged("connection");
  }
}

function link(hasPhy = true) {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const driver = new Driver();
  driver.hasPhy = hasPhy;
  let opened = 0;
  const ethernet = openEthernet({
    Ethernet: class {
      constructor({ onChanged }: { onChanged(property: string): void }) {
        driver.onChanged = onChanged;
        opened++;
        // biome-ignore lint/correctness/noConstructorReturn: there is one driver, which the test moves.
        return driver;
      }
    } as never,
    clock,
    report: event => events.push(event),
  });
  const changes: (string | undefined)[] = [];
  ethernet.watch(() => changes.push(ethernet.address));
  return { clock, events, driver, ethernet, changes, opened: () => opened };
}

test("a cable and a DHCP server give an address; without the cable it is lost, and another cable gives one again", async () => {
  const { clock, driver, ethernet, changes, events } = link();
  ethernet.configure!(NETWORK_DEFAULTS);
  await clock.run({ ms: 5_000 });
  driver.plug();
  driver.leases("10.0.0.7");
  expect([changes, ethernet.kind, ethernet.mac]).toEqual([
    ["10.0.0.7"],
    "ethernet",
    "24:0a:c4:00:00:03",
  ]);
  driver.unplug();
  expect(events.at(-1)).toMatchObject({ what: "lost" });
  await clock.run({ ms: 100_000 });
  driver.plug();
  driver.leases("10.0.0.8");
  expect(changes).toEqual(["10.0.0.7", undefined, "10.0.0.8"]);
});

test("a static address is one only with a cable", async () => {
  const { clock, driver, ethernet, changes } = link();
  ethernet.configure!(FIXED);
  await clock.run({ ms: 60_000 });
  expect([changes, ethernet.address]).toEqual([[], undefined]);
  driver.plug();
  expect(changes).toEqual(["10.0.0.50"]);
});

test("another host name starts DHCP anew, and the address is found although the driver does not report it", async () => {
  const { clock, driver, ethernet, changes } = link();
  ethernet.configure!(NETWORK_DEFAULTS);
  driver.plug();
  driver.leases("10.0.0.7");
  ethernet.configure!({ ...NETWORK_DEFAULTS, hostname: "potato-2" });
  await clock.run({ ms: 5_000 });
  expect(driver.settings).toEqual([
    { hostname: "hot-potato" },
    { hostname: "potato-2" },
    { static: { address: "0.0.0.0", mask: "0.0.0.0", gateway: "0.0.0.0" } },
    { static: false },
  ]);
  expect(ethernet.address).toBe(undefined);
  driver.leases("10.0.0.7");
  await clock.run({ ms: 1_000 });
  expect(changes).toEqual(["10.0.0.7", undefined, "10.0.0.7"]);
});

test("without a PHY the log says so, and the driver is opened again until one answers", async () => {
  const { clock, driver, ethernet, events, opened, changes } = link(false);
  ethernet.configure!(NETWORK_DEFAULTS);
  expect(events).toEqual([
    {
      level: "W",
      on: "net",
      what: "join-failed",
      retryMs: 1_000,
      error: "Error: no Ethernet PHY answers",
    },
  ]);
  await clock.run({ ms: 20_000 });
  driver.hasPhy = true;
  await clock.run({ ms: 40_000 });
  driver.plug();
  driver.leases("10.0.0.7");
  expect([opened() > 2, changes]).toEqual([true, ["10.0.0.7"]]);
});
