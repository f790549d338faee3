import type { AddressingOptions, WiFiClass, WiFiDriver, WiFiOptions } from "../platform.ts";
import type { Station, StationEvent } from "../station.ts";
import type { Message, Tasks } from "../tasks.ts";
import { fixedAddress, setHostname } from "./addressing.ts";
import { callback } from "./arguments.ts";
import { HostObject } from "./host-object.ts";

/**
 * `embedded:network/interface/wifi` as the ESP32 port behaves (modules/io/wifi/esp32/wifi-esp32.c). `onChanged` is called for a
 * change of `connection`, and when there is an IPv4 address and was none: another address at the renewal of a lease, and the
 * end of a lease, change nothing that it looks at.
 */
class EmulatedWiFi extends HostObject implements WiFiDriver {
  #station: Station;
  #tasks: Tasks;
  #onChanged: WiFiOptions["onChanged"];
  #connecting = false;
  #connected: boolean;
  #hasAddress: boolean;
  #closed = false;

  constructor(station: Station, tasks: Tasks, options: WiFiOptions) {
    super(EmulatedWiFi);
    this.#station = station;
    this.#tasks = tasks;
    this.#onChanged = callback(options.onChanged);
    this.#connected = station.address !== undefined;
    this.#hasAddress = this.#connected;
    station.onEvent = event => this.#post(event);
  }

  connect(options: { SSID: string; password?: string }): void {
    HostObject.validate(this, EmulatedWiFi);
    if (this.#connecting) throw new Error("already connecting");
    if (!("SSID" in options)) throw new Error("SSID required");
    this.#connecting = true;
    this.#station.associate();
  }

  disconnect(): void {
    HostObject.validate(this, EmulatedWiFi);
    this.#station.disassociate();
    this.#connecting = false;
    this.#connected = false;
    this.#hasAddress = false;
  }

  configure(options: AddressingOptions): void {
    HostObject.validate(this, EmulatedWiFi);
    const station = this.#station;
    const { hostname, static: fixed } = options;
    if (hostname !== undefined) setHostname(station, hostname);
    if (fixed === undefined) return;
    if (fixed === false) {
      this.#hasAddress = false;
      station.fix(undefined);
      return;
    }
    station.fix(fixedAddress(fixed));
  }

  get connection(): number {
    HostObject.validate(this, EmulatedWiFi);
    if (this.#connected) return this.#hasAddress ? 500 : 400;
    return this.#connecting ? 300 : 200;
  }

  get address(): string | undefined {
    HostObject.validate(this, EmulatedWiFi);
    return this.#station.interfaceAddress;
  }

  get MAC(): string {
    HostObject.validate(this, EmulatedWiFi);
    return this.#station.mac;
  }

  get RSSI(): number | undefined {
    HostObject.validate(this, EmulatedWiFi);
    return this.#station.associated ? this.#station.rssi : undefined;
  }

  close(): void {
    if (!HostObject.release(this, EmulatedWiFi)) return;
    this.#closed = true;
    this.#station.onEvent = undefined;
  }

  #post(event: StationEvent): void {
    const hasAddress = event === "got-address" || this.#station.hasFixedAddress;
    const message: Message = {
      next: undefined,
      deliver: () => this.#deliver(event, event !== "disconnected" && hasAddress),
    };
    this.#tasks.post(message);
  }

  #deliver(event: StationEvent, hasAddress: boolean): void {
    if (this.#closed) return;
    const before = this.connection;
    const had = this.#hasAddress;
    if (event !== "got-address") this.#connecting = false;
    this.#connected = event !== "disconnected";
    this.#hasAddress = hasAddress;
    if (this.connection !== before) this.#onChanged?.call(this, "connection");
    if (!this.#closed && hasAddress && !had) this.#onChanged?.call(this, "address");
  }
}

/** The class for one program on this station. */
export function defineWiFi(station: Station, tasks: Tasks): WiFiClass {
  return class extends EmulatedWiFi {
    constructor(options: WiFiOptions) {
      super(station, tasks, options);
    }
  };
}
