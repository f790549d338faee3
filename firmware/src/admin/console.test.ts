import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import type { Platform, SerialConstructor, SerialPort } from "../platform.ts";
import { Console } from "./console.ts";
import type { Event } from "./event.ts";
import type { Operator } from "./operator.ts";

/** A console on `Serial`, once it has opened its port, and what it reported. */
async function opened(Serial: SerialConstructor): Promise<Event[]> {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const platform = { clock, Serial, log: () => {} } as unknown as Platform;
  new Console(platform, {} as Operator, event => events.push(event));
  await clock.run({ ms: 1_000 });
  return events;
}

test("a port that another driver has is a warning", async () => {
  class Taken {
    constructor() {
      throw new RangeError("port in use");
    }
  }
  expect(await opened(Taken as unknown as SerialConstructor)).toEqual([
    { level: "W", on: "console", what: "no-port", error: "RangeError: port in use" },
  ]);
});

test("an exception does not leave the port's callback: it is reported", async () => {
  let onReadable: ((this: SerialPort, bytes: number) => void) | undefined;
  class Broken implements SerialPort {
    constructor(options: ConstructorParameters<SerialConstructor>[0]) {
      onReadable = options.onReadable;
    }
    read(): number {
      throw new Error("broken");
    }
    write(): void {}
  }
  const events = await opened(Broken);
  onReadable!.call(new Broken({ onReadable } as never), 5);
  expect(events).toMatchObject([
    {
      level: "E",
      on: "console",
      what: "exception",
      error: expect.stringMatching(/^Error: broken at read < /),
    },
  ]);
});
