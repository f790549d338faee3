import type { BindingInterface } from "@serialport/bindings-cpp";
import { afterEach, describe, expect, test, vi } from "vitest";
import { banner, panicLines } from "../../emulator/src/reset.ts";
import { RigBoard } from "./board.ts";
import { BoardError, NoProgram } from "./board-error.ts";
import { EMULATED_PATH, type EmulatedAdapter, EmulatedBinding } from "./emulated-port.ts";
import type { Incident } from "./incidents.ts";
import { SerialLink } from "./serial-link.ts";

const BOOT = ["I (1) boot: version=0.1.0", "I (2) net: ip=10.0.0.7", "I (3) proxy: ready ports=80"];

afterEach(() => {
  vi.useRealTimers();
});

/** An adapter whose board prints what the test wants at each reset. */
class ScriptedAdapter implements EmulatedAdapter {
  plugged = true;
  onBytes: ((bytes: Uint8Array) => void) | undefined;
  readonly lines: string[] = [];
  readonly sent: Buffer[] = [];
  boots: readonly string[] = BOOT;
  /** The adapter has the transistor by which DTR pulls IO0 low. */
  autoReset = true;

  prints(...lines: readonly string[]): void {
    this.onBytes?.(Buffer.from(lines.map(line => `${line}\r\n`).join("")));
  }

  send(bytes: Uint8Array): number {
    this.sent.push(Buffer.from(bytes));
    return 0;
  }

  set({ dtr, rts }: { dtr: boolean; rts: boolean }): void {
    const before = this.lines.at(-1);
    const now = `${dtr ? "D" : "-"}${rts ? "R" : "-"}`;
    if (before === now) return;
    this.lines.push(now);
    if (before !== "-R") return;
    if (now === "D-" && this.autoReset) this.prints(...banner("power-on", "download"));
    else this.prints(...banner("power-on", "flash"), ...this.boots);
  }

  unplug(): void {
    this.plugged = false;
  }
}

function bench() {
  const adapter = new ScriptedAdapter();
  const binding = new EmulatedBinding(adapter);
  const seen: Incident[] = [];
  const board = new RigBoard({
    binding,
    path: EMULATED_PATH,
    onIncident: incident => seen.push(incident),
  });
  return { adapter, binding, board, seen, kinds: () => seen.map(({ kind }) => kind) };
}

describe("the lines", () => {
  test("opening and closing the port does not reset the board: no line moves alone", async () => {
    const { adapter, board } = bench();
    await board.attach();
    await board.release();
    expect(adapter.lines).toEqual(["DR", "--"]);
  });

  test("a reset holds EN low by RTS alone, then lets both go", async () => {
    const { adapter, board } = bench();
    await board.attach();
    await board.reset();
    expect(adapter.lines.slice(2)).toEqual(["-R", "--"]);
    await board.release();
  });

  test("an open port cannot be opened again, and a pulled one not at all", async () => {
    const { binding, board } = bench();
    const other = new SerialLink({
      binding,
      path: EMULATED_PATH,
      onBytes() {},
      onLost() {},
    });
    await board.attach();
    await expect(other.connect()).rejects.toThrow("Cannot lock port");
    await board.release();
    binding.unplug();
    expect(await binding.list()).toEqual([]);
    await expect(other.connect()).rejects.toThrow("No such file or directory");
  });

  test("commands go out in pieces that the chip's FIFO takes", async () => {
    const { adapter, board } = bench();
    await board.attach();
    await board.link.send(`${"x".repeat(150)}\n`);
    expect(adapter.sent.map(({ byteLength }) => byteLength)).toEqual([64, 64, 23]);
    await board.release();
  });
});

