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

/** Between two drawings of the live line: a clock that one reads, and little to send over ssh. */
const REDRAW_MS = 250;

/** Characters of a soak's bar. */
const BAR_CHARACTERS = 24;

/** Without a terminal a soak tells how far it is so many times. */
const SOAK_LINES = 20;

/** Where a terminal does not tell its width. */
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
 * What a person sees of a run: a line for each scenario and the verdict. On a terminal there is one more
 * line below, which is drawn anew all the time: what is being played, for how long, and the counts.
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
  /** Those that a soak has told of. */
  #toldOf = new Set<string>();
  #soak: { readonly share: number; readonly text: string } | undefined;
  #redraw: NodeJS.Timeout | undefined;
  #drawn = false;

  constructor(out: Terminal, { verbose = false }: { readonly verbose?: boolean } = {}) {
    this.#out = out;
    this.#verbose = verbose;
  }

  /** So many scenarios are to be played on `board`, again and again where there is a `soakMs`. */
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

  /** A line of the board, for those who want to see all. */
  line(text: string): void {
    if (this.#verbose) this.#say(this.#styled("dim", `    ${visible(text)}`));
  }

  /** A scenario is over. */
  result(result: ScenarioResult): void {
    const { title, verdict, ms } = result;
    this.#counts[verdict]++;
    this.#running = undefined;
    if (verdict === "not-reached") return; // all for one reason, which the verdict tells
    // In a soak of hours only news is worth a line.
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

  /** How far a soak is; `text` is the news that it has. */
  soak(elapsedMs: number, totalMs: number, text: string): void {
    const share = Math.min(1, elapsedMs / totalMs);
    const told = `${Math.floor(share * 100)} %, ${duration(elapsedMs)} of ${duration(totalMs)}: ${text}`;
    const before = this.#soak?.share ?? -1;
    this.#soak = { share, text: told };
    if (this.#out.isTTY === true) this.#draw();
    else if (Math.floor(share * SOAK_LINES) > Math.floor(before * SOAK_LINES)) {
      this.#say(`soak: ${told}`);
    }
  }

  /** The verdict; the reports lie in `folder`. */
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

  /** A line that stays, above the live one. */
  #say(text: string): void {
    this.#wipe();
    this.#out.write(`${text}\n`);
    if (this.#running !== undefined || this.#soak !== undefined) this.#draw();
  }

  /** Nowhere but on a terminal can a line be drawn anew. */
  #draw(): void {
    if (this.#out.isTTY !== true) return;
    const text = visible(this.#now());
    this.#wipe();
    const columns = this.#out.columns || COLUMNS; // some say 0
    // A line that wraps could not be wiped.
    this.#out.write(text.length < columns ? text : `${text.slice(0, columns - 2)}…`);
    this.#drawn = true;
  }

  /** What may be cut comes last. */
  #now(): string {
    const { passed, flaky, failed, "rig-error": rigErrors } = this.#counts;
    const played = Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
    const counts = [
      this.#total === 0 ? `${played}` : `${played}/${this.#total}`,
      `${passed + flaky} passed`,
      // What has not happened would only take the title's place.
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

  /** `NO_COLOR` and the like count, and so does where it goes. */
  #styled(format: Style, text: string): string {
    return styleText(format, text, { stream: this.#out });
  }
}

/** Why it came out so: what the board has shown comes before what the scenario made of it. */
function causeOf({ why, incidents }: ScenarioResult): string | undefined {
  if (why === undefined) return undefined;
  const incident = incidents.find(({ kind }) => !HARMLESS.includes(kind)) ?? incidents[0];
  const first = firstLine(why);
  return incident === undefined || first.startsWith(incident.kind)
    ? first
    : `${incident.kind}: ${first}`;
}
