/** Why a chip starts (esp_reset_reason). */
export type ResetReason =
  | "power-on"
  | "software"
  | "panic"
  | "interrupt-watchdog"
  | "task-watchdog"
  | "brownout";

/** esp_reset_reason_t; a chip that a handler of its own restarts still remembers the first cause. */
export const ESP_RESET_REASON: Readonly<Record<ResetReason, number>> = {
  "power-on": 1,
  software: 3,
  panic: 4,
  "interrupt-watchdog": 5,
  "task-watchdog": 6,
  brownout: 9,
};

/** The causes that stop a chip, other than an exception of the program. */
export type Crash = Exclude<ResetReason, "power-on" | "software">;

/** The switch IO0 at reset: high starts the program in flash, low waits for one on the serial line. */
export type BootMode = "flash" | "download";

/**
 * The output of an ESP32's ROM at every reset, at 115200 whatever the program does. All but a power
 * on end in a restart by software, as the ROM sees it. Lengths and addresses are those of one
 * build of the second-stage bootloader, which itself is silent (BOOTLOADER_LOG_LEVEL_NONE).
 */
export function banner(reason: ResetReason, mode: BootMode): string[] {
  const cause = reason === "power-on" ? "0x1 (POWERON_RESET)" : "0xc (SW_CPU_RESET)";
  const first = ["ets Jul 29 2019 12:21:46", ""];
  if (mode === "download") {
    return [
      ...first,
      `rst:${cause},boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))`,
      "waiting for download",
    ];
  }
  return [
    ...first,
    `rst:${cause},boot:0x13 (SPI_FAST_FLASH_BOOT)`,
    "configsip: 0, SPIWP:0xee",
    "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00",
    "mode:DIO, clock div:1",
    "load:0x3fff0030,len:1344",
    "load:0x40078000,len:13964",
    "load:0x40080400,len:3600",
    "entry 0x400805f0",
  ];
}

/**
 * The panic output of a chip (components/esp_system/panic.c, task_wdt.c, brownout.c of ESP-IDF). Addresses are
 * made up; the form of the lines is what a parser of the log relies on.
 */
export function panicLines(crash: Crash, ms: number): string[] {
  const stamp = `E (${Math.round(ms)}) task_wdt:`;
  switch (crash) {
    case "brownout":
      return ["", "Brownout detector was triggered", ""];
    case "panic":
      return [
        "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.",
        ...dump("0x0000001c"),
      ];
    case "interrupt-watchdog":
      return [
        "Guru Meditation Error: Core  0 panic'ed (Interrupt wdt timeout on CPU0). ",
        ...dump("0x00000005"),
      ];
    case "task-watchdog":
      return [
        `${stamp} Task watchdog got triggered. The following tasks/users did not reset the watchdog in time:`,
        `${stamp}  - main (CPU 0/1)`,
        `${stamp} Tasks currently running:`,
        `${stamp} CPU 0: main`,
        `${stamp} CPU 1: IDLE1`,
        `${stamp} Aborting.`,
        "",
        "abort() was called at PC 0x400e16d3 on core 0",
        ...tail(),
      ];
  }
}

function dump(cause: string): string[] {
  return [
    "",
    "Core  0 register dump:",
    "PC      : 0x400d4a2e  PS      : 0x00060e30  A0      : 0x800d4b10  A1      : 0x3ffc2d40  ",
    `EXCCAUSE: ${cause}  EXCVADDR: 0x00000000  LBEG    : 0x4000c46c  LEND    : 0x4000c477  `,
    ...tail(),
  ];
}

function tail(): string[] {
  return [
    "",
    "",
    "Backtrace: 0x400d4a2b:0x3ffc2d40 0x400d4b0d:0x3ffc2d60",
    "",
    "",
    "",
    "",
    "ELF file SHA256: 0000000000000000",
    "",
    "Rebooting...",
  ];
}
