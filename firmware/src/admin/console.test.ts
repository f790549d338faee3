import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import { defineSerial } from "../../../emulator/src/io/serial.ts";
import { Uart } from "../../../emulator/src/io/uart.ts";
import { Tasks } from "../../../emulator/src/tasks.ts";
import type { Event } from "../log/event.ts";
import { Log } from "../log/log.ts";
import type { Platform, SerialConstructor } from "../platform.ts";
import { Console } from "./console.ts";
import type { RuntimeApi } from "./runtime-api.ts";

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

const BEFORE: Event = { level: "I", on: "boot", version: "1.0.0" };
const EARLY: Event = { level: "I", on: "config", what: "next-start" };
const SAVED: Event = { level: "I", on: "config", what: "saved" };
const refused = (error: string): Event => ({ level: "E", on: "config", what: "refused", error });

/** A console and a log on the UART of a chip, once the port is open, and the terminal at its other end. */
async function terminal({
  paced = true,
  Serial,
  ssid,
}: {
  paced?: boolean;
  Serial?: SerialConstructor;
  ssid?: string;
} = {}) {
  const clock = new VirtualClock();
  const uart = new Uart(clock, { paced });
  const tasks = new Tasks(clock, 32, (_, error) => {
    throw error;
  });
  const bytes: number[] = [];
  uart.onBytes = piece => bytes.push(...piece);
  const print = (line: string) => void uart.print(Buffer.from(`${line}\r\n`)); // as ESP-IDF's console
  const platform = {
    clock,
    Serial: Serial ?? (defineSerial(uart, tasks) as unknown as SerialConstructor),
    log: print,
    link: { ssid },
  } as unknown as Platform;
  const log = new Log(platform, print);
  log.report(BEFORE);
  const events: Event[] = [];
  const report = (event: Event) => {
    events.push(event);
    log.report(event);
  };
  const console = new Console({ parts: { platform, log, report } } as unknown as RuntimeApi);
  log.report(EARLY);
  await clock.run({ ms: 100 });
  const atFirst = Buffer.from(bytes).toString();
  if (Serial === undefined) bytes.length = 0;
  return {
    clock,
    console,
    log,
    tasks,
    uart,
    events,
    /** The bytes that came until the port was open, and in the 80 ms after it. */
    atFirst,
    /** Types, and waits until the chip has read it. */
    async type(text: string) {
      await clock.run({ ms: uart.send(Buffer.from(text)) + 1 });
    },
    report,
    received: () => Buffer.from(bytes).toString(),
    shown: () => screen(Buffer.from(bytes).toString()),
  };
}

test("a port that another driver uses is a warning, and the log leaves by the machine's own console", async () => {
  class Taken {
    constructor() {
      throw new RangeError("port in use");
    }
  }
  const { clock, shown, report } = await terminal({
    Serial: Taken as unknown as SerialConstructor,
  });
  report(SAVED);
  await clock.run({ ms: 20 });
  expect(shown()).toEqual([
    "I (0) boot: version=1.0.0",
    "I (0) config: next-start",
    'W (20) console: no-port error="RangeError: port in use"',
    "I (100) config: saved",
    "",
  ]);
});

test("a line that was printed before the port is open is whole, and one that waits for the port follows", async () => {
  const { atFirst } = await terminal();
  expect(screen(atFirst)).toEqual(["I (0) boot: version=1.0.0", "I (0) config: next-start", ""]);
});

test("an exception does not leave the port's callbacks: it is reported", async () => {
  let callbacks: ConstructorParameters<SerialConstructor>[0] | undefined;
  class Broken {
    constructor(options: ConstructorParameters<SerialConstructor>[0]) {
      callbacks = options;
    }
    read(): number {
      throw new Error("broken");
    }
    write(): void {}
  }
  const { events } = await terminal({ Serial: Broken });
  callbacks!.onReadable.call(new Broken(callbacks!), 5);
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
  let callbacks: ConstructorParameters<SerialConstructor>[0] | undefined;
  class Serial {
    constructor(options: ConstructorParameters<SerialConstructor>[0]) {
      callbacks = options;
    }
    read(into: Uint8Array): number | undefined {
      const piece = pieces.shift();
      for (let i = 0; i < (piece?.length ?? 0); i++) into[i] = piece!.charCodeAt(i);
      return piece?.length;
    }
    write(bytes: ArrayBuffer): void {
      echoed += Buffer.from(bytes).toString();
    }
  }
  await terminal({ Serial });
  const port = new Serial(callbacks!);
  callbacks!.onWritable.call(port, 128);
  callbacks!.onReadable.call(port, 3);
  callbacks!.onWritable.call(port, 128);
  expect(echoed).toMatch(/\r\nstatus$/);
});

