import type { IncidentKind } from "./incidents.ts";
import { EXIT, type Verdict } from "./run.ts";

/** A few short scenarios, in the order in which they are played. */
export const SHORT_SCENARIOS = [
  "ten clients",
  "clients one after the other",
  "a backup serves",
  "drains gets no new client",
];

export interface ExpectedOutcome {
  readonly exitCode: number;
  /**
   * One for each of `SHORT_SCENARIOS`; `each`: the possible ones, if it depends on chance which scenario is
   * hit.
   */
  readonly verdicts: readonly Verdict[] | { readonly each: readonly Verdict[] };
  readonly kinds: readonly IncidentKind[];
  /** The printed text. */
  readonly output: RegExp;
}

const THREE_PASSED = ["passed", "passed", "passed"] as const;
const FAILED = { exitCode: EXIT.firmware, verdicts: ["failed", ...THREE_PASSED] } as const;
const AGAIN = { exitCode: EXIT.passed, verdicts: ["flaky", ...THREE_PASSED] } as const;

/** Expected outcome of each of `INJECTABLE_FAULTS` when `SHORT_SCENARIOS` are played. */
export const EXPECTED_OUTCOMES: Readonly<Record<string, ExpectedOutcome>> = {
  panic: { ...FAILED, kinds: ["panic"], output: /LoadProhibited[\s\S]*panic: Look at the dump/ },
  exception: {
    ...FAILED,
    kinds: ["xs-abort"],
    output: /xs-abort: unhandled exception Error: injected exception/,
  },
  watchdog: { ...FAILED, kinds: ["watchdog"], output: /Task watchdog got triggered/ },
  hang: {
    ...FAILED,
    kinds: ["lost-reply", "silence"],
    output: /the board answered neither the scenario nor the console/,
  },
  "boot-loop": {
    exitCode: EXIT.firmware,
    verdicts: ["failed", "failed", "failed", "not-reached"],
    kinds: ["panic", "xs-abort", "boot-loop"],
    output: /the board is in a boot loop/,
  },
  brownout: { ...AGAIN, kinds: ["brownout"], output: /The board lacks power/ },
  brownouts: {
    exitCode: EXIT.rig,
    verdicts: ["rig-error", "rig-error", "not-reached", "not-reached"],
    kinds: ["brownout"],
    output: /because of the rig: board, cable or power[\s\S]*no verdict about the firmware/,
  },
  unplug: {
    exitCode: EXIT.boardLost,
    verdicts: ["rig-error", "not-reached", "not-reached", "not-reached"],
    kinds: ["port-lost"],
    output: /the board is lost[\s\S]*Look at the cable/,
  },
  replug: { ...AGAIN, kinds: ["port-lost"], output: /Look at the cable and the plug/ },
  noise: {
    exitCode: EXIT.passed,
    verdicts: { each: ["passed", "flaky"] },
    kinds: ["noise"],
    output: /The serial line is disturbed/,
  },
  "stray-byte": {
    exitCode: EXIT.passed,
    verdicts: ["passed", ...THREE_PASSED],
    kinds: [],
    output: /All 4 scenarios passed/,
  },
  "lost-reply": {
    exitCode: EXIT.passed,
    verdicts: ["passed", ...THREE_PASSED],
    kinds: ["lost-reply"],
    output: /An answer on the serial line was lost/,
  },
  download: { ...AGAIN, kinds: ["download-mode"], output: /Release the BOOT button/ },
  erased: {
    exitCode: EXIT.rig,
    verdicts: ["rig-error", "rig-error", "not-reached", "not-reached"],
    kinds: ["no-program"],
    output: /The flash is erased, half written or unreadable[\s\S]*no verdict about the firmware/,
  },
  "no-wifi": {
    exitCode: EXIT.rig,
    verdicts: ["rig-error", "rig-error", "not-reached", "not-reached"],
    kinds: [],
    output: /the board gets no address: is the Wi-Fi there[\s\S]*the board did not come up/,
  },
};
