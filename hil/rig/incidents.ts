import { withoutValues } from "./line.ts";

/** Who has to mend it: our firmware, or whoever looks after board, cable and power. */
export type Blame = "firmware" | "rig";

/** What the text of a board gives away about its state. */
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

/** Those that nothing is broken by: what they have spoilt is tried again. */
export const HARMLESS: readonly IncidentKind[] = ["noise", "lost-reply"];

export interface Incident {
  readonly kind: IncidentKind;
  readonly blame: Blame;
  /** What it is about: the reason in the board's own words. */
  readonly text: string;
  /** All lines that belong to it: a panic brings its dump. */
  readonly lines: readonly string[];
  readonly ms: number;
}

/** Boots in so short a time that nobody asked for are a loop. */
const LOOP_BOOTS = 3;
const LOOP_MS = 10_000;

/** Lines of a dump that are kept. */
const DUMP_LINES_MAX = 60;

/** Where a dump ends, unless the board starts anew before that. */
const DUMP_END = /^(Rebooting\.\.\.|ELF file SHA256)/;

/** ROM's first line of news: why it starts, and from where. */
const BANNER = /rst:0x([0-9a-f]+) \(([A-Z0-9_]+)\),boot:0x[0-9a-f]+ \(([^)]*)/;

/** Reset reasons of the ESP32 (ESP-IDF, esp_rom/include/esp32/rom/rtc.h). */
const RST_BROWNOUT = 0xf;
const RST_WATCHDOGS = [0x4, 0x7, 0x8, 0x9, 0xb, 0xd, 0x10];
/** The supply came back, or somebody pressed EN: no program can cause it. */
const RST_POWER_ON = 0x1;

/** ROM's last line: it has found something to run. */
const PROGRAM = /entry 0x[0-9a-f]+$/;

/** One line of text, and what it means (strings of ESP-IDF and of Moddable's XS). */
const SIGNS: readonly (readonly [RegExp, IncidentKind, Blame])[] = [
  [/Brownout detector was triggered/, "brownout", "rig"],
  [/waiting for download/, "download-mode", "rig"],
  // The ROM and the second-stage bootloader where the flash is erased, unreadable or half written.
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

/** Bytes that no program of ours writes: the line is disturbed, or the speed is another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const NOISE = /[\x00-\x06\x0e-\x1f\x7f\ufffd]/;

/** Those after which a board starts anew: that start is part of them. */
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

/** From the reset by the control lines to the ROM's first line; adapters buffer. */
const ANNOUNCED_MS = 1_000;

/** Those that bring a dump after them. */
const WITH_DUMP: readonly IncidentKind[] = ["panic", "abort", "stack-overflow", "watchdog"];

/**
 * Reads what a board writes, line by line, and tells of everything that has gone wrong. A start is an
 * incident unless it was announced or follows from another, because a board that starts anew by itself
 * has lost every connection.
 */
export class Incidents {
  #now: () => number;
  #onIncident: (incident: Incident) => void;
  #open:
    | { kind: IncidentKind; blame: Blame; text: string; lines: string[]; ms: number }
    | undefined;
  /** Starts until then are on purpose. */
  #announcedUntilMs = Number.NEGATIVE_INFINITY;
  /** Such a start is to end in the ROM's loader. */
  #toLoader = false;
  /** A watchdog has reset the chip; the next line tells whether it was that of a program. */
  #watchdog: Incident | undefined;
  /** What ends a program brings the next start with it. */
  #cause: Incident | undefined;
  /** When boots came that nobody had asked for. */
  #boots: number[] = [];

  /** `now` is the time that lines are stamped with, in ms. */
  constructor(now: () => number, onIncident: (incident: Incident) => void) {
    this.#now = now;
    this.#onIncident = onIncident;
  }

  /** The board is about to be reset on purpose, into its program or into the ROM's loader. */
  announceReset(into: "program" | "loader" = "program"): void {
    this.#announcedUntilMs = this.#now() + ANNOUNCED_MS;
    this.#toLoader = into === "loader";
    this.#cause = undefined;
    this.#boots = [];
  }

  /** A line of the board. */
  line(text: string, ms: number): void {
    const own = withoutValues(text);
    const banner = BANNER.exec(own);
    if (banner !== null) {
      this.#close();
      this.#started(banner, text, ms);
      return;
    }
    const sign = SIGNS.find(([pattern]) => pattern.test(own));
    // The ROM's own watchdog bites while it looks for a program in vain.
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
      // While EN moves, adapters write what they like.
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

  /** Something that no line tells. */
  note(kind: "silence" | "boot-loop" | "port-lost" | "lost-reply", text: string): void {
    this.#close();
    const blame = kind === "silence" || kind === "boot-loop" ? "firmware" : "rig";
    this.#report({ kind, blame, text, lines: [], ms: this.#now() });
  }

  /** A dump is being gathered that has not come to its end. */
  get gathering(): boolean {
    return this.#open !== undefined || this.#watchdog !== undefined;
  }

  /** What is still being gathered is as complete as it will be. */
  flush(): void {
    this.#close();
  }

  #started([, rst, name, mode]: RegExpExecArray, text: string, ms: number): void {
    const code = Number.parseInt(rst, 16);
    if (mode.startsWith("DOWNLOAD")) return; // the next line says that it waits
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
    // A chip without a program is reset by the ROM's watchdog, again and again: one cause for all.
    if (cause?.kind === "no-program") this.#cause = cause;
    if (ms <= this.#announcedUntilMs) return;
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

  /** Tells of the watchdog that has reset the chip, where it was that of a program. */
  #reportWatchdog(ofProgram: boolean): void {
    const watchdog = this.#watchdog;
    this.#watchdog = undefined;
    if (watchdog !== undefined && ofProgram) this.#onIncident(watchdog); // its start has come already
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
