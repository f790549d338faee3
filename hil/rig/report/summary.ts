import type { IncidentKind } from "../incidents.ts";
import {
  AFTERWARDS,
  EXIT,
  type Measurement,
  type Run,
  type ScenarioResult,
  type Verdict,
  within,
} from "../run.ts";

/** Mark and name of each verdict; the mark must be clear without colours. */
export const VERDICTS: Record<Verdict, { readonly mark: string; readonly name: string }> = {
  passed: { mark: "✓", name: "passed" },
  flaky: { mark: "~", name: "passed on retry" },
  failed: { mark: "✗", name: "failed" },
  "rig-error": { mark: "!", name: "fault of the rig" },
  skipped: { mark: "-", name: "skipped" },
  "not-reached": { mark: "·", name: "not reached" },
};

/** Meaning of each exit code. */
const ENDINGS: Record<number, string> = {
  [EXIT.passed]: "passed",
  [EXIT.firmware]: "the firmware failed",
  [EXIT.usage]: "none of the selected scenarios can be played on this board",
  [EXIT.noBoard]: "there was no board",
  [EXIT.rig]: "a fault of the rig, so no verdict about the firmware",
  [EXIT.boardLost]: "the board was lost",
};

/** Meaning of the exit code of a run. A run that the user ended early is no fault of the rig. */
export function endingOf({ exitCode, results }: Pick<Run, "exitCode" | "results">): string {
  if (exitCode === EXIT.rig && results.every(({ verdict }) => verdict !== "rig-error")) {
    return "it was ended early, so no verdict about the firmware";
  }
  return ENDINGS[exitCode] ?? "unknown";
}

/** Advice for each kind of incident. */
const REMEDIES: Record<IncidentKind, string> = {
  reset: "Look at the last lines before the unexpected start.",
  panic: "Look at the dump; addr2line turns its backtrace into lines of source.",
  abort: "Look at the dump; its first line says what was asserted.",
  "stack-overflow": "Give the named task more stack, or make it use less.",
  watchdog: "Look for what keeps the named task busy without a pause.",
  "xs-abort":
    "The reason says which of the engine's limits was met: heap, stack, or an exception, with the functions that ran, the innermost first.",
  brownout: "The board lacks power: try another USB cable, another port, or a hub with power.",
  "boot-loop": "Look at the first lines after a start: each start ends in the same place.",
  "no-program":
    "The flash is erased, half written or unreadable: npm run hil -- --flash always writes the firmware.",
  "download-mode": "Release the BOOT button and remove whatever pulls GPIO 0 down, then reset.",
  silence: "The board hangs, or its serial line does: reset it and look at its last lines.",
  noise: "The serial line is disturbed: try another cable, and keep it away from motors and mains.",
  "lost-reply":
    "An answer on the serial line was lost and asked for again: look at cable and adapter.",
  "port-lost": "Look at the cable and the plug, and use no hub if there is one.",
};

export interface RunSummary {
  readonly passed: boolean;
  /** The result in one sentence. */
  readonly headline: string;
  /** The failures and their causes, one sentence each. */
  readonly reasons: readonly string[];
  /** Advice for the failures. */
  readonly advice: readonly string[];
}

/** Most names in a sentence. */
const NAMED_MAX = 3;

/** The result of a run in sentences. */
export function summaryOf(run: Run): RunSummary {
  const titles = (verdict: Verdict) =>
    run.results.filter(result => result.verdict === verdict).map(({ title }) => title);
  const [failed, rigErrors] = [titles("failed"), titles("rig-error")];
  const broken = run.measurements.filter(measurement => !within(measurement));
  const reasons = [
    ...some(failed, "failed because of the firmware"),
    ...broken.map(measurement => `${limitsInWords(measurement)}.`),
    ...some(rigErrors, "got no answer because of the rig: board, cable or power"),
    ...byReason(run, "not-reached", "not reached"),
    ...some(titles("flaky"), "passed only after a fault of the rig made it start again"),
    ...byReason(run, "skipped", "skipped"),
    ...onlyCounted(run),
  ];
  const kinds = new Set(run.results.flatMap(kindsOf));
  const advice = [...kinds].map(kind => `${kind}: ${REMEDIES[kind]}`);
  const scenario = run.results.find(
    ({ theme, verdict }) => verdict === "failed" && theme !== AFTERWARDS,
  );
  if (scenario !== undefined) {
    const options = `${boardOption(run)}--scenario "${plainWords(scenario.title)}" --verbose`;
    advice.push(`Play it alone: npm run hil -- ${options}`);
  } else if (failed.length === 0 && rigErrors.length > 0) {
    advice.push(
      run.board.kind === "address"
        ? `Look whether the board has its power, and this address: http://${run.board.identity}`
        : "npm run hil -- doctor checks port, board, Wi-Fi and computer step by step.",
    );
  }
  return {
    passed: run.exitCode === EXIT.passed,
    headline: headline(run),
    reasons,
    advice,
  };
}

/** A silent board loses answers, too: that says nothing about the cable. */
function kindsOf({ incidents }: ScenarioResult): IncidentKind[] {
  const kinds = incidents.map(({ kind }) => kind);
  return kinds.includes("silence") ? kinds.filter(kind => kind !== "lost-reply") : kinds;
}

function played({ results }: Run): ScenarioResult[] {
  return results.filter(({ verdict }) => verdict !== "skipped");
}

