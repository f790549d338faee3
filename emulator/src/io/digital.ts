import type { Pins } from "../pins.ts";
import type { Digital, DigitalClass, DigitalOptions } from "../platform.ts";
import { signedInteger } from "./arguments.ts";
import { HostObject } from "./host-object.ts";

/** Values of `mode` (digitalbank.h). */
const MODE_OUTPUT = 8;
const MODES = [0, 1, 2, 3, MODE_OUTPUT, 9];

/** GPIO numbers that the ESP32 does not have, and the first of those that are inputs only (IDF: soc_caps.h, SOC_GPIO_VALID_GPIO_MASK). */
const MISSING: readonly number[] = [20, 24, 28, 29, 30, 31];
const INPUTS_FROM = 34;
const PINS_MAX = 40;

/**
 * `embedded:io/digital` as the ESP32 port behaves, for outputs. Read from modules/io/digital/digital.js and
 * esp32/digitalbank.c @ 48ee02d.
 *
 * - `initialValue` is set before the pin becomes an output: no circuit sees another level;
 * - `close` resets the pin: it becomes an input with a pull-up (gpio_reset_pin of IDF), which a circuit may see as 1.
 */
class EmulatedDigital extends HostObject implements Digital {
  #program: DigitalProgram;
  #pin: number;

  constructor(program: DigitalProgram, options: DigitalOptions) {
    super(EmulatedDigital);
    const { pin, mode, initialValue = 0 } = options;
    if (pin === undefined) throw new Error("invalid");
    if (!(pin >= 0 && pin < PINS_MAX) || MISSING.includes(pin)) throw new Error("invalid pin");
    if (program.used.has(pin)) throw new Error("in use");
    if (!MODES.includes(signedInteger(mode))) throw new RangeError("invalid mode");
    if (mode !== MODE_OUTPUT) throw new Error("not emulated: pins that are no outputs");
    if (pin >= INPUTS_FROM) throw new RangeError("input only");
    this.#program = program;
    this.#pin = pin;
    program.used.add(pin);
    program.pins.set(pin, Number(initialValue) ? 1 : 0);
  }

  read(): number {
    HostObject.validate(this, EmulatedDigital);
    throw new Error("can't read output");
  }

  write(level: number): void {
    HostObject.validate(this, EmulatedDigital);
    this.#program.pins.set(this.#pin, Number(level) ? 1 : 0);
  }

  close(): void {
    if (!HostObject.release(this, EmulatedDigital)) return;
    this.#program.used.delete(this.#pin);
    this.#program.pins.set(this.#pin, 1);
  }
}

/** State that the pins of one program share. */
interface DigitalProgram {
  readonly pins: Pins;
  readonly used: Set<number>;
}

/** The class for one program on a board with these pins. */
export function defineDigital(pins: Pins): DigitalClass {
  const program = { pins, used: new Set<number>() };
  return class extends EmulatedDigital {
    static readonly Output = MODE_OUTPUT;

    constructor(options: DigitalOptions) {
      super(program, options);
    }
  };
}
