import { expect, test } from "vitest";
import { esp32 } from "./boards/esp32.ts";
import { ESP_RESET_REASON } from "./reset.ts";
import { bytes, onBench, text } from "./testing.ts";

// Read from build/devices/esp32/modules/resetReason, modules/io/system/system.c (xs_system_restart)
// and xs/platforms/esp/xsPlatform.c (fxAbort) @ 48ee02d; the ROM's and ESP-IDF's texts from esp-idf.

const WATCHED = esp32({
  sdkconfig: ["EN", "INIT", "PANIC"].map(name => `CONFIG_ESP_TASK_WDT_${name}=y`).join("\n"),
});

/** A board with its serial line, whose program records its alarms. */
function lifelike(options: Parameters<typeof onBench>[0] = {}) {
  const bench = onBench({ pacedConsole: true, reboots: true, kind: WATCHED, ...options });
  const out = { text: "" };
  bench.board.adapter.onBytes = got => (out.text += text(got));
  const boots = (count: number) =>
    bench.clock.run({ until: () => bench.given.length === count, ms: 60_000 });
  return { ...bench, out, boots, reasons: () => bench.given.map(p => p.vitals.resetReason) };
}

test("restart ends the program and boots it again, with the reason software (xs_system_restart)", async () => {
  const bench = onBench();
  let after = false;
  let rang = false;
  bench.boot(({ clock, restart }) => {
    if (bench.given.length > 1) return;
    clock.after(20, () => (rang = true));
    clock.after(10, () => {
      restart();
      after = true;
    });
  });
  await bench.clock.run();
  expect(bench.given.map(({ vitals }) => vitals.resetReason)).toEqual(["power-on", "software"]);
  expect([after, rang, bench.board.fatal, bench.lines]).toEqual([false, false, undefined, []]);
  expect(bench.given[1].vitals.uptimeMs).toBe(bench.clock.now() - 10 - esp32().bootMs);
});

test("an exception reboots the board by itself, as software; C and the watchdog have words of their own (fxAbort)", async () => {
  const { boot, boots, reasons, out, given } = lifelike();
  boot(({ clock }) => {
    if (given.length > 1) return;
    clock.after(5, () => {
      throw new Error("a bug");
    });
  });
  await boots(2);
  expect(reasons()).toEqual(["power-on", "software"]);
  expect(out.text).toContain("XS abort: unhandled exception a bug\r\nets Jul 29 2019 12:21:46\r\n");
  expect(out.text.match(/XS abort/g)).toHaveLength(1);
  expect(out.text).toContain("\r\nrst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n");
});

test("a program's hook writes the last line, and may restart the board itself; it restarts once", async () => {
  const { boot, boots, reasons, out, given } = lifelike();
  boot(({ clock, log, onAbort, restart }) => {
    onAbort((reason, exception) => {
      log(`gone: ${reason}, ${exception}`);
      restart();
    });
    if (given.length > 1) return;
    clock.after(5, () => {
      throw new Error("a bug");
    });
  });
  await boots(2);
  expect(reasons()).toEqual(["power-on", "software"]);
  expect(out.text).toContain("gone: unhandled exception, Error: a bug\r\nets Jul 29 2019");
  expect(out.text).not.toContain("XS abort");
});

test("a program that catches the exception of its end logs nothing any more", async () => {
  const { boot, boots, lines, given } = lifelike();
  boot(({ clock, log, restart }) => {
    log(`program ${given.length}`);
    if (given.length > 1) return;
    clock.after(5, () => {
      try {
        restart();
      } catch {
        log("still there");
      }
    });
  });
  await boots(2);
  expect(lines).toEqual(["program 1", "program 2"]);
});

test("onException gets the exception itself, with its files and lines", () => {
  const seen: unknown[] = [];
  const bench = onBench({ onException: exception => seen.push(exception) });
  const bug = new Error("a bug");
  bench.boot(() => {
    throw bug;
  });
  expect([seen, bench.lines]).toEqual([[bug], ["XS abort: unhandled exception a bug"]]);
});

