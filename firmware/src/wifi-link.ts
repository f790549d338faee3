import type { TextStore } from "./config/storage.ts";
import {
  type Credentials,
  forgetCredentials,
  GIVEN,
  isSame,
  LAST,
  saveCredentials,
  savedCredentials,
} from "./config/wifi-credentials.ts";
import type { Report } from "./log/event.ts";
import type { Cancel, Clock, Link } from "./platform.ts";
import { exceptionText } from "./text/exception.ts";

/** Pause between attempts to join; doubled each time up to the maximum, without an end. */
const RETRY_MS_MIN = 1_000;
export const RETRY_MS_MAX = 30_000;

/** An attempt to join that has no address after this time has failed: a DHCP server may never answer. */
export const JOIN_TIMEOUT_MS = 20_000;

/**
 * Interval between checks of the address. A renewed DHCP lease may bring another address or none, and the driver does
 * not call `onChanged` for that (wifi-esp32.c: doIPEvent, wifiConnectDeliver).
 */
export const ADDRESS_CHECK_MS = 10_000;

/** Values of the driver's `connection`: associated with an address, and not associated. */
const CONNECTION_READY = 500;
const CONNECTION_NONE = 200;

/** Time for another network to give an address; then the previous one is joined again. */
const ROLLBACK_MS = 60_000;

/**
 * Trial of another network: it is saved if it is confirmed within this time, in which the operator has to change
 * networks, too, and to find the new address.
 */
export const NETWORK_TRIAL_MS = 120_000;

/** The part of the SDK's `embedded:network/interface/wifi` that is used. */
export interface WiFiDriver {
  connect(options: { SSID: string; password?: string }): void;
  disconnect(): void;
  readonly connection: number;
  /** Without an IPv4 address it is an IPv6 one. */
  readonly address: string | undefined;
  readonly RSSI: number | undefined;
}

export interface WiFiParts {
  readonly WiFi: new (options: { onChanged(property: string): void }) => WiFiDriver;
  readonly clock: Clock;
  readonly report: Report;
  /** Where credentials are kept; absent where flash cannot be opened. */
  readonly store: TextStore | undefined;
  /** Keeps the radio awake between beacons. */
  stayAwake(): void;
}

/**
 * Opens the Wi-Fi link. Credentials that are new in this build are used first, once; after that the network that was
 * joined last, so that one named at run time is used again after a restart.
 */
export function openWifi(parts: WiFiParts, given: Credentials): Link {
  const { store } = parts;
  const last = savedCredentials(store, LAST);
  const isNew = given.ssid !== "" && !isSame(given, savedCredentials(store, GIVEN));
  const credentials = isNew ? given : (last ?? given);
  if (isNew) saveCredentials(store, GIVEN, given);
  return new WifiLink(parts, credentials);
}

/**
 * A Wi-Fi station that joins, and rejoins without an end, without blocking. The SDK does not rejoin by itself, and
 * gives no reason: a wrong password looks like any other disconnect. While no network is known, as after a whole flash
 * image was written, which erases NVS, it waits until one is named on the console.
 */
class WifiLink implements Link {
  #parts: WiFiParts;
  /** The name is empty while no network is known. */
  #credentials: Credentials;
  /** Created at the first attempt to join. */
  #wifi: WiFiDriver | undefined;
  #address: string | undefined;
  #retryMs = RETRY_MS_MIN;
  #alarm: Cancel | undefined;
  #changed: (() => void) | undefined;
  /** While another network is on trial: the previous one, and when it is joined again if there is no address. */
  #previous: { credentials: Credentials; atMs: number } | undefined;
  /** Ends the trial of the other network, which begins when it has given an address. */
  #trial: Cancel | undefined;

  constructor(parts: WiFiParts, credentials: Credentials) {
    this.#parts = parts;
    this.#credentials = credentials;
    if (credentials.ssid !== "") {
      this.#join();
      return;
    }
    parts.report({
      level: "E",
      on: "net",
      what: "no-ssid",
      error:
        "no Wi-Fi is known; deploy with ssid=NAME password=PASSWORD, or type: wifi NAME PASSWORD",
    });
  }

  get address(): string | undefined {
    return this.#address;
  }

  get rssi(): number | undefined {
    return this.#wifi?.RSSI;
  }

  get ssid(): string | undefined {
    return this.#credentials.ssid || undefined;
  }

  get onTrial(): boolean {
    return this.#previous !== undefined;
  }

  watch(changed: () => void): void {
    this.#changed = changed;
  }

