import { expect, test } from "vitest";
import { esp32 } from "../boards/esp32.ts";
import type { Serial, SerialOptions } from "../platform.ts";
import { bytes, onBench, text } from "../testing.ts";

// Read from modules/io/serial/esp32/serial.c @ 48ee02d; the function is named with each test.

/** One byte at 115200: ten bits. */
const BYTE_MS = 10_000 / 115_200;

const WIRED = { port: 0, transmit: 1, receive: 3, baud: 115_200 };

/** A program with a serial port, on a board whose line is paced; times are from its start on. */
async function wired(
  options: Partial<SerialOptions> = {},
  bench = onBench({ pacedConsole: true }),
) {
  const readable: { ms: number; count: number }[] = [];
  const writable: number[] = [];
  const received: { ms: number; text: string }[] = [];
  const { clock, board, given } = bench;
  const nowMs = () => clock.now() - board.kind.bootMs;
  let serial!: Serial;
  bench.boot(({ Serial }) => {
    board.adapter.onBytes = got => received.push({ ms: nowMs(), text: text(got)! });
    serial = new Serial({
      ...WIRED,
      onReadable: count => readable.push({ ms: nowMs(), count }),
      onWritable: count => writable.push(count),
      ...options,
    });
  });
  await clock.run({ until: () => given.length === 1 });
  return {
    ...bench,
    serial,
    readable,
    writable,
    received,
    send: (what: string) => board.adapter.send(bytes(what)),
    said: () => received.map(({ text }) => text).join(""),
  };
}

test("bytes leave as ten bits each, and the computer receives them at the speed of the line (xs_serial_write)", async () => {
  const { clock, serial, received, said } = await wired();
  serial.write(bytes("0123456789".repeat(12)));
  await clock.run({ ms: 60 * BYTE_MS });
  expect(said().length).toBeGreaterThanOrEqual(50);
  expect(said().length).toBeLessThanOrEqual(60);
  await clock.run({ ms: 1000 });
  expect(said()).toBe("0123456789".repeat(12));
  expect(received.at(-1)!.ms).toBeCloseTo(120 * BYTE_MS, 3);
});

test("there is no buffer but 128 bytes: more than fits throws and takes nothing (xs_serial_write)", async () => {
  const { clock, serial, said } = await wired();
  expect(() => serial.write(new Uint8Array(129))).toThrow(new Error("output full"));
  serial.write(new Uint8Array(128).fill(65));
  expect(() => serial.write(bytes("B"))).toThrow("output full");
  await clock.run({ ms: 10.01 * BYTE_MS });
  serial.write(new Uint8Array(10).fill(66));
  expect(() => serial.write(bytes("C"))).toThrow("output full");
  await clock.run({ ms: 1000 });
  expect(said()).toBe("A".repeat(128) + "B".repeat(10));
});

test("onWritable is called once at first, then once when fewer than ten bytes are left (serial_isr)", async () => {
  const { clock, serial, writable } = await wired();
  await clock.run({ ms: 1000 });
  expect(writable).toEqual([128]);
  serial.write(new Uint8Array(100));
  await clock.run({ ms: 90 * BYTE_MS });
  expect(writable).toEqual([128]);
  await clock.run({ ms: 2 * BYTE_MS });
  expect(writable).toEqual([128, 119]);
  await clock.run({ ms: 1000 });
  serial.write(bytes("abc")); // few enough at once
  await clock.run({ ms: 0 });
  expect(writable).toEqual([128, 119, 125]);
  await clock.run({ ms: 1000 });
  expect(writable).toHaveLength(3);
});

test("a write that is refused announces no room: the program asks again by itself (xs_serial_write)", async () => {
  const { clock, given, serial, writable } = await wired();
  await clock.run({ ms: 1000 });
  expect(writable).toEqual([128]);
  given[0].log("x".repeat(200)); // other bytes than the port's fill the FIFO
  expect(() => serial.write(bytes("A"))).toThrow("output full");
  await clock.run({ ms: 1000 });
  expect(writable).toEqual([128]);
  serial.write(bytes("A"));
  await clock.run({ ms: 1000 });
  expect(writable).toEqual([128, 127]);
});

test("onReadable is called after four bytes' silence, with the count of all that wait (serial_isr, uart_set_rx_timeout)", async () => {
  const { clock, serial, readable, send } = await wired();
  expect(send("hello")).toBeCloseTo(5 * BYTE_MS, 6);
  await clock.run({ ms: 1000 });
  expect(readable).toEqual([{ ms: expect.closeTo(9 * BYTE_MS, 6), count: 5 }]);
  expect(text(serial.read() as ArrayBuffer)).toBe("hello");
  expect(serial.read()).toBe(undefined);
});

