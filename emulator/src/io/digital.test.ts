import { expect, test } from "vitest";
import { onBench } from "../testing.ts";

// Read from modules/io/digital @ 48ee02d; the function is named with each test.

async function bench() {
  const { board, clock, ...rest } = onBench();
  const platform = await rest.online();
  const levels: number[] = [];
  board.pins.connect(13, level => levels.push(level));
  const { Digital } = platform;
  return { board, clock, Digital, mode: Digital.Output, levels };
}

test("an output has its first level at once, and then those that are written (xs_digitalbank_constructor)", async () => {
  const { Digital, mode, board, levels } = await bench();
  const pin = new Digital({ pin: 13, mode, initialValue: 0 });
  expect(levels).toEqual([]);
  pin.write(1);
  pin.write(1);
  pin.write(0);
  expect(levels).toEqual([1, 0]);
  new Digital({ pin: 14, mode, initialValue: 1 });
  expect(board.pins.level(14)).toBe(1);
  expect(() => pin.read()).toThrow(new Error("can't read output"));
});

test("a pin that is closed has a pull-up, which the circuit may see (gpio_reset_pin)", async () => {
  const { Digital, mode, levels } = await bench();
  const pin = new Digital({ pin: 13, mode });
  pin.close();
  pin.close();
  expect(levels).toEqual([1]);
  expect(() => pin.write(0)).toThrow(SyntaxError);
  new Digital({ pin: 13, mode });
  expect(levels).toEqual([1, 0]);
});

test("a reset releases all pins, and the program may have them again", async () => {
  const { board, clock, Digital, mode, levels } = await bench();
  new Digital({ pin: 13, mode, initialValue: 1 });
  board.reset();
  expect(levels).toEqual([1, 0]);
  board.unplug();
  let again: (() => unknown) | undefined;
  board.boot(platform => {
    again = () => new platform.Digital({ pin: 13, mode, initialValue: 1 });
  });
  await clock.run({ until: () => again !== undefined });
  again!();
  expect(levels).toEqual([1, 0, 1]);
});

test.each([
  [{ pin: undefined as never }, new Error("invalid")],
  [{ pin: 24 }, new Error("invalid pin")],
  [{ pin: 40 }, new Error("invalid pin")],
  [{ pin: 13 }, new Error("in use")],
  [{ pin: 36 }, new RangeError("input only")],
  [{ pin: 14, mode: 7 }, new RangeError("invalid mode")],
  [{ pin: 14, mode: 0 }, new Error("not emulated: pins that are no outputs")],
])("%j is refused: %s", async (options, error) => {
  const { Digital, mode } = await bench();
  new Digital({ pin: 13, mode });
  expect(() => new Digital({ mode, ...options })).toThrow(error);
});