describe("states", () => {
  test("an unknown board is reset, and its output followed until it serves", async () => {
    const { board, kinds } = bench();
    await board.attach();
    await board.to("serving");
    expect([board.state, board.address, kinds()]).toEqual(["serving", "10.0.0.7", []]);
    await board.release();
  });

  test("a board that is in the wanted state is left alone", async () => {
    const { adapter, board } = bench();
    await board.attach();
    await board.to("serving");
    const before = adapter.lines.length;
    await board.to("online");
    await board.to("serving");
    expect(adapter.lines.length).toBe(before);
    await board.release();
  });

  test("off: the reset line holds it, once, until another state is wanted or it is released", async () => {
    const { adapter, board, kinds } = bench();
    await board.attach();
    await board.to("serving");
    await board.to("off");
    await board.to("off");
    expect([board.state, board.address]).toEqual(["off", undefined]);
    expect(adapter.lines.slice(-2)).toEqual(["--", "-R"]);
    await board.to("serving");
    expect(board.boots).toBe(2);
    await board.to("off");
    await board.release();
    expect([adapter.lines.at(-1), board.boots, kinds()]).toEqual(["--", 3, []]);
  });

  test("download: IO0 is low when EN rises, once; a reset starts the program again", async () => {
    const { adapter, board, kinds } = bench();
    await board.attach();
    await board.to("download");
    await board.to("download");
    expect([board.state, kinds()]).toEqual(["download", []]);
    expect(adapter.lines.slice(2)).toEqual(["-R", "D-", "--"]);
    await board.to("serving");
    expect([board.state, kinds()]).toEqual(["serving", []]);
    await board.release();
  });

  test("a board without the auto-reset circuit starts its program instead, and the error says so", async () => {
    const { adapter, board } = bench();
    adapter.autoReset = false;
    vi.useFakeTimers();
    await board.attach();
    const failed = expect(board.to("download")).rejects.toThrow("hold its button BOOT");
    await vi.runAllTimersAsync();
    await failed;
    expect(board.state).toBe("serving");
    await board.release();
  });

  test("without control lines a board is not held in reset and keeps running", async () => {
    const { board } = bench();
    await board.attach();
    await board.to("serving");
    board.link.hasLines = false;
    await expect(board.to("off")).rejects.toThrow("has no control lines");
    await expect(board.to("download")).rejects.toThrow("has no control lines");
    expect(board.state).toBe("serving");
    await board.release();
  });

  test("a board without stored Wi-Fi is given up at once, and the error quotes its output", async () => {
    const { adapter, board } = bench();
    adapter.boots = [BOOT[0], 'E (2) net: no-ssid error="no Wi-Fi is known"'];
    await board.attach();
    const failed = board.to("online");
    await expect(failed).rejects.toThrow(BoardError);
    await expect(failed).rejects.toThrow("no Wi-Fi is known");
    await board.release();
  });

  test("an unexpected start is an incident, and the state is that of the board's output", async () => {
    const { adapter, board, kinds } = bench();
    await board.attach();
    await board.to("serving");
    const since = board.transcript.mark();
    adapter.prints(...panicLines("panic", 5000), ...banner("panic", "flash"), BOOT[0]);
    await board.transcript.expect(/boot:/, { withinMs: 1000, since });
    expect([board.state, kinds()]).toEqual(["booted", ["panic"]]);
    await board.release();
  });
});

test("a board that gets another address from DHCP is found there and still serves", async () => {
  const { adapter, board, kinds } = bench();
  await board.attach();
  await board.to("serving");
  expect(board.address).toBe("10.0.0.7");
  const since = board.transcript.mark();
  adapter.prints("I (90000) net: ip=10.0.0.8 rssi=-54");
  await board.transcript.expect(/10\.0\.0\.8/, { withinMs: 1000, since });
  expect([board.address, board.state, kinds()]).toEqual(["10.0.0.8", "serving", []]);
  await board.release();
});

