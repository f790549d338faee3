import { BOARD_STEPS } from "./doctor/board.ts";
import { COMPUTER_STEPS, SDK_STEPS } from "./doctor/computer.ts";
import type { DoctorParts, Finding, Findings } from "./doctor/step.ts";
import { EXIT } from "./run.ts";

const STEPS = [...COMPUTER_STEPS, ...BOARD_STEPS, ...SDK_STEPS];

/** Width of the column of names. */
const NAME_WIDTH = Math.max(...STEPS.map(({ name }) => name.length)) + 2;
const VERDICT_WIDTH = "skipped".length + 2;

/**
 * Checks the computer and the board step by step, and prints for each step the result and, if it is bad, what
 * would help. Returns the exit code: all is well, there is no board, or something else is wrong.
 */
export async function runDoctor(parts: DoctorParts, out: (line: string) => void): Promise<number> {
  const seen: Findings = {};
  const findings: Finding[] = [];
  try {
    for (const { name, look } of STEPS) {
      const finding = await look(parts, seen);
      findings.push(finding);
      for (const line of describe(name, finding)) out(line);
    }
  } finally {
    await seen.board?.release();
  }
  const wrong = findings.filter(finding => "bad" in finding);
  out("");
  out(wrong.length === 0 ? "All is well." : `${wrong.length} of ${STEPS.length} checks failed.`);
  if (wrong.length === 0) return EXIT.passed;
  return wrong.some(({ noBoard }) => noBoard) ? EXIT.noBoard : EXIT.rig;
}

function describe(name: string, finding: Finding): string[] {
  const line = (verdict: string, text: string) =>
    `${verdict.padEnd(VERDICT_WIDTH)}${name.padEnd(NAME_WIDTH)}${text}`;
  if ("ok" in finding) return [line("ok", finding.ok)];
  if ("skipped" in finding) return [line("skipped", finding.skipped)];
  const indent = " ".repeat(VERDICT_WIDTH);
  return [line("not ok", finding.bad), ...finding.help.map(help => (indent + help).trimEnd())];
}