function headline(run: Run): string {
  const { exitCode, measurements, more = {} } = run;
  const results = played(run);
  const passed = results.filter(({ verdict }) => verdict === "passed" || verdict === "flaky");
  const { skipped: _, ...morePlayed } = more;
  const total = results.length + sum(Object.values(morePlayed));
  const plays = playsOf(total, results);
  const count = `${passed.length + sum([more.passed, more.flaky])} of ${plays} passed`;
  if (exitCode === EXIT.passed) {
    const all = total === 1 ? "The one scenario" : `All ${plays}`;
    const limits = measurements.length === 0 ? "" : ", and every measurement is within its limits";
    return `${all} passed${limits}`;
  }
  if (exitCode === EXIT.usage) return "Nothing was played";
  const ending = endingOf(run);
  return `${ending[0].toUpperCase()}${ending.slice(1)}: ${count}`;
}

/** `12 scenarios`, or `340 plays of 12 scenarios` if some were repeated. */
export function playsOf(
  plays: number,
  results: readonly Pick<ScenarioResult, "theme" | "title">[],
): string {
  const different = new Set(results.map(({ theme, title }) => `${theme}: ${title}`)).size;
  return plays === different
    ? scenarios(plays)
    : `${plays.toLocaleString("en")} plays of ${scenarios(different)}`;
}

/** `1 scenario`, `12 scenarios`. */
export function scenarios(count: number): string {
  return `${count} scenario${count === 1 ? "" : "s"}`;
}

/** `2 scenarios skipped: "one", "two".`; empty without titles. */
function some(titles: readonly string[], what: string): string[] {
  if (titles.length === 0) return [];
  const different = [...new Set(titles)];
  const named = different.slice(0, NAMED_MAX).map(title => {
    const often = titles.filter(other => other === title).length;
    return often === 1 ? `“${title}”` : `“${title}” (${often} times)`;
  });
  const more = different.length > NAMED_MAX ? [`${different.length - NAMED_MAX} more`] : [];
  return [`${scenarios(different.length)} ${what}: ${[...named, ...more].join(", ")}.`];
}

/** `13 scenarios skipped: the emulated board has no serial line.`; one reason often applies to many. */
function byReason({ results }: Run, wanted: Verdict, what: string): string[] {
  const titles = new Map<string, Set<string>>();
  for (const { theme, title, verdict, why = "no reason given" } of results) {
    if (verdict !== wanted) continue;
    titles.set(why, (titles.get(why) ?? new Set()).add(`${theme}: ${title}`));
  }
  return [...titles].map(([why, { size }]) => `${scenarios(size)} ${what}: ${why}.`);
}

/** `400 more plays had frequent results and are only counted: 390 passed, 10 failed.` */
function onlyCounted({ more = {} }: Run): string[] {
  const counts = Object.entries(more) as [Verdict, number][];
  if (counts.length === 0) return [];
  const list = counts.map(([verdict, count]) => `${count} ${VERDICTS[verdict].name}`).join(", ");
  const total = sum(counts.map(([, count]) => count));
  return [
    `${total.toLocaleString("en")} more plays had frequent results and are only counted: ${list}.`,
  ];
}

function sum(counts: readonly (number | undefined)[]): number {
  return counts.reduce<number>((total, count = 0) => total + count, 0);
}

/** The option that selects the same board again. */
function boardOption({ board: { kind, identity, path } }: Run): string {
  if (kind === "emulated") return "--board emulated ";
  if (kind === "address") return `--address ${identity} `;
  return path === undefined ? "" : `--port ${path} `;
}

/** The longest part of a title that needs no quoting in any shell; `--scenario` accepts parts. */
function plainWords(title: string): string {
  const parts = title.split(/["'`$\\!%]/).map(part => part.trim());
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest));
}

/** `connect p95: 38 ms, at most 25 ms` */
export function limitsInWords(measurement: Measurement): string {
  const value =
    measurement.value === null ? "not measured" : figure(measurement.value, measurement);
  return `${measurement.name}: ${[value, ...limits(measurement)].join(", ")}`;
}

/** `at least 40 kB`, `at most 60 kB`. */
export function limits(measurement: Measurement): string[] {
  const { min, max } = measurement;
  return [
    ...(min === undefined ? [] : [`at least ${figure(min, measurement)}`]),
    ...(max === undefined ? [] : [`at most ${figure(max, measurement)}`]),
  ];
}

/** `12.3 ms`, `61/s`: a value with its unit, to three digits if it has a fraction. */
export function figure(value: number, { unit }: { readonly unit: string }): string {
  const digits = Number.isInteger(value) ? value : Number(value.toPrecision(3));
  const text = Math.abs(digits) >= 10_000 ? digits.toLocaleString("en") : String(digits);
  return unit === "" || unit.startsWith("/") ? `${text}${unit}` : `${text} ${unit}`;
}

/** A duration: `12 ms`, `3.4 s`, `2 min 5 s`, `8 h 0 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** The first line of a text, without error names that add nothing. */
export function firstLine(text: string): string {
  return text.split("\n", 1)[0].replace(/^(Error|JestAssertionError): /, "");
}

/**
 * Replaces control characters by their pictures: a terminal would obey them, and XML cannot contain them. Line
 * ends and tabs stay.
 */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that are replaced.
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, character => {
    const code = character.charCodeAt(0);
    if (code >= 0x80) return "\ufffd"; // C1 controls have no pictures
    return code === 0x7f ? "␡" : String.fromCharCode(0x2400 + code);
  });
}
