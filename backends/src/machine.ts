import type { EventEmitter } from "node:events";
import type { BackendNetwork } from "./behaviour.ts";
import { WAKE_PORTS, wakes } from "./magic-packet.ts";
import type { Timing } from "./steps.ts";

/** A socket of `node:dgram`, or of an object with the same interface. */
interface Datagrams extends EventEmitter {
  bind(port: number): unknown;
  close(): unknown;
}

/** The computer that a machine is, as its network shows it. */
export interface MachineHost {
  /** For the machine's sleep server, and its network card, which receives broadcasts while the machine sleeps, too. */
  readonly net: BackendNetwork & { createSocket(type: "udp4"): Datagrams };
  /**
   * Nothing leaves it, and nothing but broadcasts reaches it, until the returned function is called. `onReceived`
   * is called for each packet for it that did not reach it. Where it is missing, a sleeping machine refuses connections.
   */
  readonly silence?: (onReceived: () => void) => () => void;
  /** Forgets its connections and sockets, and sends nothing. Where it is missing, they are closed. */
  readonly powerOff?: () => void;
}

/** A backend that runs on the machine, or another server. */
export interface MachineService {
  start(): Promise<void>;
  stop(): unknown;
}

/**
 * - `asleep`: the network card looks for a magic packet, and the power button works
 * - `booting`: woken, and its services do not listen yet
 * - `awake`: its services listen
 * - `off`: without power, so that nothing wakes it
 */
export type PowerState = "asleep" | "booting" | "awake" | "off";

/**
 * Why it is not ready after a wake. `ignores-wake`: neither packet nor button wakes it; `hangs`: it boots, its ports refuse connections, and
 * its services never start.
 */
export type MachineFault = "ignores-wake" | "hangs";

export interface MachineOptions {
  readonly name: string;
  /** As `24:0a:c4:00:00:01`. */
  readonly mac: string;
  /** The SecureOn password of its network card, written as a MAC address. */
  readonly secureOn?: string | undefined;
  readonly host: MachineHost;
  readonly clock: Timing;
  /** From the wake until its services listen. */
  readonly bootMs?: number;
  /** From the wake until it has its network: from then until its services listen, its ports refuse connections. */
  readonly networkMs?: number;
  /** Asleep it answers ARP, and its ports refuse connections, instead of being silent. */
  readonly answersArp?: boolean;
  /** Suspended to memory: asleep it keeps its connections and services, and they go on when it wakes. Without it, it is shut down. */
  readonly suspends?: boolean;
  /** Called with each thing that happens to it, for a test's journal. */
  readonly onNote?: (what: string) => void;
}

/** As a computer of today from suspension. */
const BOOT_MS = 3_000;

/** A shorter touch of the power button is a bounce of its contact. */
const PRESS_MIN_MS = 50;

/** A power button that is held so long switches the computer off (ACPI 6.5, 4.8.2.2.1.1). */
const FORCED_OFF_MS = 4_000;

/**
 * A computer that sleeps until a magic packet for its MAC address or a press of its power button wakes it. It is asleep until then.
 * A press while it boots or is awake switches it off, as it does in reality.
 */
export class ScriptedMachine {
  readonly name: string;
  readonly mac: string;
  /** Runs while it is awake; set before it wakes. */
  readonly services: MachineService[] = [];
  bootMs: number;
  networkMs: number;
  fault: MachineFault | undefined;
  /** Magic packets for it while it was asleep. */
  magicPackets = 0;
  /** Other datagrams on their ports, such as those for another machine or without the password. */
  otherPackets = 0;
  /** Presses of its power button that were long enough. */
  presses = 0;
  /** Presses that switched it off while it was booting or awake. */
  wrongPresses = 0;
  /** Packets to its address while it was asleep, which reach many network cards and wake them; where the network counts them. */
  receivedAsleep = 0;
  /** Times that it has begun to boot. */
  boots = 0;
  #state: PowerState = "asleep";
  #options: MachineOptions;
  #sockets: Datagrams[] = [];
  /** True: the services run, or are suspended. */
  #isServing = false;
  /** Ends the silence. */
  #endSilence: (() => void) | undefined;
  /** Cancels what is to come of a boot. */
  #boot: (() => void)[] = [];
  /** Cancels what is to come of a press. */
  #press: (() => void)[] = [];