test("a long burst is announced at 96 bytes, the rest when it ends (serial_isr)", async () => {
  const counts: number[] = [];
  let got = "";
  const { clock, send } = await wired({
    onReadable(this: Serial, count: number) {
      counts.push(count);
      got += text(this.read() as ArrayBuffer);
    },
  });
  send("x".repeat(250));
  await clock.run({ ms: 1000 });
  expect(counts).toEqual([96, 96, 58]);
  expect(got).toBe("x".repeat(250));
});

test("bytes that find the FIFO full are lost silently", async () => {
  const { clock, serial, readable, send } = await wired();
  const sent = Array.from({ length: 140 }, (_, i) => String.fromCharCode(32 + (i % 90))).join("");
  send(sent);
  await clock.run({ ms: 1000 });
  expect(readable.at(-1)?.count).toBe(128);
  expect(text(serial.read() as ArrayBuffer)).toBe(sent.slice(0, 128));
  send("after");
  await clock.run({ ms: 1000 });
  expect(text(serial.read() as ArrayBuffer)).toBe("after");
});

test("bytes left unread are announced again with the next one only", async () => {
  const { clock, serial, readable, send } = await wired();
  send("abc");
  await clock.run({ ms: 1000 });
  expect(text(serial.read(1) as ArrayBuffer)).toBe("a");
  await clock.run({ ms: 1000 });
  expect(readable).toHaveLength(1);
  send("d");
  await clock.run({ ms: 1000 });
  expect(readable.map(({ count }) => count)).toEqual([3, 3]);
});

test("read fills a view as far as it goes, takes a count, and one byte in the format number (xs_serial_read)", async () => {
  const { clock, serial, send } = await wired();
  send("abcdefgh");
  await clock.run({ ms: 1000 });
  const view = new Uint8Array(3);
  expect([serial.read(view), text(view)]).toEqual([3, "abc"]);
  expect(text(serial.read(2) as ArrayBuffer)).toBe("de");
  expect(() => serial.read(0)).toThrow(new Error("invalid"));
  expect(() => serial.read(4)).toThrow("not emulated: read(4) of 3 bytes");
  serial.format = "number";
  expect(serial.read()).toBe(102);
  serial.write(0x141);
  serial.format = "buffer";
  expect(serial.read(new Uint8Array(9))).toBe(2);
  expect(serial.read(new Uint8Array(9))).toBe(undefined);
});

test("read and write refuse what is neither bytes nor a number (xs_serial_read, xs_serial_write)", async () => {
  const { clock, serial, send } = await wired();
  send("ab");
  await clock.run({ ms: 100 });
  for (const into of [() => 1, new Uint16Array(1), Symbol("no")]) {
    expect(() => serial.read(into as never)).toThrow(TypeError);
  }
  expect(() => serial.write("text" as never)).toThrow(TypeError);
  serial.format = "number";
  expect(() => serial.write(Symbol("no") as never)).toThrow(TypeError);
  expect(() => (serial.write as () => void)()).toThrow(SyntaxError);
  expect([serial.read(), serial.read()]).toEqual([97, 98]);
});

test("onReadable is called before onWritable in one turn (serialDeliver)", async () => {
  const events: string[] = [];
  const { clock, board, serial, send } = await wired({
    onReadable: () => events.push("readable"),
    onWritable: () => events.push("writable"),
  });
  await clock.run({ ms: 1 });
  events.length = 0;
  serial.write(bytes("x".repeat(30)));
  send("abc");
  board.tasks.stall(20); // the program is busy while both happen
  await clock.run({ ms: 100 });
  expect(events).toEqual(["readable", "writable"]);
});

test("the constructor empties both FIFOs: log lines that wait are lost (uart_param_config)", async () => {
  const bench = onBench({ pacedConsole: true });
  let out = "";
  bench.board.adapter.onBytes = got => (out += text(got));
  bench.boot(({ log, Serial, clock }) => {
    log("this line is cut");
    clock.after(1, () => new Serial(WIRED));
  });
  await bench.clock.run({ ms: 2000 });
  expect(out.endsWith("entry 0x400805f0\r\nthis line is")).toBe(true);
});