test("a dump after which the board halts is reported when its output ends", async () => {
  const { adapter, board, kinds } = bench();
  await board.attach();
  await board.to("serving");
  adapter.prints(
    "Guru Meditation Error: Core  0 panic'ed (LoadProhibited)",
    "Backtrace: 0x400d4a2b",
  );
  await board.settled();
  expect(kinds()).toEqual(["panic"]);
  await board.release();
});

test("an event that arrives in two pieces is reported once, whole", async () => {
  const { adapter, board } = bench();
  await board.attach();
  await board.to("serving");
  const received: string[] = [];
  board.onEvent = event => received.push(event);
  const since = board.transcript.mark();
  adapter.onBytes?.(Buffer.from("I (9) session: end id=1 client=10.0.0.1:4"));
  await board.transcript.expect(/id=1/, { withinMs: 1000, since }); // after a silence it counts as a line
  adapter.prints("2 why=idle");
  await expect
    .poll(() => received)
    .toEqual(["I (9) session: end id=1 client=10.0.0.1:42 why=idle"]);
  await board.release();
});

test("ESP-IDF's bootloader, which logs as boot, too, is not taken for our firmware", async () => {
  const { adapter, board } = bench();
  adapter.boots = ["I (29) boot: ESP-IDF v5.4 2nd stage bootloader", ...BOOT];
  await board.attach();
  await board.to("serving");
  expect([board.boots, board.version]).toEqual([1, "0.1.0"]);
  await board.release();
});

test("a port whose control lines cannot be set is closed", async () => {
  const { adapter, board } = bench();
  const { set } = adapter;
  adapter.set = lines => {
    set.call(adapter, lines);
    if (!lines.dtr) throw new Error("EIO");
  };
  await expect(board.attach()).rejects.toThrow("EIO");
  adapter.set = set;
  await board.attach();
  await board.to("serving");
  await board.release();
});

test("a board whose port was renamed is found by its USB port", async () => {
  const { binding, kinds, seen } = bench();
  let path = "/dev/ttyUSB0";
  const named: BindingInterface = {
    list: () => Promise.reject(new Error("not asked")),
    open: options =>
      options.path === path
        ? binding.open({ ...options, path: EMULATED_PATH })
        : Promise.reject(new Error(`No such file or directory, cannot open ${options.path}`)),
  };
  const board = new RigBoard({
    binding: named,
    path,
    whereNow: async () => path,
    onIncident: incident => seen.push(incident),
  });
  await board.attach();
  await board.to("serving");
  binding.unplug();
  await expect.poll(() => board.link.open).toBe(false);
  path = "/dev/ttyUSB1";
  binding.plug();
  await expect.poll(() => board.link.open).toBe(true);
  expect([board.link.path, kinds()]).toEqual(["/dev/ttyUSB1", ["port-lost"]]);
  await board.to("serving");
  await board.release();
});

test("an unfinished dump is reported soon, with all its lines", async () => {
  const { adapter, board, kinds } = bench();
  await board.attach();
  await board.to("serving");
  const [last, ...more] = panicLines("panic", 5000).filter(line => /^(Guru|Backtrace)/.test(line));
  adapter.prints(last, ...more);
  expect(kinds()).toEqual([]);
  await expect.poll(kinds).toEqual(["panic"]);
  adapter.prints("I (9) session: end id=1 why=idle"); // and the board goes on
  adapter.prints(...panicLines("panic", 9000), ...banner("panic", "flash"));
  await expect.poll(kinds).toEqual(["panic", "panic"]);
  await board.release();
});

test("a pulled cable is the rig's fault, and the board is back when the cable is", async () => {
  const { binding, board, kinds } = bench();
  await board.attach();
  await board.to("serving");
  binding.unplug();
  await new Promise(resolve => setImmediate(resolve));
  expect(board.link.open).toBe(false);
  binding.plug();
  await expect.poll(() => board.link.open).toBe(true);
  expect(kinds()).toEqual(["port-lost"]);
  await board.to("serving");
  expect(board.lost).toBe(false);
  await board.release();
});

