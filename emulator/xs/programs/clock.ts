import { ChipClock } from "../../../firmware/src/chip/clock.ts";
import { host } from "./host.ts";

/** The chip's clock alone, on the ticks and the timer of the SDK. */

let clock: ChipClock | undefined;

/** The value of the clock; `keep-counting` before it is read for the first time. */
host.command = text => {
  if (clock === undefined) {
    clock = new ChipClock(error => {
      throw error;
    });
    if (text === "keep-counting") clock.keepCounting();
  }
  return String(clock.now());
};
