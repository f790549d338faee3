import WiFi from "embedded:network/interface/wifi";
import storage from "embedded:storage/key-value";
import { disablePowerSave } from "chip/machine";
import { readText } from "storage";
import type { Report } from "../../admin/event.ts";
import type { Cancel, Clock, Link } from "../../platform.ts";
import type { Credentials, OpenLink } from "../open-link.ts";

/** Pauses between attempts to join: doubled each time, up to the longest, for ever. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 30_000;

/** An attempt that has no address by then is given up: a DHCP server may never answer. */
const JOIN_TIMEOUT_MS = 20_000;

/** States of the SDK's `connection`: associated and addressed, and the ones that are neither. */
const CONNECTION_READY = 500;
const CONNECTION_NONE = 200;

/** A network that was asked for has so long to give an address; then it is the one before again. */
const FALLBACK_MS = 60_000;

/** Where credentials are kept in flash; names of NVS have 15 characters at most. */
const kept = storage.open({ path: "wifi", mode: "r+", format: "string" });

/**
 * The Wi-Fi as a station: joins, and joins again for ever, without ever blocking. The SDK does
 * neither by itself, and tells no reason: a wrong password looks like any other disconnect.
 */
class WifiLink implements Link {
  #clock: Clock;
  #report: Report;
  #credentials: Credentials;
  #wifi: WiFi;
  #address: string | undefined;
  #retryMs = RETRY_MS_MIN;
  #alarm: Cancel | undefined;
  #changed: (() => void) | undefined;
  /** What to go back to, and when, while another network is tried. */
  #fallback: { credentials: Credentials; atMs: number } | undefined;

  constructor(clock: Clock, report: Report, credentials: Credentials) {
    this.#clock = clock;
    this.#report = report;
    this.#credentials = credentials;
    this.#wifi = new WiFi({ onChanged: () => this.#update() });
    this.#join();
  }

  get address(): string | undefined {
    return this.#address;
  }

  get rssi(): number | undefined {
    return this.#wifi.RSSI;
  }

  watch(changed: () => void): void {
    this.#changed = changed;
  }

  join(ssid: string, password: string): void {
    const credentials = this.#fallback?.credentials ?? this.#credentials;
    this.#fallback = { credentials, atMs: this.#clock.now() + FALLBACK_MS };
    this.#credentials = { ssid, password };
    this.#retryMs = RETRY_MS_MIN;
    this.#failed();
  }

  rejoin(): void {
    this.#retryMs = RETRY_MS_MIN;
    this.#failed();
  }

  #join(): void {
    const { ssid, password } = this.#credentials;
    this.#report({ level: "I", on: "net", what: "joining", ssid });
    try {
      this.#wifi.connect(password === "" ? { SSID: ssid } : { SSID: ssid, password });
      this.#after(JOIN_TIMEOUT_MS, () => this.#failed());
    } catch {
      this.#failed(); // the driver says no more than "connect failed"
    }
  }

  #update(): void {
    const { connection, address } = this.#wifi;
    if (connection >= CONNECTION_READY && address !== undefined) {
      this.#alarm?.();
      this.#retryMs = RETRY_MS_MIN;
      this.#fallback = undefined;
      if (address === this.#address) return;
      disablePowerSave();
      remember(this.#credentials, this.#report);
      this.#address = address;
      this.#changed?.();
    } else if (connection <= CONNECTION_NONE) {
      this.#failed();
    }
  }

  #failed(): void {
    const lost = this.#address !== undefined;
    this.#address = undefined;
    if (this.#fallback !== undefined && this.#clock.now() >= this.#fallback.atMs) {
      this.#credentials = this.#fallback.credentials;
      this.#fallback = undefined;
    }
    const retryMs = this.#retryMs;
    this.#retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    this.#report({ level: "W", on: "net", what: lost ? "lost" : "failed", retryMs });
    this.#after(retryMs, () => {
      // An attempt that hangs must be ended first; its own disconnect is not another failure.
      this.#wifi.disconnect();
      this.#after(RETRY_MS_MIN, () => this.#join());
    });
    if (lost) this.#changed?.();
  }

  #after(ms: number, task: () => void): void {
    this.#alarm?.();
    this.#alarm = this.#clock.after(ms, task);
  }
}

/**
 * No network is known, as after a whole flash image was written: then NVS is empty. Waits until
 * somebody names one at the console.
 */
class NamelessLink implements Link {
  #open: (credentials: Credentials) => Link;
  #link: Link | undefined;
  #changed: () => void = () => {};

  constructor(open: (credentials: Credentials) => Link) {
    this.#open = open;
  }

  get address(): string | undefined {
    return this.#link?.address;
  }

  get rssi(): number | undefined {
    return this.#link?.rssi;
  }

  watch(changed: () => void): void {
    this.#changed = changed;
  }

  join(ssid: string, password: string): void {
    if (this.#link === undefined) {
      this.#link = this.#open({ ssid, password });
      this.#link.watch(this.#changed);
    } else {
      this.#link.join?.(ssid, password);
    }
  }

  rejoin(): void {
    this.#link?.rejoin?.();
  }
}

/** The way to the network. Credentials come from the build, else from the last build that had any. */
export const openLink: OpenLink = (clock, report, given) => {
  const credentials = given.ssid === "" ? remembered(report) : given;
  if (credentials !== undefined) return new WifiLink(clock, report, credentials);
  report({
    level: "E",
    on: "net",
    what: "no-ssid",
    error:
      "no Wi-Fi is known; deploy with ssid=NAME password=PASSWORD, or type: wifi NAME PASSWORD",
  });
  return new NamelessLink(named => new WifiLink(clock, report, named));
};

function remembered(report: Report): Credentials | undefined {
  const ssid = readText(kept, "ssid", report);
  return ssid === undefined
    ? undefined
    : { ssid, password: readText(kept, "password", report) ?? "" };
}

/** Flash wears: it is written only when something is new. */
function remember(credentials: Credentials, report: Report): void {
  const known = remembered(report);
  if (known?.ssid === credentials.ssid && known.password === credentials.password) return;
  kept.write("ssid", credentials.ssid);
  kept.write("password", credentials.password);
}
