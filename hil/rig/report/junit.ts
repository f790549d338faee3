import { EXIT, type Run, type ScenarioResult, within } from "../run.ts";
import { type Markup, markup } from "./markup.ts";
import { endingOf, firstLine, limitsInWords, summaryOf } from "./summary.ts";

/** One test case. */
interface Case {
  readonly theme: string;
  readonly title: string;
  readonly ms: number;
  readonly outcome?: { readonly tag: "failure" | "error" | "skipped"; readonly why: string };
  readonly output?: string;
}

/**
 * JUnit XML of a run. A failure is the firmware's fault, an error the rig's. A run whose exit code is not 0 has
 * at least one of these: each limit of a measurement is a test, and so is the run itself.
 */
export function junit(run: Run): string {
  const suites: Record<string, readonly Case[]> = {
    scenarios: run.results.map(scenarioCase),
    measurements: run.measurements.map(measurement => ({
      theme: "measurements",
      title: measurement.name,
      ms: 0,
      ...(within(measurement)
        ? {}
        : { outcome: { tag: "failure", why: limitsInWords(measurement) } as const }),
    })),
    run: [runCase(run)],
  };
  const all = Object.values(suites).flat();
  const properties = run.measurements.map(
    ({ name, unit, value }) => markup`
      <property name="${unit === "" ? name : `${name} (${unit})`}" value="${value ?? "not measured"}"/>`,
  );
  const text = markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="Hot Potato on ${run.board.identity}" ${counts(all)} time="${seconds(run.ms)}">${Object.entries(
    suites,
  ).map(
    ([name, cases]) => markup`
  <testsuite name="${name}" ${counts(cases)} skipped="${cases.filter(({ outcome }) => outcome?.tag === "skipped").length}" time="${seconds(cases.reduce((sum, { ms }) => sum + ms, 0))}" timestamp="${run.startedAt}">
    <properties>${name === "measurements" ? properties : facts(run)}
    </properties>${cases.map(testcase)}
  </testsuite>`,
  )}
</testsuites>
`;
  return text.text;
}

function scenarioCase({ theme, title, ms, verdict, why = "", incidents }: ScenarioResult): Case {
  const dumps = incidents.map(({ kind, blame, text, lines }) =>
    [`${kind} (${blame}): ${text}`, ...lines].join("\n"),
  );
  const whole = [why, ...dumps].filter(text => text !== "").join("\n\n");
  const test = { theme, title, ms };
  switch (verdict) {
    case "passed":
      return test;
    case "flaky":
      return { ...test, output: `passed on retry\n${whole}` };
    case "failed":
      return { ...test, outcome: { tag: "failure", why: whole } };
    case "rig-error":
      return { ...test, outcome: { tag: "error", why: whole } };
    case "skipped":
      return { ...test, outcome: { tag: "skipped", why } };
    case "not-reached":
      return { ...test, outcome: { tag: "skipped", why: `not reached: ${why}` } };
  }
}

/** The test that the run was completed, whether or not the firmware failed in it. */
function runCase(run: Run): Case {
  const title = "the run is completed";
  if (run.exitCode === EXIT.passed || run.exitCode === EXIT.firmware) {
    return { theme: "run", title, ms: run.ms };
  }
  const { headline, reasons, advice } = summaryOf(run);
  const why = [headline, ...reasons, ...advice].join("\n");
  return { theme: "run", title, ms: run.ms, outcome: { tag: "error", why } };
}

function testcase({ theme, title, ms, outcome, output }: Case): Markup {
  const more = [
    ...(outcome === undefined
      ? []
      : [
          markup`
      <${outcome.tag} message="${firstLine(outcome.why)}">${outcome.why}</${outcome.tag}>`,
        ]),
    ...(output === undefined
      ? []
      : [
          markup`
      <system-out>${output}</system-out>`,
        ]),
  ];
  return markup`
    <testcase classname="${theme}" name="${title}" time="${seconds(ms)}">${more}</testcase>`;
}

function counts(cases: readonly Case[]): Markup {
  const of = (tag: string) => cases.filter(({ outcome }) => outcome?.tag === tag).length;
  return markup`tests="${cases.length}" failures="${of("failure")}" errors="${of("error")}"`;
}

function facts(run: Run): Markup[] {
  const { board, node, platform, commit, exitCode } = run;
  const facts: Record<string, string | undefined> = {
    board: board.identity,
    kind: board.kind,
    firmware: board.firmware,
    address: board.address,
    node,
    platform,
    commit,
    ended: `${exitCode} (${endingOf(run)})`,
  };
  return Object.entries(facts).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [
          markup`
      <property name="${name}" value="${value}"/>`,
        ],
  );
}

/** JUnit's times are in seconds. */
function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
