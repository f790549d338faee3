import type { Cancel, Clock } from "../clock.ts";
import type { BootMode } from "../reset.ts";
import type { Uart } from "./uart.ts";

/** How long EN takes to rise through its resistor and capacitor; IO0 is read then. About. */
const EN_RISE_MS = 1;

/** The board's side of the two transistors. */
export interface ResetPins {
  /** EN goes low: the chip halts. */
  hold(): void;
  /** EN is high again; the chip has looked at IO0. */
  release(mode: BootMode): void;
}

/**
 * The board's USB adapter, as the computer has it: bytes both ways, and the two control lines with the
 * circuit of two transistors that esptool counts on. RTS alone pulls EN low, DTR alone pulls IO0 low;
 * both together do nothing, as neither does.
 */
export class Adapter {
  /** The cable is plugged in; without it bytes and control lines have no effect. */
  plugged = false;
  /** The ROM waits for a program on the serial line. */
  download = false;
  #clock: Clock;
  #uart: Uart;
  #pins: ResetPins;
  #held = false;
  #io0Low = false;
  #rising: Cancel | undefined;

  constructor(clock: Clock, uart: Uart, pins: ResetPins) {
    this.#clock = clock;
    this.#uart = uart;
    this.#pins = pins;
  }

  /** Called with the bytes that the board sends, in pieces, when the line has carried them. */
  set onBytes(onBytes: ((bytes: Uint8Array) => void) | undefined) {
    this.#uart.onBytes = onBytes;
  }

  /** Sends to the board. Returns the time until the last byte has arrived, in ms. */
  send(bytes: Uint8Array): number {
    if (!this.plugged) return 0;
    if (this.download) throw new Error("not emulated: the ROM's loader, which would answer");
    return this.#uart.send(bytes);
  }

  /** Sets both lines at once; true is asserted. */
  set({ dtr, rts }: { dtr: boolean; rts: boolean }): void {
    if (!this.plugged) return;
    this.#io0Low = dtr && !rts;
    const enLow = rts && !dtr;
    if (enLow === this.#held) return;
    this.#held = enLow;
    this.#rising?.();
    this.#rising = undefined;
    if (enLow) this.#pins.hold();
    else {
      this.#rising = this.#clock.after(EN_RISE_MS, () => {
        this.#pins.release(this.#io0Low ? "download" : "flash");
      });
    }
  }

  unplug(): void {
    this.plugged = false;
    this.#held = false;
    this.#rising?.();
    this.#rising = undefined;
  }
}
