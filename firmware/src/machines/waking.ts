import type { Machine } from "../backend/machine.ts";
import type { Report } from "../log/event.ts";
import type { Cancel, Platform, UDPSocket } from "../platform.ts";
import { broadcastAddress, WAKE_PORTS, wakePacket } from "./wake-packet.ts";

/** Pauses between the first magic packets, in ms: a network card that is just going down receives a later one. */
const FIRST_PAUSES_MS: readonly number[] = Object.freeze([500, 500, 1_000, 2_000]);

/** The pause between the further ones, which go on until a backend is ready. */
const PAUSE_MS = 10_000;

/** The longest pause while the machine is going to sleep: what it receives meanwhile may be lost. */
const UNSETTLED_PAUSE_MS = 2_000;

/** The machines, and the parts that wake them. */
export interface WakingParts {
  readonly platform: Pick<Platform, "UDP" | "clock" | "link">;
  readonly report: Report;
  /** The machines of the configuration. */
  readonly machines: readonly Machine[];
  /** How long a machine may take until a backend is ready, in ms. */
  readonly holdMs: number;
  /** No backend of the machine was ready within `holdMs`. */
  failed(machine: Machine): void;
}

/**
 * Sends the magic packets for the machines that are waking, and ends the wakes that take too long. While the board has no
 * network no packet is sent, and `holdMs` goes on; afterwards the first packets are sent anew, unless that time is over.
 */
export class Waking {
  #parts: WakingParts;
  #alarm: Cancel | undefined;
  /** Open while a machine wakes by packets. */
  #socket: UDPSocket | undefined;
  #paused = true;

  constructor(parts: WakingParts) {
    this.#parts = parts;
  }

  /** The network is up. */
  resume(): void {
    const nowMs = this.#parts.platform.clock.now();
    if (this.#paused) for (const machine of this.waking()) machine.restartPackets(nowMs);
    this.#paused = false;
    this.schedule();
  }

  /** The network is down, or another configuration is in force. */
  pause(): void {
    this.#paused = true;
    this.rest();
  }

  /** Does what is due and sets the timer for what is due next. Called whenever a machine has changed its state. */
  schedule(): void {
    this.#alarm?.();
    this.#alarm = undefined;
    if (this.#paused) return;
    const { platform, holdMs } = this.#parts;
    let atMs = Number.POSITIVE_INFINITY;
    for (const machine of this.waking()) {
      atMs = Math.min(atMs, machine.sinceMs + holdMs);
      if (machine.settings.wakeBy === "packet") atMs = Math.min(atMs, machine.packetDueMs);
    }
    if (atMs === Number.POSITIVE_INFINITY) {
      this.rest();
      return;
    }
    this.#alarm = platform.clock.after(Math.max(0, atMs - platform.clock.now()), () => {
      this.#alarm = undefined;
      try {
        this.work();
      } finally {
        this.schedule();
      }
    });
  }

  private waking(): readonly Machine[] {
    return this.#parts.machines.filter(({ state }) => state === "waking");
  }

  private work(): void {
    const { platform, holdMs, failed } = this.#parts;
    const nowMs = platform.clock.now();
    for (const machine of this.waking()) {
      if (nowMs >= machine.sinceMs + holdMs) failed(machine);
      else if (machine.settings.wakeBy === "packet" && nowMs >= machine.packetDueMs) {
        this.send(machine, nowMs);
      }
    }
  }

  private send(machine: Machine, nowMs: number): void {
    const { platform, report } = this.#parts;
    const { mac, secureOn, broadcast } = machine.settings;
    const isFirst = machine.packets === 0;
    let pauseMs = FIRST_PAUSES_MS[machine.packets] ?? PAUSE_MS;
    if (nowMs < machine.settledAtMs) pauseMs = Math.min(pauseMs, UNSETTLED_PAUSE_MS);
    machine.packetDueMs = nowMs + pauseMs;
    machine.packets++;
    try {
      this.#socket ??= new platform.UDP!({ onReadable: drain });
      const to = broadcast ?? broadcastAddress(platform.link);
      const packet = wakePacket(mac!, secureOn);
      for (const port of WAKE_PORTS) this.#socket.write(packet, to, port);
    } catch (error) {
      if (!isFirst) return;
      const { name } = machine;
      report({ level: "W", on: "machine", what: "wake-error", name, error: String(error) });
    }
  }

  /** No machine is waking. */
  private rest(): void {
    this.#alarm?.();
    this.#alarm = undefined;
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/** A magic packet has no answer. A datagram that arrives is dropped, so that it does not wait in the socket. */
function drain(this: UDPSocket): void {
  while (this.read() !== undefined);
}
