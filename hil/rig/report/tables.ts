import type { Incident } from "../incidents.ts";
import { type Measurement, type Run, type ScenarioResult, within } from "../run.ts";
import { incidentsExcerpt, resultsExcerpt, shortened } from "./excerpt.ts";
import { type Markup, markup } from "./markup.ts";
import { duration, figure, firstLine, limits, VERDICTS } from "./summary.ts";
import { anchor, incidentAnchor } from "./timeline.ts";

/** Passed rows that are unfolded at first: about as many as one run has. A soak has hundreds. */
const OPEN_MAX = 100;

/** A row for each scenario: those that did not pass first, the skipped last; details unfold. */
export function scenarioTable(run: Run): Markup {
  const incidents = incidentsExcerpt(run.results);
  const passed: Markup[] = [];
  const skipped: Markup[] = [];
  const others: Markup[] = [];
  let leftOut = 0;
  for (const result of resultsExcerpt(run.results)) {
    if ("leftOut" in result) {
      leftOut += result.leftOut.length;
    } else {
      const row = markup`${scenarioRow(run, result, incidents)}\n`;
      const { verdict } = result;
      (verdict === "passed" ? passed : verdict === "skipped" ? skipped : others).push(row);
    }
  }
  const more =
    leftOut === 0
      ? undefined
      : markup`<p class="gap">${leftOut} scenarios are left out here: they are in run.json and junit.xml.</p>`;
  return markup`<section aria-labelledby="scenarios-title">
<h2 id="scenarios-title">Scenarios</h2>
${others.length === 0 ? undefined : rowTable("those that did not simply pass", others)}
${
  passed.length === 0
    ? undefined
    : markup`<details${passed.length <= OPEN_MAX ? markup` open` : undefined}><summary>${passed.length} passed</summary>
${rowTable("those that passed", passed)}</details>`
}
${
  skipped.length === 0
    ? undefined
    : markup`<details><summary>${skipped.length} skipped</summary>
${rowTable("those that were skipped", skipped)}</details>`
}
${more}
</section>`;
}

function rowTable(name: string, rows: readonly Markup[]): Markup {
  return markup`<table class="scenarios" aria-label="${name}"><thead><tr><th scope="col" class="mark">verdict</th><th scope="col">scenario</th><th scope="col" class="number">took</th></tr></thead>
<tbody>
${rows}</tbody></table>`;
}

function scenarioRow(run: Run, result: ScenarioResult, shown: ReadonlySet<Incident>): Markup {
  const { theme, title, verdict, ms, why, incidents, sessions } = result;
  const { mark, name } = VERDICTS[verdict];
  const served = Object.entries(sessions).map(([name, count]) => `${name} ${count}`);
  const shares =
    served.length < 2 ? undefined : markup` <span class="quiet">${served.sort().join(", ")}</span>`;
  // Details of failures are open.
  const worst = verdict === "passed" ? undefined : incidents.find(incident => shown.has(incident));
  const id = worst === undefined ? anchor(run, result) : incidentAnchor(run, worst);
  const dumps = incidents.map(incident => {
    const { kind, blame, text, lines } = incident;
    const dump =
      lines.length > 0 && shown.has(incident)
        ? markup`<pre>${shortened(lines.join("\n"))}</pre>`
        : undefined;
    const name = shown.has(incident)
      ? markup`<a href="#${incidentAnchor(run, incident)}">${kind}</a>`
      : kind;
    return markup`<p><strong>${name}</strong>, fault of the ${blame}: ${text}</p>${dump}`;
  });
  // The reason of an attempt that an incident ended is the incident's text and dump.
  const trace =
    why?.includes("\n") && !incidents.some(({ kind, text }) => why.startsWith(`${kind}: ${text}`))
      ? markup`<pre>${shortened(why)}</pre>`
      : undefined;
  const more =
    trace === undefined && dumps.length === 0
      ? why && markup`<p class="quiet">${firstLine(shortened(why))}</p>`
      : markup`<details${verdict === "failed" || verdict === "rig-error" ? markup` open` : undefined}><summary>${
          why === undefined ? "what happened" : firstLine(shortened(why))
        }</summary>${trace}${dumps}</details>`;
  const took = verdict === "skipped" || verdict === "not-reached" ? "–" : duration(ms);
  return markup`<tr class="${verdict}"><td class="mark"><span aria-hidden="true">${mark}</span> ${name}</td><td><span class="quiet">${theme}:</span> <a href="#${id}">${title}</a>${shares}${more}</td><td class="number">${took}</td></tr>`;
}

/** The measurements, their limits, and whether they hold. */
export function measurementTable({ measurements }: Run): Markup | undefined {
  if (measurements.length === 0) return undefined;
  return markup`<section aria-labelledby="measurements-title">
<h2 id="measurements-title">Measurements</h2>
<table><thead><tr><th scope="col">within limits</th><th scope="col">what</th><th scope="col" class="number">measured</th><th scope="col" class="limits">limits</th></tr></thead>
<tbody>
${measurements.map(measurementRow)}</tbody></table>
</section>`;
}

function measurementRow(measurement: Measurement): Markup {
  const holds = within(measurement);
  const { name, value } = measurement;
  const measured = value === null ? "not measured" : figure(value, measurement);
  return markup`<tr class="${holds ? "passed" : "failed"}"><td class="mark"><span aria-hidden="true">${
    holds ? "✓" : "✗"
  }</span> ${holds ? "yes" : "no"}</td><th scope="row">${name}</th><td class="number">${measured}</td><td class="limits">${
    limits(measurement).join(", ") || "none"
  }</td></tr>
`;
}