describe("the log", () => {
  test("leaves at the speed of the line, whole and in order, and its writer never waits", async () => {
    const { clock, report, shown } = await terminal();
    for (let i = 0; i < 20; i++) report(refused(`${i} ${"x".repeat(80)}`));
    expect(clock.now()).toBe(100);
    await clock.run({ ms: 1000 });
    const lines = shown();
    expect(lines).toHaveLength(21);
    for (const [i, line] of lines.slice(0, -1).entries())
      expect(line).toBe(`E (100) config: refused error="${i} ${"x".repeat(80)}"`);
  });

  test("keeps the line busy while lines wait", async () => {
    const { clock, report, received } = await terminal();
    for (let i = 0; i < 20; i++) report(refused("x".repeat(90)));
    await clock.run({ ms: 100 });
    expect(received().length).toBeGreaterThan(1140); // 11.52 bytes a millisecond
  });

  test("goes on behind what something else has printed", async () => {
    const { clock, report, shown, uart } = await terminal();
    uart.print(Buffer.from(`${"tcp write failed ".repeat(12)}\r\n`)); // the SDK's trace
    report(SAVED);
    report(SAVED);
    await clock.run({ ms: 100 });
    expect(shown().slice(1)).toEqual(["I (100) config: saved", "I (100) config: saved", ""]);
  });

  test("goes on behind what was printed between the announcement of room and its delivery", async () => {
    const { clock, report, shown, tasks, uart } = await terminal();
    report(refused("x".repeat(90)));
    tasks.stall(20);
    report(SAVED);
    await clock.run({ ms: 15 }); // the port has announced room
    uart.print(Buffer.from(`${"tcp write failed ".repeat(6)}\r\n`));
    await clock.run({ ms: 200 });
    expect(shown().at(-2)).toBe("I (100) config: saved");
  });

  test("is complete before a restart, with the rest of a line and the lines that wait", async () => {
    const { clock, report, shown, type, console } = await terminal();
    await type("drain");
    report(refused("x".repeat(150)));
    report(refused("the last one"));
    console.flush();
    await clock.run({ ms: 100 });
    expect(shown().map(line => line.replace(/\d+/, "0"))).toEqual([
      `E (0) config: refused error=${"x".repeat(150)}`,
      'E (0) config: refused error="the last one"',
      "drain", // this machine goes on
    ]);
  });
});

describe("typed text", () => {
  test("is shown again behind a line of the log, and continues", async () => {
    const { clock, report, type, shown } = await terminal();
    await type("drain");
    report(SAVED);
    await clock.run({ ms: 50 });
    await type(" a");
    expect(shown()).toEqual([expect.stringMatching(/config: saved$/), "drain a"]);
    await type("\x7f\x7f");
    expect(shown().at(-1)).toBe("drain");
  });

  test("stands in no line, and is shown with what was typed in between, behind long lines, too", async () => {
    const { clock, report, type, shown } = await terminal();
    await type("dra");
    for (let i = 0; i < 5; i++) {
      report(refused(`${i} ${"x".repeat(390)}`));
      await type("i");
      await clock.run({ ms: 10 });
    }
    await type("\b");
    await clock.run({ ms: 500 });
    const rows = shown();
    expect(rows.pop()).toBe("draiiii");
    expect(rows.map(row => row.replace(/^E \(\d+\) /, ""))).toEqual(
      Array.from({ length: 5 }, (_, i) => `config: refused error="${i} ${"x".repeat(390)}"`),
    );
  });

  test("stays masked if it is a secret", async () => {
    const { clock, report, type, shown, received } = await terminal();
    await type("token correct-horse");
    report(SAVED);
    await clock.run({ ms: 50 });
    expect(shown().at(-1)).toBe(`token ${"*".repeat(8)}`);
    expect(received()).not.toContain("correct");
  });

  test("that is empty leaves the log unchanged", async () => {
    const { clock, report, shown, type } = await terminal();
    await type("\r");
    report(SAVED);
    await clock.run({ ms: 50 });
    expect(shown()).toEqual([expect.stringMatching(/config: saved$/), ""]);
  });

  test("longer than a terminal's width is shown again by its end", async () => {
    const { clock, report, shown, type } = await terminal();
    for (let i = 0; i < 5; i++) await type(`${i}${"y".repeat(59)}`);
    await clock.run({ ms: 50 });
    expect(shown().at(-1)!.length).toBe(300);
    report(SAVED);
    await clock.run({ ms: 100 });
    await type("!");
    await clock.run({ ms: 50 });
    expect(shown().at(-1)).toMatch(/^y{36}4y{59}!$/);
  });
});

describe("an answer", () => {
  test("is whole among lines of a busy log, which goes on between its lines", async () => {
    const { clock, report, shown, type } = await terminal();
    for (let i = 0; i < 20; i++) report(refused(`${i} ${"x".repeat(90)}`));
    await type("help\r");
    await clock.run({ ms: 2000 });
    const rows = shown();
    expect(rows.filter(row => row.startsWith("E ("))).toHaveLength(20);
    const answer = rows.filter(row => !row.startsWith("E ("));
    expect(answer.slice(0, 2)).toEqual(["> help", "help                    this list"]);
    expect(answer.slice(-2)).toEqual(["ok", ""]);
    const first = rows.indexOf("> help");
    expect(rows.slice(first, rows.indexOf("ok")).some(row => row.startsWith("E ("))).toBe(true);
  });

  test("has the letters of every language", async () => {
    const { shown, type } = await terminal({ paced: false, ssid: "Café 日本 😀" });
    await type("wifi\r");
    expect(shown()).toEqual(["> wifi", "ssid=Café 日本 😀", "ip=none", "ok", ""]);
  });
});
