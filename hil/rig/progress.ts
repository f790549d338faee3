import { join } from "node:path";
import { styleText } from "node:util";
import progressBars from "cli-progress";
import { HARMLESS } from "./incidents.ts";
import {
  duration,
  endingOf,
  firstLine,
  scenarios,
  summaryOf,
  VERDICTS,
  visible,
} from "./report/summary.ts";
import type { Run, ScenarioResult, Verdict } from "./run.ts";

/** Interval of the live line: often enough for a clock, seldom enough for ssh. */
const REDRAW_MS = 250;

/** Width of a soak's bar in characters. */
const BAR_CHARACTERS = 24;

/** Number of progress lines of a soak without a terminal. */
const SOAK_LINES = 20;

/** Width where the terminal reports none. */
const COLUMNS = 80;

type Style = Parameters<typeof styleText>[0];

const COLOURS: Record<Verdict, Style> = {
  passed: "green",
  flaky: "yellow",
  failed: "red",
  "rig-error": "magenta",
  skipped: "dim",
  "not-reached": "dim",
};

export type Terminal = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/**
 * Prints a run: a line for each scenario, and the verdict. On a terminal one more line below is redrawn all the
 * time: the scenario in progress, its time, and the counts.
 */
export class Progress {
  #out: Terminal;
  #verbose: boolean;
  #total = 0;
  #counts: Record<Verdict, number> = {
    passed: 0,
    flaky: 0,
    failed: 0,
    "rig-error": 0,
    skipped: 0,
    "not-reached": 0,
  };
  #running: { readonly title: string; readonly sinceMs: number } | undefined;
  /** Scenarios whose first result has been printed, in a soak. */
  #toldOf = new Set<string>();
  #soak: { readonly share: number; readonly text: string } | undefined;
  #redraw: NodeJS.Timeout | undefined;
  #drawn = false;

  constructor(out: Terminal, { verbose = false }: { readonly verbose?: boolean } = {}) {
    this.#out = out;
    this.#verbose = verbose;
  }

  /** Starts the display: `total` scenarios on `board`, repeated for `soakMs` if given. */
  plan(total: number, board: string, soakMs?: number): void {
    if (soakMs === undefined) this.#total = total;
    const often = soakMs === undefined ? "" : `, again and again for ${duration(soakMs)}`;
    this.#say(`${scenarios(total)} on ${board}${often}`);
  }

  /** A scenario begins. */
  begin(title: string): void {
    this.#running = { title, sinceMs: performance.now() };
    this.#redraw ??= setInterval(() => this.#draw(), REDRAW_MS).unref();
    this.#draw();
  }

  /** A line of the board; printed with `--verbose`. */
  line(text: string): void {
    if (this.#verbose) this.#say(this.#styled("dim", `    ${visible(text)}`));
  }

  /** A scenario has ended. */
  result(result: ScenarioResult): void {
    const { title, verdict, ms } = result;
    this.#counts[verdict]++;
    this.#running = undefined;
    if (verdict === "not-reached") return; // all for one reason, which the verdict gives
    // In a soak only changes are printed.
    const news = !this.#toldOf.has(title) || (verdict !== "passed" && verdict !== "skipped");
    if (this.#soak !== undefined && !news) return;
    this.#toldOf.add(title);
    const mark = this.#styled(COLOURS[verdict], VERDICTS[verdict].mark);
    const cause = causeOf(result);
    const words = [
      ...(verdict === "skipped" ? [] : [duration(ms)]),
      ...(cause === undefined ? [] : [`(${visible(cause)})`]),
    ];
    this.#say(`${mark} ${visible(title)}  ${this.#styled("dim", words.join("  "))}`);
  }

  /** Progress of a soak; `text` is the latest result. */
  soak(elapsedMs: number, totalMs: number, text: string): void {
    const share = Math.min(1, elapsedMs / totalMs);
    const news = `${Math.floor(share * 100)} %, ${duration(elapsedMs)} of ${duration(totalMs)}: ${text}`;
    const before = this.#soak?.share ?? -1;
    this.#soak = { share, text: news };
    if (this.#out.isTTY === true) this.#draw();
    else if (Math.floor(share * SOAK_LINES) > Math.floor(before * SOAK_LINES)) {
      this.#say(`soak: ${news}`);
    }
  }

  /** Prints the verdict; the reports are in `folder`. */
  end(run: Run, folder?: string): void {
    clearInterval(this.#redraw);
    this.#running = undefined;
    this.#soak = undefined;
    const { passed, headline, reasons, advice } = summaryOf(run);
    const mark = passed ? "✓" : "✗";
    this.#say("");
    this.#say(this.#styled(passed ? "green" : "red", `${mark} ${headline}`));
    for (const reason of reasons) this.#say(`  ${visible(reason)}`);
    if (advice.length > 0) this.#say("  What to do:");
    for (const line of advice) this.#say(`  - ${visible(line)}`);
    this.#say(`  Exit code ${run.exitCode}: ${endingOf(run)}.`);
    if (folder !== undefined) {
      const others = run.board.kind === "address" ? "" : ", serial.log";
      this.#say(
        `  Report: ${join(folder, "report.html")} (beside it junit.xml, run.json${others})`,
      );
    }
  }

  /** Prints a line above the live one. */
  #say(text: string): void {
    this.#wipe();
    this.#out.write(`${text}\n`);
    if (this.#running !== undefined || this.#soak !== undefined) this.#draw();
  }

  /** Redraws the live line; only a terminal can do that. */
  #draw(): void {
    if (this.#out.isTTY !== true) return;
    const text = visible(this.#now());
    this.#wipe();
    const columns = this.#out.columns || COLUMNS; // some terminals report 0
    // A wrapped line could not be erased.
    this.#out.write(text.length < columns ? text : `${text.slice(0, columns - 2)}…`);
    this.#drawn = true;
  }

  /** Text of the live line; the part that may be cut comes last. */
  #now(): string {
    const { passed, flaky, failed, "rig-error": rigErrors } = this.#counts;
    const played = Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
    const counts = [
      this.#total === 0 ? `${played}` : `${played}/${this.#total}`,
      `${passed + flaky} passed`,
      // Zero counts are left out, for the title's sake.
      ...(failed === 0 ? [] : [`${failed} failed`]),
      ...(rigErrors === 0 ? [] : [`${rigErrors} rig errors`]),
    ].join(" · ");
    if (this.#soak !== undefined) {
      const bar = progressBars.Format.BarFormat(this.#soak.share, {
        barsize: BAR_CHARACTERS,
        barCompleteString: "█".repeat(BAR_CHARACTERS),
        barIncompleteString: "░".repeat(BAR_CHARACTERS),
        barGlue: "",
      });
      return `${bar} ${this.#soak.text} · ${counts}`;
    }
    if (this.#running === undefined) return counts;
    const { title, sinceMs } = this.#running;
    return `▸ ${counts} · ${duration(performance.now() - sinceMs)} · ${title}`;
  }

  #wipe(): void {
    if (this.#drawn) this.#out.write("\r\x1b[2K");
    this.#drawn = false;
  }

  /** Styles `text` unless `NO_COLOR` or the output forbids it. */
  #styled(format: Style, text: string): string {
    return styleText(format, text, { stream: this.#out });
  }
}

/** The reason of a result: an incident of the board explains more than the scenario's error. */
function causeOf({ why, incidents }: ScenarioResult): string | undefined {
  if (why === undefined) return undefined;
  const incident = incidents.find(({ kind }) => !HARMLESS.includes(kind)) ?? incidents[0];
  const first = firstLine(why);
  return incident === undefined || first.startsWith(incident.kind)
    ? first
    : `${incident.kind}: ${first}`;
}