test("without `reboots` it halts until boot", async () => {
  const bench = onBench();
  bench.boot(() => {
    throw new Error("a bug");
  });
  await bench.clock.run();
  expect([bench.given.length, bench.board.fatal]).toEqual([1, "unhandled exception"]);
});

test("a full event queue hangs the board until the watchdog ends it; without one, for ever", async () => {
  const flood = async (kind: ReturnType<typeof esp32>) => {
    const bench = lifelike({ kind });
    bench.boot();
    await bench.boots(1);
    for (let i = 0; i <= kind.eventQueueLength; i++) {
      bench.board.tasks.post({ next: undefined, deliver() {} });
    }
    const hungMs = bench.clock.now();
    await bench.boots(2);
    return { ...bench, hungMs };
  };
  const watched = await flood(WATCHED);
  expect(watched.reasons()).toEqual(["power-on", "task-watchdog"]);
  expect(watched.clock.now() - watched.hungMs).toBeGreaterThan(5000);
  expect(watched.out.text).toContain("Task watchdog got triggered.");
  expect(watched.out.text).not.toContain("XS abort");
  const unwatched = await flood(esp32());
  expect([unwatched.given.length, unwatched.board.fatal?.slice(0, 16)]).toEqual([
    1,
    "event queue full",
  ]);
  expect(unwatched.lines.at(-1)).toMatch(/^the chip hangs: event queue full/);
});

test.each([
  ["panic", "Guru Meditation Error: Core  0 panic'ed"],
  ["interrupt-watchdog", "Interrupt wdt timeout on CPU0"],
  ["task-watchdog", "Task watchdog got triggered."],
  ["brownout", "Brownout detector was triggered"],
] as const)(
  "a crash by %s is printed, and is the reset reason afterwards",
  async (crash, words) => {
    const { boot, boots, board, clock, reasons, out, lines } = lifelike();
    boot();
    await boots(1);
    const crashMs = clock.now();
    board.crash(crash);
    expect(board.fatal).toBe(crash);
    await boots(2);
    expect(reasons()).toEqual(["power-on", crash]);
    expect(clock.now() - crashMs).toBeGreaterThan(esp32().bootMs + 2); // the words come first
    expect(out.text.indexOf(words)).toBeGreaterThan(0);
    expect(out.text.indexOf("rst:0xc (SW_CPU_RESET)")).toBeGreaterThan(out.text.indexOf(words));
    expect(lines.some(line => line.includes(words))).toBe(true);
    expect(ESP_RESET_REASON[crash]).toBeGreaterThan(3);
  },
);

test("at power on the ROM prints first, then the program, in the time that 115200 baud takes", async () => {
  const { boot, boots, out, board, clock, lines } = lifelike();
  boot(({ log }) => log("I (0) boot: ready"));
  await boots(1);
  expect(clock.now()).toBe(esp32().bootMs);
  expect(
    out.text.startsWith("ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13"),
  ).toBe(true);
  expect([lines, out.text.includes("ready")]).toEqual([["I (0) boot: ready"], false]);
  await clock.run({ ms: 2 });
  expect(out.text.endsWith("I (0) boot: ready\r\n")).toBe(true);
  expect(board.fatal).toBe(undefined);
});

test("a program that logs faster than the line carries is stalled (uart_tx_char)", async () => {
  const { boot, boots, clock } = lifelike();
  const rang: number[] = [];
  boot(platform => {
    platform.clock.after(1, () => rang.push(platform.clock.now()));
    platform.log("x".repeat(1000));
  });
  await boots(1);
  await clock.run({ ms: 500 });
  expect(rang).toEqual([expect.closeTo(((1002 - 127) * 10_000) / 115_200, 3)]);
});

