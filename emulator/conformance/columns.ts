import { CASES } from "./cases.ts";
import { lwipDifference, OWN_DIFFERENCES, OWN_NOT_ON_LOOPBACK, OWN_TRAITS } from "./differences.ts";
import { DIFFERENCES, TRAITS } from "./host/differences.ts";
import type { Case } from "./target.ts";

/** The targets of the table: boards with the SDK's sockets first, then those with the firmware's own. */
export const COLUMNS = [
  "SDK's: memory, XS",
  "loopback",
  "lin",
  "own: memory, XS",
  "loopback",
  "lwip",
] as const;

/** `holds`; `differs`, for a reason; `-`: not played there. Of lin as the simulator's own table has it. */
export interface CaseRow {
  readonly name: string;
  readonly cells: readonly string[];
  readonly reasons: readonly string[];
}

/**
 * How each case goes on each target, and why it differs. The tests of the targets hold it to the truth: conformance.test.ts and
 * own.test.ts in memory, conformance.live.test.ts on loopback, conformance.xs.test.ts on XS, conformance.lwip.test.ts
 * on lwIP. The words of lin are those of its last run.
 */
export function caseRows(linWords: ReadonlyMap<string, string>): CaseRow[] {
  return CASES.map(each => rowOf(each, linWords.get(each.name) ?? "-"));
}

function rowOf({ name, not, sockets }: Case, lin: string): CaseRow {
  const own = OWN_DIFFERENCES[name];
  const lwip = lwipDifference(name);
  const onLinux = DIFFERENCES[name];
  const skipped = not?.loopback ?? OWN_NOT_ON_LOOPBACK[name];
  const word = (differs: unknown) => (differs ? "differs" : "holds");
  const ownReason = own && OWN_TRAITS[own.trait];
  return {
    name,
    cells: [
      sockets === "own" ? "-" : "holds",
      sockets === "own" || not?.loopback ? "-" : "holds",
      lin,
      word(own),
      skipped ? "-" : word(own),
      word(lwip),
    ],
    reasons: [
      ...(own ? [`own: ${ownReason}`] : []),
      ...(lwip && lwip.reason !== ownReason ? [`lwip: ${lwip.reason}`] : []),
      ...(skipped ? [`loopback: ${skipped}`] : []),
      ...(onLinux ? [`lin: ${TRAITS[onLinux.trait]}`] : []),
    ],
  };
}

/** As Markdown, ready for README.md. */
export function columnsTable(rows: readonly CaseRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["case", ...COLUMNS, "reasons"]),
    line(["---", ...COLUMNS.map(() => "---"), "---"]),
    ...rows.map(({ name, cells, reasons }) => line([name, ...cells, reasons.join("; ")])),
    "",
  ].join("\n");
}

/** The words of the simulator's table in README.md, by the names of the cases. */
export function linWords(readme: string): Map<string, string> {
  const section = readme.slice(readme.indexOf("| case | emulator | lin |"));
  const table = section.slice(0, section.indexOf("\n\n"));
  return new Map(
    table
      .split("\n")
      .slice(2)
      .map(row => row.slice(2, -2).split(" | "))
      .map(([name, , word]) => [name, word]),
  );
}
