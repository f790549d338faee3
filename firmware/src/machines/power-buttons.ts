import type { Cancel, DigitalPin, Platform } from "../platform.ts";

interface Button {
  readonly gpio: number;
  readonly pin: DigitalPin;
  /** Ends the press; absent while the button is not pressed. */
  release: Cancel | undefined;
}

/**
 * The pins that press the power buttons of machines, each through a transistor or a relay. A pin stays an output until
 * the board restarts, whatever the configuration: one that is closed becomes an input with a pull-up on the ESP32, and
 * presses the button.
 */
export class PowerButtons {
  #platform: Pick<Platform, "Digital" | "clock">;
  #buttons: Button[] = [];

  constructor(platform: Pick<Platform, "Digital" | "clock">) {
    this.#platform = platform;
  }

  /** Drives the pin low: the button is not pressed. Throws if the board does not have the pin, or uses it otherwise. */
  open(gpio: number): Button {
    const known = this.#buttons.find(button => button.gpio === gpio);
    if (known !== undefined) return known;
    const { Digital } = this.#platform;
    if (Digital === undefined) throw new Error("no pins");
    const pin = new Digital({ pin: gpio, mode: Digital.Output, initialValue: 0 });
    const button = { gpio, pin, release: undefined };
    this.#buttons.push(button);
    return button;
  }

  /** Presses the button for `ms`. Throws as `open` does. */
  press(gpio: number, ms: number): void {
    const button = this.open(gpio);
    if (button.release !== undefined) return;
    button.pin.write(1);
    button.release = this.#platform.clock.after(ms, () => {
      button.release = undefined;
      button.pin.write(0);
    });
  }
}
