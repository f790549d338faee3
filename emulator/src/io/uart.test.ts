import { expect, test } from "vitest";
import { type Clock, VirtualClock } from "../clock.ts";
import { Uart } from "./uart.ts";

/** The computer's time of a busy computer: two milliseconds pass between any two looks at it. */
class PreemptedClock implements Clock {
  #virtual = new VirtualClock();
  #lateMs = 0;

  now(): number {
    this.#lateMs += 2;
    return this.#virtual.now() + this.#lateMs;
  }

  after(ms: number, task: () => void) {
    return this.#virtual.after(ms, task);
  }

  run(ms: number): Promise<boolean> {
    return this.#virtual.run({ ms });
  }
}

/** A driver that reads all there is at each interrupt, as serial.c and the firmware's console do together. */
function reading(uart: Uart, afterReading = () => {}) {
  const got: string[] = [];
  uart.serve({
    receive() {
      uart.armReceive(false);
      while (uart.rxCount > 0) got.push(String.fromCharCode(...uart.read(uart.rxCount)));
      afterReading();
      uart.armReceive(true);
    },
    transmit() {},
  });
  uart.armReceive(true);
  return got;
}

test("bytes are announced however late the computer looks at its clock", async () => {
  const clock = new PreemptedClock();
  const uart = new Uart(clock);
  const got = reading(uart);
  uart.send(Buffer.from("reboot\r"));
  await clock.run(100);
  expect(got.join("")).toBe("reboot\r");
});

test("bytes that are received after the last read, and before the interrupt is armed again, are announced", async () => {
  const clock = new PreemptedClock();
  const uart = new Uart(clock);
  const typed = ["heap\n"];
  const got = reading(uart, () => {
    const next = typed.shift();
    if (next !== undefined) uart.send(Buffer.from(next));
  });
  uart.send(Buffer.from("status\n"));
  await clock.run(100);
  expect(got.join("")).toBe("status\nheap\n");
});

test("room is announced when few enough bytes are left, however early the computer's timers ring", async () => {
  const clock = new VirtualClock();
  const uart = new Uart({
    now: () => clock.now(),
    after: (ms, task) => clock.after(ms < 1 ? ms : Math.floor(ms), task),
  });
  const room: number[] = [];
  uart.serve({ receive() {}, transmit: () => room.push(uart.txFree) });
  uart.write(new Uint8Array(118));
  uart.armTransmit(10);
  await clock.run({ ms: 100 });
  expect(room).toEqual([119]);
});