test("a full event queue drops the event, and onReadable is never called again (modMessagePostToMachineFromISR)", async () => {
  const kind = { ...esp32(), eventQueueLength: 1 };
  const { clock, board, serial, readable, send } = await wired(
    {},
    onBench({ kind, pacedConsole: true }),
  );
  await clock.run({ ms: 1 });
  board.tasks.stall(50);
  board.tasks.post({ next: undefined, deliver() {} });
  send("lost");
  await clock.run({ ms: 100 });
  send("never announced");
  await clock.run({ ms: 100 });
  expect(readable).toEqual([]);
  expect(text(serial.read() as ArrayBuffer)).toBe("lostnever announced");
  expect(board.fatal).toBe(undefined);
});

test("pins and port belong to one object until it is closed (xs_serial_constructor)", async () => {
  const { serial, given, clock, readable, send } = await wired();
  const { Serial } = given[0];
  expect(() => new Serial(WIRED)).toThrow(new Error("in use"));
  serial.close();
  serial.close();
  send("x");
  await clock.run({ ms: 100 });
  expect(readable).toEqual([]);
  for (const call of [() => serial.read(), () => serial.write(bytes("x")), () => serial.format]) {
    expect(call).toThrow(SyntaxError);
  }
  const open = new Serial(WIRED);
  for (const member of [open.read, open.write, open.close]) {
    expect(() => member.call({} as Serial, 1)).toThrow(SyntaxError);
  }
  open.close();
  new Serial(WIRED).close();
});

test("options are refused in the port's words (xs_serial_constructor)", () => {
  const { Serial } = onBench().boot();
  const refused = (options: object) => () => new Serial({ ...WIRED, ...options });
  expect(() => new Serial({ baud: 115_200 })).toThrow(new Error("invalid"));
  expect(refused({ transmit: 28 })).toThrow(new Error("in use"));
  expect(refused({ receive: -1 })).toThrow(new RangeError("negative"));
  expect(refused({ port: 3 })).toThrow(new RangeError("invalid port"));
  for (const baud of [0, 20_000_001]) {
    expect(refused({ baud })).toThrow(new RangeError("invalid baud"));
  }
  expect(refused({ onReadable: 7 })).toThrow(new Error("not a function"));
  expect(refused({ format: "string" })).toThrow(new RangeError("invalid format"));
  const serial = new Serial({ ...WIRED, target: 7 });
  expect(serial.target).toBe(7);
  expect(() => (serial.format = "string")).toThrow(new RangeError("unimplemented"));
  expect(() => (serial.format = "text")).toThrow(new RangeError("unknown"));
  expect(() => serial.write("text" as never)).toThrow(TypeError);
});

test("what is not modelled throws", () => {
  const { Serial } = onBench().boot();
  for (const options of [{ port: 1 }, { transmit: 17 }, { receive: 16 }, { baud: 9600 }]) {
    expect(() => new Serial({ ...WIRED, ...options })).toThrow(/^not emulated: /);
  }
});

test("unpaced, there is room without end, announced once, and what is written arrives at once", async () => {
  const { clock, serial, writable, said } = await wired({}, onBench());
  serial.write(new Uint8Array(1000).fill(65));
  expect(said()).toBe("A".repeat(1000));
  await clock.run({ ms: 1000 });
  serial.write(bytes("B"));
  await clock.run({ ms: 1000 });
  expect(writable).toEqual([Number.MAX_SAFE_INTEGER]);
});

test("lines that a program writes are lines of the console, as a terminal shows them", () => {
  const { lines, boot } = onBench();
  const { Serial, log } = boot();
  const serial = new Serial(WIRED);
  const write = (written: string) => serial.write(Buffer.from(written));
  write("one\r\ntwo\r\nthr");
  write("ee\r\n");
  expect(lines).toEqual(["one", "two", "three"]);
  write("typed\r\x1b[Kcaf\u00e9\r\ndrain");
  log("a line behind what was typed");
  log("and one behind it");
  expect(lines.slice(3)).toEqual([
    "café",
    "draina line behind what was typed",
    "and one behind it",
  ]);
});

test("a program that has ended writes nothing, and its unfinished line is none", async () => {
  const bench = onBench({ reboots: true });
  const ended: Serial[] = [];
  bench.boot(({ Serial }) => {
    const serial = new Serial(WIRED);
    serial.write(bytes(`program ${bench.given.length}\nunfinished`));
    ended.push(serial);
  });
  bench.board.reset();
  await bench.clock.run({ until: () => ended.length === 2 });
  ended[0].write(bytes(" and late\n"));
  ended[1].write(bytes("\n"));
  expect(bench.lines).toEqual(["program 1", "program 2", "unfinished"]);
});
