import type { Incident } from "../incidents.ts";
import type { Run, ScenarioResult } from "../run.ts";
import { incidentsExcerpt, momentsExcerpt, resultsExcerpt, shortened } from "./excerpt.ts";
import { type Markup, markup } from "./markup.ts";
import { VERDICTS } from "./summary.ts";

/** Anchor of a scenario; one may be played more than once. */
export function anchor(run: Run, result: ScenarioResult): string {
  return `s${run.results.indexOf(result)}`;
}

/** Anchor of an incident. */
export function incidentAnchor(run: Run, incident: Incident): string {
  return `i${run.results.flatMap(({ incidents }) => incidents).indexOf(incident)}`;
}

/** All moments in one list by time. */
export function timeline(run: Run): Markup {
  const rows: { readonly ms: number; readonly row: Markup }[] = [];
  for (const result of resultsExcerpt(run.results)) {
    if ("leftOut" in result) continue;
    rows.push({ ms: result.atMs, row: beginning(result, anchor(run, result)) });
  }
  // A line comes before the incident that it shows: sorting is stable.
  for (const moment of momentsExcerpt(run)) {
    if ("leftOut" in moment) {
      const { leftOut } = moment;
      rows.push({ ms: leftOut[0].ms, row: gap(leftOut[0].ms, leftOut.at(-1)!.ms, leftOut.length) });
    } else {
      const { ms, source, text } = moment;
      const level = source === "serial" && /^[WE] \(/.test(text) ? ` level-${text[0]}` : "";
      rows.push({
        ms,
        row: markup`<li class="${source}${level}" data-source="${source}">${time(ms)} <b>${source}</b> <code>${shortened(text)}</code></li>`,
      });
    }
  }
  const incidents = run.results.flatMap(result => result.incidents);
  const shown = incidentsExcerpt(run.results);
  for (const incident of shown)
    rows.push({ ms: incident.ms, row: mishap(incident, incidentAnchor(run, incident)) });
  const unseen = incidents.slice(shown.size);
  if (unseen.length > 0) {
    const { ms } = unseen[0];
    const text = `${unseen.length} more incidents are left out: they are in run.json.`;
    rows.push({ ms, row: markup`<li class="gap">${time(ms)} ${text}</li>` });
  }
  rows.sort((a, b) => a.ms - b.ms);
  const count = (source: string) =>
    source === "incident"
      ? incidents.length
      : run.moments.filter(moment => moment.source === source).length;
  const boxes = ["serial", "tcp", "rig", "incident"].map(
    source =>
      markup`<label class="${source}"><input type="checkbox" value="${source}" checked> ${source} <span class="quiet">${count(source)}</span></label>`,
  );
  return markup`<section id="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">Timeline</h2>
<form class="filters" role="search" aria-label="Which moments are shown">
<fieldset><legend>show</legend>${boxes}</fieldset>
<label class="find">find <input type="search" placeholder="backend=a, panic, 10.0.0.7 …" autocomplete="off" spellcheck="false"></label>
<output aria-live="polite"></output>
</form>
<ol class="moments" tabindex="0" aria-labelledby="timeline-title">
${rows.map(({ row }) => markup`${row}\n`)}</ol>
</section>`;
}

function beginning({ theme, title, verdict, atMs }: ScenarioResult, id: string): Markup {
  const { mark, name } = VERDICTS[verdict];
  return markup`<li class="begin ${verdict}" id="${id}" tabindex="-1">${time(atMs)} <span class="mark"><span aria-hidden="true">${mark}</span> ${name}</span> <strong>${theme}: ${title}</strong></li>`;
}

function mishap({ ms, kind, blame, text, lines }: Incident, id: string): Markup {
  const dump =
    lines.length < 2
      ? undefined
      : markup`<details><summary>${lines.length} lines</summary><pre>${shortened(lines.join("\n"))}</pre></details>`;
  return markup`<li class="incident" data-source="incident" id="${id}" tabindex="-1">${time(ms)} <b>${kind}</b> <span>${text} <i>${blame === "rig" ? "fault of the rig" : "fault of the firmware"}</i></span>${dump}</li>`;
}

function gap(fromMs: number, toMs: number, count: number): Markup {
  return markup`<li class="gap">${time(fromMs)} ${count.toLocaleString("en")} moments up to ${clockTime(toMs)} are left out here: they are in run.json, and what the board wrote is in serial.log, too.</li>`;
}

function time(ms: number): Markup {
  return markup`<time>${clockTime(ms)}</time>`;
}

/** Time since the run began: `0:12.345`, `1:02:03.004`. */
export function clockTime(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor(whole / 60_000) % 60;
  const seconds = `${two(Math.floor(whole / 1000) % 60)}.${String(whole % 1000).padStart(3, "0")}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}
