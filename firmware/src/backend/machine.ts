import type { MachineSettings } from "../config/settings.ts";
import type { Changes, CheckCode } from "./health.ts";

/**
 * `asleep`: suspended or switched off, or the board does not know better; `waking`: packets are sent, or the button was
 * pressed, and checks look for the first backend that is ready; `awake`: one was; `failed`: none was in time.
 */
export type MachineState = (typeof MACHINE_STATES)[number];

export const MACHINE_STATES = Object.freeze(["asleep", "waking", "awake", "failed"] as const);

/**
 * Why a machine is woken: a client's request, the operator, a time of day, or the load of those that are awake.
 */
export type WakeReason = "request" | "operator" | "schedule" | "load";

/**
 * Why a machine changed its state. `start`: nothing is known about it yet; `check`: a health check passed; `idle`: it was not
 * used; `sleep-failed`: its sleep request was not accepted; `unreachable`: all its backends are down; `not-ready`: none of its backends was ready in time; `removed`: the
 * configuration has it no longer.
 */
export type MachineReason =
  | WakeReason
  | "start"
  | "check"
  | "idle"
  | "sleep-failed"
  | "unreachable"
  | "not-ready"
  | "removed";

/** How long a machine that failed to wake is not woken again by requests, in ms. */
const FAILED_PAUSE_MS = 60_000;

/** The part of the configuration in force that wakes machines and lets them sleep. */
export interface MachineKeeper {
  /** A check of one of its backends passed while it was not awake. */
  ready(machine: Machine): void;
  /** A check of one of its backends failed, which is down now. */
  checkFailed(machine: Machine, code: CheckCode): void;
  /** The state of the machine has changed. */
  changed(machine: Machine): void;
}

/**
 * A computer that may sleep, and what is known about it. Kept over configurations that have it, by name and MAC address. Has
 * no timer and sends nothing.
 */
export class Machine {
  /** The settings of the current configuration. */
  settings: MachineSettings;
  /** This and the next two: set by the constructor, then by `change` only. */
  state: MachineState = "asleep";
  why: MachineReason = "start";
  sinceMs: number;
  /** How often it was woken, and how often that failed. */
  wakes = 0;
  failedWakes = 0;
  /** Time from the first packet, or the press of the button, until a backend was ready, when it was woken last. */
  lastBootMs: number | undefined;
  /** The operator wants it awake until then. */
  stayAwakeUntilMs = 0;
  /** When a backend of it was in use last. */
  lastUsedMs = 0;
  /** The sum of its backends' sessions when its use was looked at last. */
  sessionsSeen = 0;
  /** One of its `awakeTimes` has begun, and not ended. */
  isAwakeTime = false;
  /** Clients that are held until it is awake. */
  held = 0;
  /** Until then the machine, which was asked to sleep, goes down: it may still answer, and what wakes it may be lost. */
  settledAtMs = 0;
  /** A check of one of its backends has had a result. */
  checked = false;
  /** The last failed check had an answer, such as a reset: the machine runs, but not the service. */
  answers = false;
  /** Until then backends that are not ready yet, though the machine is awake, may be starting. */
  startedByMs = 0;
  /** While it wakes: packets sent in a row, when the next one is due, failed checks. */
  packets = 0;
  packetDueMs = 0;
  failedChecks = 0;
  /** When its power button was pressed last. */
  pressedAtMs = Number.NEGATIVE_INFINITY;
  /**
   * The counters of backends of former configurations that still have sessions on it; absent if there are none. Their `sessions` goes
   * down to 0.
   */
  declare former: readonly { readonly sessions: number }[] | undefined;
  /** Absent when no configuration in force has it. */
  declare keeper: MachineKeeper | undefined;
  #changes: Changes;
  /** Time asleep before `sinceMs`. */
  #asleepMs = 0;

  /** `isAwake`: a check of one of its backends has passed. */
  constructor(settings: MachineSettings, changes: Changes, nowMs: number, isAwake = false) {
    this.settings = settings;
    if (isAwake) {
      this.state = "awake";
      this.why = "check";
    }
    this.#changes = changes;
    this.sinceMs = nowMs;
    this.lastUsedMs = nowMs;
  }

  get name(): string {
    return this.settings.name;
  }

  /** Time asleep since the start of the board, in ms. */
  asleepMs(nowMs: number): number {
    return this.#asleepMs + (this.state === "asleep" ? nowMs - this.sinceMs : 0);
  }

  /** How long no request wakes it, in ms; 0: one may wake it now. */
  pauseMs(nowMs: number): number {
    return this.state === "failed" ? Math.max(0, this.sinceMs + FAILED_PAUSE_MS - nowMs) : 0;
  }

  /** The one place where the state changes. */
  change(state: MachineState, why: MachineReason, nowMs: number): void {
    this.#asleepMs = this.asleepMs(nowMs);
    if (state === "waking") {
      this.wakes++;
      this.restartPackets(nowMs);
      this.failedChecks = 0;
    }
    if (state === "failed") this.failedWakes++;
    if (state === "awake") this.lastUsedMs = nowMs;
    this.state = state;
    this.why = why;
    this.sinceMs = nowMs;
    this.#changes.count++;
    this.keeper?.changed(this);
  }

  /** The packets of a new wake begin. */
  restartPackets(nowMs: number): void {
    this.packets = 0;
    this.packetDueMs = nowMs;
  }
}