describe("a disturbed line", () => {
  const events = BOOT.map(line => `${line}\r\n`).join("");

  /** The board starts with these bytes, in these pieces. */
  async function starts(pieces: readonly Uint8Array[]) {
    const made = bench();
    made.adapter.boots = [];
    await made.board.attach();
    const came = made.board.to("serving");
    await expect.poll(() => made.adapter.lines.slice(-2)).toEqual(["-R", "--"]);
    for (const piece of pieces) made.adapter.onBytes?.(piece);
    await came;
    await made.board.release();
    return made;
  }

  const garbled = (garbage: string) =>
    Buffer.from(BOOT.map(line => `${garbage}${line}\r${garbage}\r\n`).join(""), "latin1");

  test.each(["~", "\0", "\xff\xfe", "> stat", "\r", "\x1b[", "ets Jul 29", "\r\r\n", "="])(
    "%j in front of every line hides no event",
    async garbage => {
      const { board } = await starts([garbled(garbage)]);
      expect([board.state, board.address, board.version, board.boots]).toEqual([
        ...["serving", "10.0.0.7", "0.1.0", 1],
      ]);
    },
  );

  test("one byte at a time, and doubled carriage returns, are the same lines", async () => {
    const bytes = Buffer.from(`grün\n${events}`.replaceAll("\r\n", "\r\r\n"));
    const { board, kinds } = await starts([...bytes].map(byte => Buffer.of(byte)));
    expect([board.address, kinds()]).toEqual(["10.0.0.7", []]);
  });

  test("a lost event is not blamed on the firmware: the board is reset once more", async () => {
    for (const lost of BOOT) {
      const { adapter, board } = bench();
      vi.useFakeTimers();
      await board.attach();
      const spoilt = BOOT.map(line => (line === lost ? line.replace(":", "\x15") : line));
      const { set } = adapter;
      let starts = 0;
      adapter.boots = spoilt;
      adapter.set = lines => {
        if (!lines.rts && adapter.lines.at(-1) === "-R" && ++starts > 1) adapter.boots = BOOT;
        set.call(adapter, lines);
      };
      const came = board.to("serving");
      await vi.runAllTimersAsync();
      await came;
      expect([lost, board.state, board.address]).toEqual([lost, "serving", "10.0.0.7"]);
      vi.useRealTimers();
      await board.release();
    }
  });

  test("a firmware that does not serve is blamed after the second start", async () => {
    const { adapter, board } = bench();
    adapter.boots = BOOT.slice(0, 2);
    vi.useFakeTimers();
    await board.attach();
    const failed = expect(board.to("serving")).rejects.toMatchObject({ blame: "firmware" });
    await vi.runAllTimersAsync();
    await failed;
    expect(board.boots).toBe(2);
    await board.release();
  });

  test("text that a client has sent does not change the board's state", async () => {
    const { adapter, board, kinds } = bench();
    await board.attach();
    await board.to("serving");
    const since = board.transcript.mark();
    adapter.prints(
      'I (9) http: request id=1 request="I (9) net: ip=6.6.6.6" path="waiting for download"',
      'x (9) http: request id=1 request="I (9) net: ip=6.6.6.6 "',
      "I (9) session: end id=1",
    );
    await board.transcript.expect(/session: end/, { withinMs: 1000, since });
    expect([board.address, board.state, kinds()]).toEqual(["10.0.0.7", "serving", []]);
    await board.release();
  });
});

test("a chip without a program is reported at once, as the rig's fault", async () => {
  const { adapter, board, kinds } = bench();
  adapter.boots = ["flash read err, 1000", "ets_main.c 371"];
  await board.attach();
  const failed = board.to("serving");
  await expect(failed).rejects.toThrow(NoProgram);
  await expect(failed).rejects.toThrow("flash it");
  expect(kinds()).toEqual(["no-program"]);
  await board.release();
});
