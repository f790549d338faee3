import { describe, expect, test } from "vitest";
import { banner, type Crash, panicLines } from "../../emulator/src/reset.ts";
import { type Event, formatLine } from "../../firmware/src/log/event.ts";
import { abortLine } from "../../firmware/src/text/exception.ts";
import { type Incident, Incidents } from "./incidents.ts";

/** The incidents of a board that prints these lines, a millisecond apart. */
function read(lines: readonly string[], announced = false, fromMs = 0) {
  const all: Incident[] = [];
  const incidents = new Incidents(
    () => 0,
    incident => all.push(incident),
  );
  if (announced) incidents.announceReset();
  for (const [i, line] of lines.entries()) incidents.line(line, fromMs + i);
  incidents.flush();
  return all;
}

const incidentsOf = (lines: readonly string[], announced = false) =>
  read(lines, announced).map(({ kind, blame }) => `${kind} (${blame})`);

describe("a start", () => {
  test("on purpose is no incident; any other is the firmware's fault", () => {
    const boot = banner("software", "flash");
    expect(incidentsOf(boot, true)).toEqual([]);
    expect(incidentsOf(boot)).toEqual(["reset (firmware)"]);
  });

  test("after a power-on or the button EN is the rig's fault: no program can cause it", () => {
    expect(incidentsOf(banner("power-on", "flash"))).toEqual(["reset (rig)"]);
  });

  test("is taken as announced for a moment only", () => {
    const kinds: string[] = [];
    const incidents = new Incidents(
      () => 0,
      ({ kind }) => kinds.push(kind),
    );
    incidents.announceReset();
    for (const line of banner("power-on", "flash")) incidents.line(line, 900);
    expect(kinds).toEqual([]);
    for (const line of banner("power-on", "flash")) incidents.line(line, 3_000);
    expect(kinds).toEqual(["reset"]);
  });

  test("that a busy computer reports late is the announced one, and the next is not", () => {
    const kinds: string[] = [];
    const incidents = new Incidents(
      () => 0,
      ({ kind }) => kinds.push(kind),
    );
    incidents.announceReset();
    for (const line of banner("software", "flash")) incidents.line(line, 4_000);
    expect(kinds).toEqual([]);
    for (const line of banner("software", "flash")) incidents.line(line, 4_500);
    expect(kinds).toEqual(["reset"]);
  });

  test("three within ten seconds are a loop", () => {
    const boot = banner("software", "flash");
    const kinds = incidentsOf([...boot, ...boot, ...boot, ...boot]);
    expect(kinds).toEqual([
      "reset (firmware)",
      "reset (firmware)",
      "boot-loop (firmware)",
      "reset (firmware)",
    ]);
  });

  test("after low voltage is a brownout, although the chip reports a software reset", () => {
    const words = [...panicLines("brownout", 5), ...banner("brownout", "flash")];
    expect(incidentsOf(words)).toEqual(["brownout (rig)"]);
    expect(incidentsOf([...words, ...words, ...words]).at(-1)).toBe("boot-loop (rig)");
  });

  test("into the ROM's loader is the rig's fault", () => {
    expect(incidentsOf(banner("power-on", "download"), true)).toEqual(["download-mode (rig)"]);
  });
});

