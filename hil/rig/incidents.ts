import { withoutValues } from "./line.ts";

/** The party at fault: the firmware, or the rig (board, cable, power). */
export type Blame = "firmware" | "rig";

/** Kinds of faults that show in a board's output. */
export type IncidentKind =
  | "reset"
  | "panic"
  | "abort"
  | "stack-overflow"
  | "watchdog"
  | "xs-abort"
  | "brownout"
  | "boot-loop"
  | "no-program"
  | "download-mode"
  | "silence"
  | "port-lost"
  | "noise"
  | "lost-reply";

/** Kinds that break nothing: what they spoil is tried again. */
export const HARMLESS: readonly IncidentKind[] = ["noise", "lost-reply"];

export interface Incident {
  readonly kind: IncidentKind;
  readonly blame: Blame;
  /** The reason in the board's own words. */
  readonly text: string;
  /** The lines that belong to it: for a panic its dump. */
  readonly lines: readonly string[];
  readonly ms: number;
}

/** As many unexpected boots within `LOOP_MS` are a boot loop. */
const LOOP_BOOTS = 3;
const LOOP_MS = 10_000;

/** Lines of a dump that are kept. */
const DUMP_LINES_MAX = 60;

/** The last line of a dump, unless a start comes before it. */
const DUMP_END = /^(Rebooting\.\.\.|ELF file SHA256)/;

/** The ROM's first line: reset reason and boot mode. */
const BANNER = /rst:0x([0-9a-f]+) \(([A-Z0-9_]+)\),boot:0x[0-9a-f]+ \(([^)]*)/;

/** Reset reasons of the ESP32 (ESP-IDF, esp_rom/include/esp32/rom/rtc.h). */
const RST_BROWNOUT = 0xf;
const RST_WATCHDOGS = [0x4, 0x7, 0x8, 0x9, 0xb, 0xd, 0x10];
/** Power on or the EN button: no program can cause it. */
const RST_POWER_ON = 0x1;

/** The ROM's last line: it has found a program. */
const PROGRAM = /entry 0x[0-9a-f]+$/;

/** Patterns of lines with their meanings (strings of ESP-IDF and of Moddable's XS). */
const SIGNS: readonly (readonly [RegExp, IncidentKind, Blame])[] = [
  [/Brownout detector was triggered/, "brownout", "rig"],
  [/waiting for download/, "download-mode", "rig"],
  // From the ROM and the second-stage bootloader, if the flash is erased, unreadable or half written.
  [
    /(invalid header: 0x[0-9a-f]+|flash read err, \w+|csum err:\S+|No bootable app partitions.*|Failed to verify partition table|Factory app partition is not bootable)/,
    "no-program",
    "rig",
  ],
  [/Guru Meditation Error: (.*)/, "panic", "firmware"],
  [/A stack overflow in task (.*)/, "stack-overflow", "firmware"],
  [/Task watchdog got triggered/, "watchdog", "firmware"],
  [/(abort\(\) was called at .*|assert failed: .*)/, "abort", "firmware"],
  [/XS abort: (.*)/, "xs-abort", "firmware"],
];

/** Bytes that our firmware never writes: the line is disturbed, or the baud rate is wrong. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern is for them.
const NOISE = /[\x00-\x06\x0e-\x1f\x7f\ufffd]/;

/** Kinds that are followed by a start, which belongs to them. */
const ENDINGS: readonly IncidentKind[] = [
  "panic",
  "abort",
  "stack-overflow",
  "watchdog",
  "xs-abort",
  "brownout",
  "no-program",
  "port-lost",
];

/** After a reset by the control lines their adapter may reset the chip once more, or write garbage. */
const ANNOUNCED_MS = 1_000;

/**
 * From an announced reset to the ROM's first line, at most. By the control lines it takes some milliseconds; by the
 * console the chip must read the command first, and a busy computer must pass it on.
 */
const START_MS = 10_000;

/** Kinds that are followed by a dump. */
const WITH_DUMP: readonly IncidentKind[] = ["panic", "abort", "stack-overflow", "watchdog"];

/**
 * Reads a board's output line by line and reports every fault. A start is an incident unless it was announced
 * or follows from another incident, because a board that restarts by itself has lost every connection.
 */
export class Incidents {
  #now: () => number;
  #onIncident: (incident: Incident) => void;
  #open:
    | { kind: IncidentKind; blame: Blame; text: string; lines: string[]; ms: number }
    | undefined;
  /** All starts until this time are on purpose. */
  #announcedUntilMs = Number.NEGATIVE_INFINITY;
  /** One start until this time is on purpose. */
  #startDueUntilMs = Number.NEGATIVE_INFINITY;
  /** The announced start is into the ROM's loader. */
  #toLoader = false;
  /** A watchdog reset whose cause is still open: the next line shows whether a program was running. */
  #watchdog: Incident | undefined;
  /** The incident that explains the next start. */
  #cause: Incident | undefined;
  /** Times of unexpected boots. */
  #boots: number[] = [];

  /** `now`: the time that lines are stamped with, in ms. */
  constructor(now: () => number, onIncident: (incident: Incident) => void) {
    this.#now = now;
    this.#onIncident = onIncident;
  }