  join(ssid: string, password: string): void {
    const before = this.#previous?.credentials ?? this.#credentials;
    this.#credentials = { ssid, password };
    if (before.ssid === "") {
      this.#join();
      return;
    }
    this.#endTrial();
    if (!isSame(this.#credentials, before)) {
      const atMs = this.#parts.clock.now() + ROLLBACK_MS;
      this.#previous = { credentials: before, atMs };
    }
    this.rejoin();
  }

  confirm(): void {
    if (this.#previous === undefined || this.#address === undefined) return;
    this.#endTrial();
    saveCredentials(this.#parts.store, LAST, this.#credentials);
    this.#parts.report({ level: "I", on: "net", what: "saved", ssid: this.#credentials.ssid });
  }

  rejoin(): void {
    if (this.#credentials.ssid === "") return;
    this.#retryMs = RETRY_MS_MIN;
    this.#leave("leaving");
  }

  forget(): void {
    forgetCredentials(this.#parts.store);
  }

  #join(): void {
    const { ssid, password } = this.#credentials;
    this.#parts.report({ level: "I", on: "net", what: "joining", ssid });
    this.#wifi ??= this.#open();
    try {
      this.#wifi.connect(password === "" ? { SSID: ssid } : { SSID: ssid, password });
      this.#after(JOIN_TIMEOUT_MS, () => this.#failed());
    } catch {
      this.#failed(); // the driver says no more than "connect failed"
    }
  }

  #open(): WiFiDriver {
    const { WiFi, report } = this.#parts;
    return new WiFi({
      onChanged: () => {
        // An exception that leaves the driver's callback reboots the chip, again at each join.
        try {
          this.#update();
        } catch (error) {
          report({ level: "E", on: "net", what: "exception", error: exceptionText(error) });
        }
      },
    });
  }

  #update(): void {
    const { connection } = this.#wifi!;
    const address = this.#given;
    if (connection >= CONNECTION_READY && address !== undefined) {
      this.#retryMs = RETRY_MS_MIN;
      this.#use(address);
    } else if (connection <= CONNECTION_NONE) {
      this.#failed();
    }
  }

  /** The IPv4 address of the driver. */
  get #given(): string | undefined {
    const { address } = this.#wifi!;
    return address?.includes(":") ? undefined : address;
  }

  #use(address: string): void {
    this.#after(ADDRESS_CHECK_MS, () => {
      const now = this.#given;
      if (now === undefined) this.#failed();
      else this.#use(now);
    });
    if (address === this.#address) return;
    const joined = this.#address === undefined;
    this.#address = address;
    if (joined) {
      this.#parts.stayAwake();
      if (this.#previous === undefined) saveCredentials(this.#parts.store, LAST, this.#credentials);
      else this.#beginTrial();
    }
    this.#changed?.();
  }

  /** The network is saved if it is confirmed in time, even if it was lost in between. */
  #beginTrial(): void {
    if (this.#trial !== undefined) return;
    const { clock, report } = this.#parts;
    const { ssid } = this.#credentials;
    report({ level: "I", on: "net", what: "trial", ssid, ms: NETWORK_TRIAL_MS });
    this.#trial = clock.after(NETWORK_TRIAL_MS, () => {
      this.#rollBack("unconfirmed");
      this.rejoin();
    });
  }

  #endTrial(): void {
    this.#trial?.();
    this.#trial = undefined;
    this.#previous = undefined;
  }

  /** Takes the credentials of the previous network again. */
  #rollBack(why: string): void {
    const { ssid } = this.#credentials;
    this.#parts.report({ level: "W", on: "net", what: "rolled-back", ssid, why });
    this.#credentials = this.#previous!.credentials;
    this.#endTrial();
  }

  #failed(): void {
    this.#leave(this.#address === undefined ? "join-failed" : "lost");
  }

  /** Gives the address up, and joins again after a pause. */
  #leave(what: "lost" | "join-failed" | "leaving"): void {
    const hadAddress = this.#address !== undefined;
    this.#address = undefined;
    const { clock } = this.#parts;
    const isLate = this.#previous !== undefined && clock.now() >= this.#previous.atMs;
    if (isLate && this.#trial === undefined) this.#rollBack("no-address");
    const retryMs = this.#retryMs;
    this.#retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    if (what === "leaving") this.#parts.report({ level: "I", on: "net", what, retryMs });
    else this.#parts.report({ level: "W", on: "net", what, retryMs });
    this.#after(retryMs, () => {
      // A hanging attempt must be ended first; the disconnect of that is not another failure.
      this.#wifi!.disconnect();
      this.#after(RETRY_MS_MIN, () => this.#join());
    });
    if (hadAddress) this.#changed?.();
  }

  #after(ms: number, task: () => void): void {
    this.#alarm?.();
    this.#alarm = this.#parts.clock.after(ms, task);
  }
}
