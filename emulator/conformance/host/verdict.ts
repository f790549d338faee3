import type { Outcome } from "../remote/messages.ts";
import type { Case } from "../target.ts";
import { type Difference, TRAITS } from "./differences.ts";

export interface CaseVerdict {
  readonly name: string;
  readonly word:
    | "agrees"
    | "in part"
    | "differs"
    | "not seen"
    | "UNEXPLAINED"
    | "NO LONGER DIFFERS";
  readonly reason: string;
  /** The emulator's result of the case in its own tests. */
  readonly emulator: string;
}

/** Whether a case holds on a board, and if not, whether the difference is a known one. */
export function judge(
  { name, not }: Pick<Case, "name" | "not">,
  outcome: Outcome,
  expected: Difference | undefined,
): CaseVerdict {
  const emulator = not?.loopback ? "holds in memory" : "holds";
  const verdict = (word: CaseVerdict["word"], reason: string) => ({ name, word, reason, emulator });
  if (outcome.result === "not ok") {
    if ([expected?.seen ?? []].flat().some(seen => outcome.seen.endsWith(seen)))
      return verdict("differs", TRAITS[expected!.trait]);
    return verdict("UNEXPLAINED", outcome.seen);
  }
  if (expected?.sometimes) return verdict("differs", TRAITS[expected.trait]);
  if (expected !== undefined) {
    const now = "seen" in outcome ? outcome.seen : "the case holds";
    return verdict("NO LONGER DIFFERS", `${now}; it was: ${TRAITS[expected.trait]}`);
  }
  if (outcome.result === "ok") return verdict("agrees", "");
  if (outcome.result === "part") return verdict("in part", outcome.seen);
  return verdict("not seen", outcome.seen);
}

/** True: the result is not a known one. */
export function alarming({ word }: CaseVerdict): boolean {
  return word === "UNEXPLAINED" || word === "NO LONGER DIFFERS";
}

/** As Markdown, ready for README.md. */
export function table(board: string, verdicts: readonly CaseVerdict[]): string {
  const rows = verdicts.map(
    ({ name, emulator, word, reason }) => `| ${name} | ${emulator} | ${word} | ${reason} |`,
  );
  return [`| case | emulator | ${board} | reason |`, "| --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}
