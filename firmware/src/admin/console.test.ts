import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import type { Event } from "../log/event.ts";
import type { Platform, SerialConstructor, SerialPort } from "../platform.ts";
import { Console } from "./console.ts";
import type { RuntimeApi } from "./runtime-api.ts";

/** A console on `Serial`, once it has opened its port, and what it reported. */
async function opened(Serial: SerialConstructor): Promise<Event[]> {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const platform = { clock, Serial, log: () => {} } as unknown as Platform;
  const report = (event: Event) => events.push(event);
  new Console({ parts: { platform, report } } as unknown as RuntimeApi);
  await clock.run({ ms: 1_000 });
  return events;
}

test("a port that another driver uses is a warning", async () => {
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

test("bytes that arrive while others are handled are read at the same event", async () => {
  const pieces = ["sta", "tus"];
  let echoed = "";
  let onReadable: () => void;
  class Serial implements SerialPort {
    constructor(options: ConstructorParameters<SerialConstructor>[0]) {
      onReadable = () => options.onReadable.call(this, 3);
    }
    read(into: Uint8Array): number | undefined {
      const piece = pieces.shift();
      for (let i = 0; i < (piece?.length ?? 0); i++) into[i] = piece!.charCodeAt(i);
      return piece?.length;
    }
    write(bytes: Uint8Array): void {
      echoed += String.fromCharCode(...bytes);
    }
  }
  await opened(Serial);
  onReadable!();
  expect(echoed).toBe("status");
});

/** The text on a terminal that gets these bytes: carriage return, line feed, backspace and EL are obeyed. */
function screen(text: string): string[] {
  const rows = [""];
  let column = 0;
  const put = (row: string) => {
    rows[rows.length - 1] = row;
  };
  for (const piece of text.replaceAll("\x1b[K", "\0")) {
    const row = rows.at(-1)!;
    if (piece === "\0") put(row.slice(0, column));
    else if (piece === "\r") column = 0;
    else if (piece === "\n") rows.push("");
    else if (piece === "\b") column--;
    else put(`${row.slice(0, column)}${piece}${row.slice(++column)}`);
    if (piece === "\n") column = 0;
  }
  return rows.map(row => row.trimEnd());
}

describe("typed text", () => {
  /** A console whose port and log are one terminal; the port takes `room` bytes, then none for 12 ms. */
  async function terminal() {
    const clock = new VirtualClock();
    let shown = "";
    let typed = "";
    let fullUntilMs = 0;
    let onReadable: () => void;
    class Serial implements SerialPort {
      constructor(options: ConstructorParameters<SerialConstructor>[0]) {
        onReadable = () => options.onReadable.call(this, typed.length);
      }
      read(into: Uint8Array): number {
        const count = typed.length;
        for (let i = 0; i < count; i++) into[i] = typed.charCodeAt(i);
        typed = "";
        return count;
      }
      write(bytes: Uint8Array): void {
        if (clock.now() < fullUntilMs) throw new Error("output full");
        shown += String.fromCharCode(...bytes);
      }
    }
    const log = (line: string) => {
      shown += `${line}\r\n`;
      fullUntilMs = clock.now() + line.length / 11.5; // bytes per ms at 115200 baud
    };
    const platform = { clock, Serial, log } as unknown as Platform;
    const console = new Console({ parts: { platform } } as unknown as RuntimeApi);
    await clock.run({ ms: 1_000 });
    const type = (text: string) => {
      typed = text;
      onReadable();
    };
    return { clock, console, type, shown: () => screen(shown) };
  }

  test("is shown again behind a line of the log, and continues", async () => {
    const { clock, console, type, shown } = await terminal();
    type("drain");
    console.log("I (5) net: ip=10.0.0.7");
    await clock.run({ ms: 50 });
    type(" a");
    expect(shown()).toEqual(["I (5) net: ip=10.0.0.7", "drain a"]);
    type("\x7f\x7f");
    expect(shown().at(-1)).toBe("drain");
  });

  test("is shown with what was typed in between, behind long lines, too", async () => {
    const { clock, console, type, shown } = await terminal();
    type("dra");
    const lines = Array.from({ length: 5 }, (_, i) => `I (${i}) http: request ${"x".repeat(400)}`);
    for (const line of lines) {
      console.log(line);
      type("i");
      await clock.run({ ms: 10 });
    }
    type("\b");
    await clock.run({ ms: 500 });
    expect(shown()).toEqual([...lines, "draiiii"]);
  });

  test("stays masked if it is a secret", async () => {
    const { clock, console, type, shown } = await terminal();
    type("token correct-horse");
    console.log("I (5) net: ip=10.0.0.7");
    await clock.run({ ms: 50 });
    expect(shown().at(-1)).toBe(`token ${"*".repeat(8)}`);
  });

  test("that is empty leaves the log unchanged", async () => {
    const { console, shown, type } = await terminal();
    type("\r");
    console.log("I (5) net: ip=10.0.0.7");
    expect(shown()).toEqual(["I (5) net: ip=10.0.0.7", ""]);
  });
});