  constructor(options: MachineOptions) {
    const { name, mac, bootMs = BOOT_MS, networkMs = bootMs / 2 } = options;
    this.name = name;
    this.mac = mac;
    this.bootMs = bootMs;
    this.networkMs = networkMs;
    this.#options = options;
    this.#listen();
    this.#quieten();
  }

  get state(): PowerState {
    return this.#state;
  }

  /** Begins to boot, as by a packet or a press; an awake machine is not changed. */
  wake(): void {
    if (this.#state !== "asleep" || this.fault === "ignores-wake") return;
    this.boots++;
    this.#set("booting");
    const { clock, suspends = false } = this.#options;
    const resumes = suspends && this.#isServing;
    this.#boot = [
      clock.after(resumes ? this.bootMs : this.networkMs, () => this.#endSilence?.()),
      clock.after(this.bootMs, () => void this.#booted()),
    ];
  }

  /** Goes to sleep. */
  sleep(): void {
    if (this.#state !== "booting" && this.#state !== "awake") return;
    for (const cancel of this.#boot.splice(0)) cancel();
    if (!this.#options.suspends) {
      this.#stopServices();
      this.#powerDown();
      this.#listen();
    }
    this.#set("asleep");
    this.#quieten();
  }

  /** A power failure: its peers receive nothing, and nothing wakes it. */
  cutPower(): void {
    if (this.#state === "off") return;
    for (const cancel of this.#boot.splice(0)) cancel();
    this.#silence();
    this.#stopServices();
    this.#powerDown();
    this.#set("off");
  }

  /** The power is back: it is asleep, or boots by itself, as its BIOS is set up. */
  restorePower({ boots = false } = {}): void {
    if (this.#state !== "off") return;
    this.#set("asleep");
    this.#listen();
    this.#quieten();
    if (boots) this.wake();
  }

  /** The level of the pin that the power button is wired to: 1 presses it. */
  button(level: number): void {
    for (const cancel of this.#press.splice(0)) cancel();
    if (level !== 1) return;
    const { clock } = this.#options;
    this.#press = [
      clock.after(PRESS_MIN_MS, () => this.#pressed()),
      clock.after(FORCED_OFF_MS, () => this.sleep()),
    ];
  }

  /** Ends the machine: the test is over. */
  leave(): void {
    for (const cancel of [...this.#press.splice(0), ...this.#boot.splice(0)]) cancel();
    this.#stopServices();
    this.#powerDown();
    this.#endSilence?.();
    this.#state = "off";
  }

  #listen(): void {
    this.#sockets = WAKE_PORTS.map(port => {
      const socket = this.#options.host.net.createSocket("udp4");
      socket.on("message", (bytes: Buffer) => this.#received(bytes));
      socket.bind(port);
      return socket;
    });
  }

  /** Closes the sockets, and forgets all connections. */
  #powerDown(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
    this.#options.host.powerOff?.();
  }

  #received(bytes: Buffer): void {
    if (this.#state !== "asleep") return;
    if (!wakes(bytes, this.mac, this.#options.secureOn)) {
      this.otherPackets++;
      return;
    }
    this.magicPackets++;
    this.wake();
  }

  #pressed(): void {
    if (this.#state === "off") return;
    this.presses++;
    if (this.#state === "asleep") {
      this.wake();
      return;
    }
    this.wrongPresses++;
    this.sleep();
  }

  /** Asleep, its host is silent, unless it answers ARP. */
  #quieten(): void {
    if (this.#options.answersArp) this.#endSilence?.();
    else this.#silence();
  }

  #silence(): void {
    if (this.#endSilence !== undefined) return;
    const received = () => {
      if (this.#state === "asleep") this.receivedAsleep++;
    };
    const endSilence = this.#options.host.silence?.(received);
    this.#endSilence = () => {
      this.#endSilence = undefined;
      endSilence?.();
    };
  }

  async #booted(): Promise<void> {
    if (this.fault === "hangs") return;
    if (!this.#isServing) {
      this.#isServing = true;
      await Promise.all(this.services.map(service => service.start()));
    }
    if (this.#state === "booting") this.#set("awake");
  }

  #stopServices(): void {
    if (!this.#isServing) return;
    this.#isServing = false;
    for (const service of this.services) service.stop();
  }

  #set(state: PowerState): void {
    this.#state = state;
    this.#options.onNote?.(`is ${state}`);
  }
}
