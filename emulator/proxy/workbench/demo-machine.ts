import {
  type MachineFault,
  type MachineHost,
  type PowerState,
  ScriptedMachine,
} from "../../../backends/src/machine.ts";
import { SleepServer } from "../../../backends/src/sleep-server.ts";
import { REAL_TIME } from "../../../backends/src/steps.ts";
import type { DemoBackend } from "./servers.ts";

/** Why a demo machine does not become ready: nothing wakes it, or it boots without end. */
export const MACHINE_FAULTS = ["none", "ignores-wake", "hangs"] as const;
export type DemoMachineFault = (typeof MACHINE_FAULTS)[number];

/** Limits of the time that a demo machine boots for. */
export const BOOT_MIN_S = 1;
export const BOOT_MAX_S = 240;

/** Time without a request after which the board puts a demo machine to sleep. */
const IDLE_MS = 30_000;

/** A demo machine as the command line and the configuration have it. */
export interface PlannedMachine {
  readonly name: string;
  readonly mac: string;
  readonly bootMs: number;
  /** Where the demo backend on it listens, and where its sleep server does. */
  readonly port: number;
  readonly sleepPort: number;
}

/** State of a demo machine. */
export interface DemoMachineState {
  /** The name of the backend on it. */
  readonly backend: string;
  readonly power: PowerState;
  /** Time since it has this state. */
  readonly ms: number;
  readonly bootMs: number;
  readonly fault: DemoMachineFault;
  readonly magicPackets: number;
}

/** The machine in the configuration of the board. */
export function settingsOf({ name, mac, sleepPort }: PlannedMachine, address: string): object {
  const sleep = { url: `http://${address}:${sleepPort}/suspend` };
  return { name, mac, idleMs: IDLE_MS, sleep };
}

/** A machine that sleeps until the board wakes it, with a demo backend and a sleep server on it. */
export class DemoMachine {
  readonly name: string;
  readonly backend: DemoBackend;
  #machine: ScriptedMachine;
  #sinceMs = performance.now();

  /** `onChange` is called with each new state. */
  constructor(
    { name, mac, bootMs, sleepPort }: PlannedMachine,
    backend: DemoBackend,
    net: MachineHost["net"],
    onChange: (power: PowerState) => void = () => {},
  ) {
    this.name = name;
    this.backend = backend;
    const [clock, host] = [REAL_TIME, { net }];
    this.#machine = new ScriptedMachine({
      ...{ name, mac, bootMs, clock, host },
      onNote: () => {
        this.#sinceMs = performance.now();
        onChange(this.#machine.state);
      },
    });
    const sleeper = new SleepServer({
      ...{ clock, port: sleepPort, host: backend.address },
      sleep: () => this.#machine.sleep(),
    });
    this.#machine.services.push(backend, sleeper);
  }

  get state(): DemoMachineState {
    const { state, bootMs, fault = "none", magicPackets } = this.#machine;
    const ms = Math.round(performance.now() - this.#sinceMs);
    return { backend: this.backend.name, power: state, ms, bootMs, fault, magicPackets };
  }

  /** Presses the power button: the machine wakes, or sleeps. */
  press(): void {
    this.#machine.button(1);
    setTimeout(() => this.#machine.button(0), PRESS_MS);
  }

  setBoot(bootMs: number): void {
    this.#machine.bootMs = bootMs;
    this.#machine.networkMs = bootMs / 2;
  }

  setFault(fault: DemoMachineFault): void {
    this.#machine.fault = fault === "none" ? undefined : (fault satisfies MachineFault);
  }

  stop(): void {
    this.#machine.leave();
  }
}

const PRESS_MS = 200;
