import type { Incident } from "../incidents.ts";
import { type Measurement, type Run, type ScenarioResult, within } from "../run.ts";
import { incidentsExcerpt, resultsExcerpt, shortened } from "./excerpt.ts";
import { duration, figure, firstLine, limits, VERDICTS } from "./in-words.ts";
import { type Markup, markup } from "./markup.ts";
import { anchor } from "./timeline.ts";

/** A row for each scenario, those that did not pass first and the skipped last; what went wrong unfolds. */
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
      const row = markup`${scenarioRow(result, anchor(run, result), incidents)}\n`;
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
    : markup`<details open><summary>${passed.length} passed</summary>
<div class="scroll" tabindex="0" role="group" aria-label="those that passed">${rowTable("those that passed", passed)}</div></details>`
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

function scenarioRow(
  { theme, title, verdict, ms, why, incidents }: ScenarioResult,
  id: string,
  shown: ReadonlySet<Incident>,
): Markup {
  const { mark, name } = VERDICTS[verdict];
  const dumps = incidents.map(incident => {
    const { kind, blame, text, lines } = incident;
    const dump =
      lines.length > 0 && shown.has(incident)
        ? markup`<pre>${shortened(lines.join("\n"))}</pre>`
        : undefined;
    return markup`<p><strong>${kind}</strong>, fault of the ${blame}: ${text}</p>${dump}`;
  });
  // An attempt that an incident has ended has no other why than its text and its dump.
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
  return markup`<tr class="${verdict}"><td class="mark"><span aria-hidden="true">${mark}</span> ${name}</td><td><span class="quiet">${theme}:</span> <a href="#${id}">${title}</a>${more}</td><td class="number">${took}</td></tr>`;
}

/** What was measured, what it may be, and whether it is. */
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
  const told = value === null ? "not measured" : figure(value, measurement);
  return markup`<tr class="${holds ? "passed" : "failed"}"><td class="mark"><span aria-hidden="true">${
    holds ? "✓" : "✗"
  }</span> ${holds ? "yes" : "no"}</td><th scope="row">${name}</th><td class="number">${told}</td><td class="limits">${
    limits(measurement).join(", ") || "none"
  }</td></tr>
`;
}

/** Which backend served how much: of the whole run, and of each scenario. */
export function distribution({ results }: Run): Markup | undefined {
  const total = new Map<string, number>();
  for (const { sessions } of results) {
    for (const [name, count] of Object.entries(sessions)) {
      total.set(name, (total.get(name) ?? 0) + count);
    }
  }
  if (total.size === 0) return undefined;
  const names = [...total.keys()].sort((a, b) => total.get(b)! - total.get(a)! || (a < b ? -1 : 1));
  const all = [...total.values()].reduce((sum, count) => sum + count, 0);
  const most = Math.max(1, ...total.values());
  const rows = names.map(name => {
    const count = total.get(name)!;
    return markup`<tr><th scope="row">${name}</th><td class="bar">${bar([{ name, share: count / most }], names)}</td><td class="number">${count}</td><td class="number">${percent(count, all)}</td></tr>
`;
  });
  const each = resultsExcerpt(results).flatMap(result => {
    if ("leftOut" in result) return [];
    const { title, sessions } = result;
    const own = Object.entries(sessions).sort(([a], [b]) => (a < b ? -1 : 1));
    const sum = own.reduce((sum, [, count]) => sum + count, 0);
    if (sum === 0) return [];
    const shares = own.map(([name, count]) => ({ name, share: count / sum }));
    return markup`<tr><th scope="row">${title}</th><td class="bar">${bar(shares, names)}</td><td>${own
      .map(([name, count]) => `${name} ${count}`)
      .join(", ")}</td></tr>
`;
  });
  return markup`<section aria-labelledby="distribution-title">
<h2 id="distribution-title">What each backend served</h2>
${barTable(rows.slice(0, COLOURS))}
${
  rows.length <= COLOURS
    ? undefined
    : markup`<details><summary>${rows.length - COLOURS} more, who served least</summary>${barTable(rows.slice(COLOURS))}</details>`
}
<details><summary>by scenario</summary>
<table class="bars"><thead><tr><th scope="col">scenario</th><th scope="col"><span class="unseen">bar</span></th><th scope="col">served</th></tr></thead>
<tbody>
${each}</tbody></table></details>
</section>`;
}

function barTable(rows: readonly Markup[]): Markup {
  return markup`<table class="bars"><thead><tr><th scope="col">backend</th><th scope="col"><span class="unseen">bar</span></th><th scope="col" class="number">served</th><th scope="col" class="number">share</th></tr></thead>
<tbody>
${rows}</tbody></table>`;
}

/** Colours of the style sheet. */
const COLOURS = 8;

function bar(
  shares: readonly { readonly name: string; readonly share: number }[],
  names: readonly string[],
): Markup {
  let x = 0;
  const pieces = shares.map(({ name, share }) => {
    const piece = markup`<rect class="colour-${names.indexOf(name) % COLOURS}" x="${round(x)}%" width="${round(share * 100)}%" height="100%"/>`;
    x += share * 100;
    return piece;
  });
  return markup`<svg aria-hidden="true" width="100%" height="14">${pieces}</svg>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function percent(count: number, all: number): string {
  return all === 0 ? "–" : `${((count / all) * 100).toFixed(1)} %`;
}