describe("a crash", () => {
  test.each<[Crash, string]>([
    ["panic", "panic (firmware)"],
    ["interrupt-watchdog", "panic (firmware)"],
    ["task-watchdog", "watchdog (firmware)"],
  ])("%s is one incident with its dump", (crash, kind) => {
    const words = panicLines(crash, 1234);
    const all = read([...words, ...banner(crash, "flash")]);
    expect(all.map(incident => `${incident.kind} (${incident.blame})`)).toEqual([kind]);
    expect(all[0].lines.join("\n")).toContain("Backtrace:");
    expect(all[0].lines.at(-1)).toMatch(/^ELF file SHA256/);
  });

  test("of XS has its reason", () => {
    const bug = new Error("no");
    bug.stack = "Error: no\n at moved ()\n at onReadable ()";
    const line = abortLine("unhandled exception", bug);
    expect(read([line, ...banner("software", "flash")])).toMatchObject([
      { kind: "xs-abort", text: "unhandled exception Error: no at moved < onReadable" },
    ]);
  });

  test.each([
    ["assert failed: tcp_free /lwip/tcp.c:219", "abort (firmware)"],
    ["***ERROR*** A stack overflow in task main has been detected.", "stack-overflow (firmware)"],
    ["rst:0xf (RTCWDT_BROWN_OUT_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", "brownout (rig)"],
    ["rst:0x8 (TG1WDT_SYS_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", "watchdog (firmware)"],
    ["rst:0x4 (OWDT_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", "watchdog (firmware)"],
    ["rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", "watchdog (firmware)"],
    ["invalid header: 0xffffffff", "no-program (rig)"],
    ["flash read err, 1000", "no-program (rig)"],
    ["csum err:0x99!=0x39", "no-program (rig)"],
    ["E (85) boot: No bootable app partitions in the partition table", "no-program (rig)"],
  ])("%s", (line, kind) => {
    expect(incidentsOf([line])[0]).toBe(kind);
  });

  test.each([
    ["Guru Meditation Error: Core  1 panic'ed (LoadProhibited)", "panic (firmware)"],
    ["abort() was called at PC 0x400e16d3 on core 0", "abort (firmware)"],
    ["XS abort: memory full", "xs-abort (firmware)"],
  ])("is found behind the begun line of a program: %s", (words, incident) => {
    const begun = "I (5362) session: end id=3 cl";
    expect(incidentsOf([`${begun}${words}`, ...banner("panic", "flash")])).toEqual([incident]);
  });

  test("with an unfinished dump is reported when the board starts again", () => {
    const all = read([
      "Guru Meditation Error: Core  0 panic'ed (x)",
      "A0",
      ...banner("panic", "flash"),
    ]);
    expect(all.map(({ kind }) => kind)).toEqual(["panic"]);
  });
});

test("noise on the line is the rig's fault and never a crash; ordinary lines are no incident", () => {
  const noise = Array.from({ length: 200 }, (_, i) =>
    String.fromCharCode(...Array.from({ length: 40 }, (_, j) => (i * 7919 + j * 104729) & 255)),
  );
  expect(incidentsOf(["I (12) net: ip=10.0.0.1", "W (13) backend: down name=a"])).toEqual([]);
  expect([...new Set(incidentsOf(noise))]).toEqual(["noise (rig)"]);
  expect(incidentsOf(noise.slice(0, 1), true)).toEqual([]);
});

describe("a chip whose flash holds no program", () => {
  const start = (reset: string) => [
    "ets Jul 29 2019 12:21:46",
    "",
    `rst:${reset},boot:0x13 (SPI_FAST_FLASH_BOOT)`,
    ...Array.from({ length: 8 }, () => "invalid header: 0xffffffff"),
    "ets_main.c 371 ",
  ];
  const WATCHDOG = "0x10 (RTCWDT_RTC_RESET)";

  test("is no fault of the firmware, however often the ROM's watchdog restarts it", () => {
    const starts = [
      ...start("0x1 (POWERON_RESET)"),
      ...Array.from({ length: 3 }, () => start(WATCHDOG)),
    ];
    expect(incidentsOf(starts.flat(), true)).toEqual(["no-program (rig)"]);
    expect(new Set(read(starts.flat(), true, 2_000).map(({ blame }) => blame))).toEqual(
      new Set(["rig"]),
    );
  });

  test("is recognized also from the middle of a boot", () => {
    expect(incidentsOf(start(WATCHDOG))).toEqual(["no-program (rig)"]);
  });

  test("a watchdog that resets a running program counts, also after such a start", () => {
    const program = banner("power-on", "flash").slice(-1);
    const bitten = [`rst:${WATCHDOG},boot:0x13 (SPI_FAST_FLASH_BOOT)`, "configsip: 0"];
    const kinds = incidentsOf([...start("0x1 (POWERON_RESET)"), ...program, ...bitten], true);
    expect(kinds).toEqual(["no-program (rig)", "watchdog (firmware)"]);
  });
});

describe("text that a client has sent is no incident", () => {
  const words = [
    "Guru Meditation Error: x",
    "abort() was called at PC 0x1",
    "XS abort: x",
    "waiting for download",
    "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0))",
    'a \\"Brownout detector was triggered',
    "invalid header: 0xffffffff",
  ];

  test.each(words)("%s", value => {
    const event: Event = {
      ...{ level: "I", on: "http", what: "request", id: 1, client: "c", request: value },
      ...{ method: "GET", path: value, status: 200, in: 1, out: 1, state: "----", T: "0/0/0/0/0" },
    };
    expect(incidentsOf([formatLine(1, event)])).toEqual([]);
  });

  test("a panic inside such a value is one", () => {
    const line = "I (5) http: request request=\"a bGuru Meditation Error: Core  1 panic'ed (x)";
    expect(incidentsOf([line, ...banner("panic", "flash")])).toEqual(["panic (firmware)"]);
  });
});
