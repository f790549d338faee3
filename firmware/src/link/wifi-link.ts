import { NETWORK_TRIAL_MS } from "../config/network.ts";
import type { TextStore } from "../config/storage.ts";
import {
  type Credentials,
  forgetCredentials,
  GIVEN,
  isSame,
  LAST,
  saveCredentials,
  savedCredentials,
} from "../config/wifi-credentials.ts";
import type { Cancel, Link } from "../platform.ts";
import { type LinkDriver, type LinkParts, NetworkLink } from "./network-link.ts";

/** Value of the driver's `connection`: associated with an address of its own. */
const CONNECTION_READY = 500;

/** Time for another network to give an address; then the previous one is joined again. */
const ROLLBACK_MS = 60_000;

/** The part of the SDK's `embedded:network/interface/wifi` that is used. */
export interface WiFiDriver extends LinkDriver {
  connect(options: { SSID: string; password?: string }): void;
  disconnect(): void;
  readonly RSSI: number | undefined;
}

export interface WiFiParts extends LinkParts {
  readonly WiFi: new (options: { onChanged(property: string): void }) => WiFiDriver;
  /** Where credentials are kept; absent where flash cannot be opened. */
  readonly store: TextStore | undefined;
  /** Keeps the radio awake between beacons. */
  stayAwake(): void;
}

/**
 * Opens the Wi-Fi link; it joins when it is configured. Credentials that are new in this build are used first, once;
 * after that the network that was joined last, so that one named at run time is used again after a restart.
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
 * A Wi-Fi station. The driver gives no reason of a failure: a wrong password looks like any other disconnect. While no
 * network is known, as after a whole flash image was written, which erases NVS, it waits until one is named on the
 * console.
 */
class WifiLink extends NetworkLink<WiFiDriver> {
  #parts: WiFiParts;
  /** The name is empty while no network is known. */
  #credentials: Credentials;
  /** While another network is on trial: the previous one, and when it is joined again if there is no address. */
  #previous: { credentials: Credentials; atMs: number } | undefined;
  /** Ends the trial of the other network, which begins when it has given an address. */
  #trial: Cancel | undefined;

  constructor(parts: WiFiParts, credentials: Credentials) {
    super(parts);
    this.#parts = parts;
    this.#credentials = credentials;
  }

  get kind(): "wifi" {
    return "wifi";
  }

  protected get readyFrom(): number {
    return CONNECTION_READY;
  }

  override get rssi(): number | undefined {
    return this.driver?.RSSI;
  }

  get ssid(): string | undefined {
    return this.#credentials.ssid || undefined;
  }

  get onTrial(): boolean {
    return this.#previous !== undefined;
  }

  join(ssid: string, password: string): void {
    const before = this.#previous?.credentials ?? this.#credentials;
    this.#credentials = { ssid, password };
    if (before.ssid === "") {
      this.begin();
      return;
    }
    this.endTrial();
    if (!isSame(this.#credentials, before)) {
      const atMs = this.#parts.clock.now() + ROLLBACK_MS;
      this.#previous = { credentials: before, atMs };
    }
    this.rejoin();
  }

  confirm(): void {
    if (this.#previous === undefined || this.address === undefined) return;
    this.endTrial();
    saveCredentials(this.#parts.store, LAST, this.#credentials);
    this.#parts.report({ level: "I", on: "net", what: "saved", ssid: this.#credentials.ssid });
  }

  override rejoin(): void {
    if (this.#credentials.ssid !== "") super.rejoin();
  }

  forget(): void {
    forgetCredentials(this.#parts.store);
  }

  protected override begin(): void {
    if (this.#credentials.ssid !== "") {
      super.begin();
      return;
    }
    this.#parts.report({
      level: "E",
      on: "net",
      what: "no-ssid",
      error:
        "no Wi-Fi is known; deploy with ssid=NAME password=PASSWORD, or type: wifi NAME PASSWORD",
    });
  }

  protected open(onChanged: () => void): WiFiDriver {
    return new this.#parts.WiFi({ onChanged });
  }

  protected connect(wifi: WiFiDriver): void {
    const { ssid, password } = this.#credentials;
    this.#parts.report({ level: "I", on: "net", what: "joining", ssid });
    wifi.connect(password === "" ? { SSID: ssid } : { SSID: ssid, password });
  }

  protected disconnect(wifi: WiFiDriver): void {
    wifi.disconnect();
  }

  protected override joined(): void {
    this.#parts.stayAwake();
    if (this.#previous === undefined) saveCredentials(this.#parts.store, LAST, this.#credentials);
    else this.beginTrial();
  }

  protected override left(): void {
    const isLate = this.#previous !== undefined && this.#parts.clock.now() >= this.#previous.atMs;
    if (isLate && this.#trial === undefined) this.rollBack("no-address");
  }

  /** The network is saved if it is confirmed in time, even if it was lost in between. */
  private beginTrial(): void {
    if (this.#trial !== undefined) return;
    const { clock, report } = this.#parts;
    const { ssid } = this.#credentials;
    report({ level: "I", on: "net", what: "trial", ssid, ms: NETWORK_TRIAL_MS });
    this.#trial = clock.after(NETWORK_TRIAL_MS, () => {
      this.rollBack("unconfirmed");
      this.rejoin();
    });
  }

  private endTrial(): void {
    this.#trial?.();
    this.#trial = undefined;
    this.#previous = undefined;
  }

  /** Takes the credentials of the previous network again. */
  private rollBack(why: string): void {
    const { ssid } = this.#credentials;
    this.#parts.report({ level: "W", on: "net", what: "rolled-back", ssid, why });
    this.#credentials = this.#previous!.credentials;
    this.endTrial();
  }
}