  /** Announces a reset on purpose, into the program or into the ROM's loader. */
  announceReset(into: "program" | "loader" = "program"): void {
    this.#announcedUntilMs = this.#now() + ANNOUNCED_MS;
    this.#startDueUntilMs = this.#now() + START_MS;
    this.#toLoader = into === "loader";
    this.#cause = undefined;
    this.#boots = [];
  }

  /** Reads one line of the board. */
  line(text: string, ms: number): void {
    const own = withoutValues(text);
    const banner = BANNER.exec(own);
    if (banner !== null) {
      this.#close();
      this.#started(banner, text, ms);
      return;
    }
    const sign = SIGNS.find(([pattern]) => pattern.test(own));
    // The ROM's own watchdog fires while the ROM looks for a program in vain.
    if (text.trim() !== "") this.#reportWatchdog(sign?.[1] !== "no-program");
    if (PROGRAM.test(own) && this.#cause?.kind === "no-program") this.#cause = undefined;
    const open = this.#open;
    if (open !== undefined) {
      // A watchdog aborts, and an abort dumps: that is one incident.
      open.lines.push(text);
      if (DUMP_END.test(own) || open.lines.length >= DUMP_LINES_MAX) this.#close();
      return;
    }
    if (sign === undefined) {
      // Adapters write garbage while EN moves.
      if (NOISE.test(text) && ms > this.#announcedUntilMs) {
        this.#report({ kind: "noise", blame: "rig", text: shown(text), lines: [], ms });
      }
      return;
    }
    const [pattern, kind, blame] = sign;
    if (kind === "download-mode" && this.#toLoader && ms <= this.#announcedUntilMs) return;
    if (kind === "no-program" && this.#cause?.kind === kind) return; // the ROM repeats it some hundred times
    const [whole, detail = whole] = pattern.exec(text.slice(pattern.exec(own)!.index))!;
    if (WITH_DUMP.includes(kind)) this.#open = { kind, blame, text: detail, lines: [text], ms };
    else this.#report({ kind, blame, text: detail, lines: [text], ms });
  }

  /** Reports an incident that no line shows. */
  note(kind: "silence" | "boot-loop" | "port-lost" | "lost-reply", text: string): void {
    this.#close();
    const blame = kind === "silence" || kind === "boot-loop" ? "firmware" : "rig";
    this.#report({ kind, blame, text, lines: [], ms: this.#now() });
  }

  /** True while a dump is incomplete. */
  get gathering(): boolean {
    return this.#open !== undefined || this.#watchdog !== undefined;
  }

  /** Reports an incomplete dump as it is. */
  flush(): void {
    this.#close();
  }

  #started([, rst, name, mode]: RegExpExecArray, text: string, ms: number): void {
    const code = Number.parseInt(rst, 16);
    if (mode.startsWith("DOWNLOAD")) return; // the next line reports that it waits
    const cause = this.#cause;
    this.#cause = undefined;
    const watchdog = RST_WATCHDOGS.includes(code) && cause?.kind !== "no-program";
    if (code === RST_BROWNOUT) {
      this.#report({ kind: "brownout", blame: "rig", text: name, lines: [text], ms });
    } else if (watchdog) {
      this.#watchdog = { kind: "watchdog", blame: "firmware", text: name, lines: [text], ms };
    }
    const reported = this.#cause ?? this.#watchdog ?? cause;
    this.#cause = undefined;
    // The ROM's watchdog resets a chip without a program again and again: one cause for all resets.
    if (cause?.kind === "no-program") this.#cause = cause;
    const isAnnounced = ms <= Math.max(this.#announcedUntilMs, this.#startDueUntilMs);
    this.#startDueUntilMs = Number.NEGATIVE_INFINITY;
    if (isAnnounced) return;
    this.#boots = [...this.#boots.filter(bootMs => ms - bootMs < LOOP_MS), ms];
    const blame = code === RST_POWER_ON ? "rig" : "firmware";
    if (this.#boots.length >= LOOP_BOOTS) {
      this.#boots = [];
      const loop = `${LOOP_BOOTS} starts within ${LOOP_MS / 1000} s`;
      this.#report({
        kind: "boot-loop",
        blame: reported?.blame ?? blame,
        text: loop,
        lines: [text],
        ms,
      });
    } else if (reported === undefined) {
      this.#report({ kind: "reset", blame, text: name, lines: [text], ms });
    }
  }

  /** Reports the watchdog that has reset the chip, if it was a program's. */
  #reportWatchdog(ofProgram: boolean): void {
    const watchdog = this.#watchdog;
    this.#watchdog = undefined;
    if (watchdog !== undefined && ofProgram) this.#onIncident(watchdog); // its start has been seen already
  }

  #close(): void {
    this.#reportWatchdog(true);
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#report(open);
  }

  #report(incident: Incident): void {
    if (ENDINGS.includes(incident.kind)) this.#cause = incident;
    this.#onIncident(incident);
  }
}

/** Characters of noise that are shown. */
const SHOWN_MAX = 60;

function shown(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN_MAX));
}