test("RTS alone holds the chip, its release starts it; DTR at that moment selects download mode", async () => {
  const { boot, boots, board, clock, out, given, lines } = lifelike();
  boot(({ log }) => log("hello"));
  await boots(1);
  const { adapter } = board;
  for (const lines of [
    { dtr: true, rts: true },
    { dtr: false, rts: false },
    { dtr: true, rts: false },
  ]) {
    adapter.set(lines);
  }
  await clock.run({ ms: 1000 });
  expect(given).toHaveLength(1);

  adapter.set({ dtr: false, rts: true });
  const held = out.text;
  await clock.run({ ms: 1000 });
  expect([out.text, board.stack.online]).toEqual([held, false]);
  adapter.set({ dtr: false, rts: false });
  await boots(2);
  expect(out.text.slice(held.length)).toContain("rst:0x1 (POWERON_RESET)");

  // Both lines asserted release both pins.
  adapter.set({ dtr: false, rts: true });
  adapter.set({ dtr: true, rts: true });
  await boots(3);
  expect(given).toHaveLength(3);

  adapter.set({ dtr: false, rts: true });
  adapter.set({ dtr: true, rts: false });
  await clock.run({ ms: 50 });
  adapter.set({ dtr: false, rts: false });
  await clock.run({ ms: 5000 });
  expect(out.text.endsWith("waiting for download\r\n")).toBe(true);
  expect([given.length, lines]).toEqual([3, ["hello", "hello", "hello"]]);
  expect(() => adapter.send(bytes("x"))).toThrow("not emulated: the ROM's loader");
  board.reset();
  await boots(4);
  expect(adapter.send(bytes("x"))).toBeGreaterThan(0);
});

test("a board without power is woken neither by its control lines nor by its button", async () => {
  const { boot, boots, board, clock, given } = lifelike();
  boot();
  await boots(1);
  board.adapter.set({ dtr: false, rts: true });
  board.adapter.set({ dtr: false, rts: false });
  board.unplug();
  board.adapter.set({ dtr: false, rts: true });
  board.adapter.set({ dtr: false, rts: false });
  board.reset();
  expect(board.adapter.send(bytes("x"))).toBe(0);
  await clock.run({ ms: 5000 });
  expect(given).toHaveLength(1);

  boot();
  await boots(2);
  board.adapter.set({ dtr: false, rts: true });
  board.unplug();
  boot();
  await boots(3);
  board.adapter.set({ dtr: false, rts: false });
  await clock.run({ ms: 5000 });
  expect(given).toHaveLength(3); // nothing was held any more
});

test("vitals: the heap falls by what connections hold, and the floor keeps the lowest value", async () => {
  const bench = onBench();
  const { vitals, TCP } = await bench.online();
  const start = vitals.freeHeapBytes;
  const server = bench.network.host("peer").createServer(socket => {
    socket.on("error", () => {}); // the board closes over unread bytes
    socket.write(Buffer.alloc(3000));
  });
  server.listen(80);
  const tcp = new TCP({ address: bench.network.host("peer").address, port: 80 });
  await bench.clock.run({ ms: 100 });
  expect(start - vitals.freeHeapBytes).toBeGreaterThan(3000);
  tcp.close();
  await bench.clock.run({ ms: 100 });
  expect(vitals.freeHeapBytes).toBe(start);
  expect(vitals.heapFloorBytes).toBeLessThan(start - 3000);
  bench.board.reset();
  await bench.clock.run({ until: () => bench.given.length === 2 });
  expect(bench.given[1].vitals.heapFloorBytes).toBe(start);
});

test("a board that is reset while it boots boots once", async () => {
  const { boot, boots, board, clock, given } = lifelike();
  boot();
  await clock.run({ ms: 100 });
  board.reset();
  await clock.run({ ms: 100 });
  boot();
  await boots(1);
  await clock.run({ ms: 5000 });
  expect(given).toHaveLength(1);
});
