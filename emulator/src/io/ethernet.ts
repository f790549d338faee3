import type { Cancel, Clock } from "../clock.ts";
import type {
  AddressingOptions,
  EthernetClass,
  EthernetDriver,
  EthernetOptions,
} from "../platform.ts";
import type { Station, StationEvent } from "../station.ts";
import type { Message, Tasks } from "../tasks.ts";
import { fixedAddress, setHostname } from "./addressing.ts";
import { callback } from "./arguments.ts";
import { HostObject } from "./host-object.ts";

/** From the link to a valid link-local address: lwIP checks during this time that no other host has it; about. */
const LINK_LOCAL_MS = 1_000;

/** The addresses that an interface has (gIP). */
const IPV4 = 1;
const IPV6 = 2;
const BOTH = IPV4 | IPV6;

/** Changes that are posted to the program. */
type Event = "connected" | "disconnected" | "got-address";

/**
 * `embedded:network/interface/ethernet` as the ESP32 port behaves (modules/io/ethernet/esp32/ethernet-esp32.c). The constructor starts the
 * controller, and without a PHY does nothing; from then on the link comes up with each cable. `connection` is 500 only with an IPv4 and an
 * IPv6 address; `onChanged` is called for its changes, and when there is an IPv4 address and was none.
 */
class EmulatedEthernet extends HostObject implements EthernetDriver {
  #station: Station;
  #tasks: Tasks;
  #clock: Clock;
  #onChanged: EthernetOptions["onChanged"];
  #connecting = false;
  #connected: boolean;
  /** The addresses as the program has been told, and as the interface has them. */
  #told: number;
  #has: number;
  #linkLocal: Cancel | undefined;
  #closed = false;

  constructor(station: Station, tasks: Tasks, clock: Clock, options: EthernetOptions) {
    super(EmulatedEthernet);
    this.#station = station;
    this.#tasks = tasks;
    this.#clock = clock;
    this.#onChanged = callback(options.onChanged);
    this.#connected = station.associated;
    this.#has = station.associated ? IPV6 | (station.address === undefined ? 0 : IPV4) : 0;
    this.#told = this.#has;
    if (!station.hasPhy) return;
    station.onEvent = event => this.#note(event);
    station.plug();
  }

  connect(): void {
    HostObject.validate(this, EmulatedEthernet);
    if (this.#connecting) throw new Error("already connecting");
    if (this.#station.hasFixedAddress) {
      this.#has = BOTH;
      this.#post("got-address"); // also without a cable
    } else {
      this.#connecting = true;
    }
  }

  disconnect(): void {
    HostObject.validate(this, EmulatedEthernet);
    this.#connecting = false;
    this.#told = 0;
  }

  configure(options: AddressingOptions): void {
    HostObject.validate(this, EmulatedEthernet);
    const station = this.#station;
    if (!station.hasPhy) throw new Error("not initialized");
    const { hostname, static: fixed } = options;
    if (hostname !== undefined) setHostname(station, hostname);
    if (fixed === undefined) return;
    if (fixed === false) {
      station.fix(undefined);
      this.#linkLocal?.();
      if (!station.associated) return;
      this.#has = station.address === undefined ? 0 : IPV4;
      this.#post("connected");
      return;
    }
    const address = fixedAddress(fixed);
    if (station.associated) this.#has = BOTH;
    station.fix(address);
  }

  get connection(): number {
    HostObject.validate(this, EmulatedEthernet);
    if (this.#connected && this.#told === BOTH) return 500;
    if (this.#connecting) return 300;
    return this.#connected ? 400 : 200;
  }

  get address(): string | undefined {
    HostObject.validate(this, EmulatedEthernet);
    return this.#station.hasPhy ? this.#station.interfaceAddress : undefined;
  }

  get MAC(): string {
    HostObject.validate(this, EmulatedEthernet);
    return this.#station.mac;
  }

  close(): void {
    if (!HostObject.release(this, EmulatedEthernet)) return;
    this.#closed = true;
    this.#linkLocal?.();
    this.#station.onEvent = undefined;
  }

  #note(event: StationEvent): void {
    if (event === "got-address") {
      this.#add(IPV4);
      return;
    }
    this.#has = 0;
    this.#linkLocal?.();
    this.#linkLocal = undefined;
    this.#post(event);
    if (event === "connected") {
      this.#linkLocal = this.#clock.after(LINK_LOCAL_MS, () => this.#add(IPV6));
    }
  }

  /** The interface has one of its addresses. Nothing is reported until it has both. */
  #add(address: number): void {
    this.#has |= address;
    if (this.#has === BOTH) this.#post("got-address");
  }

  #post(event: Event): void {
    const message: Message = { next: undefined, deliver: () => this.#deliver(event) };
    this.#tasks.post(message);
  }

  #deliver(event: Event): void {
    if (this.#closed) return;
    const [connected, connecting, told] = [this.#connected, this.#connecting, this.#told];
    this.#connected = event !== "disconnected";
    this.#told = event === "got-address" ? BOTH : 0;
    if (event === "disconnected") this.#connecting = false;
    const isOther =
      this.#connected !== connected || this.#connecting !== connecting || this.#told !== told;
    const isNew = (told & IPV4) === 0 && (this.#told & IPV4) !== 0;
    if (isOther) this.#onChanged?.call(this, "connection");
    if (isNew && !this.#closed) this.#onChanged?.call(this, "address");
  }
}

/** The class for one program on this station. */
export function defineEthernet(station: Station, tasks: Tasks, clock: Clock): EthernetClass {
  return class extends EmulatedEthernet {
    constructor(options: EthernetOptions) {
      super(station, tasks, clock, options);
    }
  };
}
