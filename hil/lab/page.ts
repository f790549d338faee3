import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Experiment } from "./experiments.ts";
import type { Play } from "./play.ts";
import { conclusion, percentile, ranked, type StrategySummary, served } from "./summary.ts";

/** Slices of time in the charts. */
const SLICES = 60;

/** One experiment, and the results of every strategy in it. */
export interface ExperimentResult {
  readonly name: string;
  readonly experiment: Experiment;
  readonly seed: number;
  readonly plays: readonly Play[];
  readonly summaries: readonly StrategySummary[];
}

/** A self-contained page: charts of each strategy, and the table. */
export function page(outcomes: readonly ExperimentResult[]): string {
  const read = createRequire(import.meta.url);
  const file = (name: string) => readFileSync(read.resolve(`uplot/dist/${name}`), "utf8");
  const data = outcomes.map(outcome => ({
    name: outcome.name,
    plays: ranked(outcome.summaries).map(({ strategy }) =>
      curves(outcome.experiment, outcome.plays.find(play => play.strategy === strategy)!),
    ),
    backends: outcome.experiment.backends.map(({ name }) => name),
  }));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Which strategy? Hot Potato's policy lab</title>
<style>${file("uPlot.min.css")}${STYLE}</style>
<h1>Which strategy?</h1>
<p>Every strategy plays the same requests through the whole emulated board, in virtual time. Charts
show the 99th percentile of the time to the whole answer, and which backend served how much.</p>
${outcomes.map(section).join("\n")}
<script>${file("uPlot.iife.min.js")}</script>
<script>const experiments = ${JSON.stringify(data)};
${SCRIPT}</script>
</html>
`;
}

function section(outcome: ExperimentResult, index: number): string {
  const { experiment, seed, name, summaries } = outcome;
  const cells = (summary: StrategySummary) =>
    [
      summary.p50.toFixed(0),
      summary.p99.toFixed(0),
      summary.mean.toFixed(0),
      `${summary.errors}/${summary.requests}`,
      ...summary.shares.map(share => `${(share * 100).toFixed(0)} %`),
    ]
      .map(cell => `<td>${cell}</td>`)
      .join("");
  const names = experiment.backends.map(backend => `<th>${backend.name}</th>`).join("");
  return `<section>
<h2>${experiment.question}</h2>
<p class="verdict">${conclusion(summaries)}</p>
<div class="table"><table><thead><tr><th>strategy</th><th>p50 ms</th><th>p99 ms</th><th>mean ms</th><th>errors</th>${names}</tr></thead>
<tbody>${ranked(summaries)
    .map(summary => `<tr><th>${summary.strategy}</th>${cells(summary)}</tr>`)
    .join("\n")}</tbody></table></div>
<p class="small">Experiment <code>${name}</code>, seed ${seed}: ${traffic(experiment)}; ${experiment.backends
    .map(backend => `${backend.name} ${backend.serviceMs} ms × ${backend.workers}`)
    .join(", ")}.</p>
<div class="charts" data-experiment="${index}"></div>
</section>`;
}

function traffic({ traffic: { perSecond, burst }, durationMs }: Experiment): string {
  const bursts =
    burst === undefined ? "" : `, and ${burst.requests} at once every ${burst.everyMs / 1000} s`;
  return `${perSecond} requests a second${bursts}, for ${durationMs / 1000} s`;
}

/** Data of the charts: seconds, the 99th percentile, and each backend's answers, by slice. */
function curves(experiment: Experiment, { strategy, samples }: Play) {
  const sliceMs = experiment.durationMs / SLICES;
  const slices = Array.from({ length: SLICES }, (_, slice) =>
    samples.filter(({ sentMs }) => Math.floor(sentMs / sliceMs) === slice),
  );
  const p99 = slices.map(slice => {
    const times = slice.filter(served).map(({ ms }) => ms);
    return times.length === 0
      ? null
      : Math.round(
          percentile(
            times.sort((x, y) => x - y),
            0.99,
          ),
        );
  });
  const by = experiment.backends.map(({ name }) =>
    slices.map(slice => slice.filter(({ backend }) => backend === name).length),
  );
  return {
    strategy,
    seconds: slices.map((_, slice) => Math.round(slice * sliceMs) / 1000),
    p99,
    by,
    errors: slices.map(slice => slice.filter(sample => !served(sample)).length),
  };
}

const STYLE = `
:root { color-scheme: light dark; --line: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.8rem; } h2 { font-size: 1.2rem; margin-top: 3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.table { overflow-x: auto; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
th:first-child { text-align: left; font-weight: 600; }
.verdict { font-weight: 600; } .small { font-size: .85rem; opacity: .75; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
.chart { border: 1px solid var(--line); border-radius: 6px; padding: .5rem; }
.chart { min-width: 0; }
@media (max-width: 40rem) { body { margin: 1rem auto; } th, td { padding: .2rem .4rem; } }
.chart h3 { font-size: .95rem; margin: 0 0 .3rem; }
.u-legend { font-size: .75rem; }
`;

/** Two small charts for each strategy of each experiment, all of an experiment on the same scale. */
const SCRIPT = `
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const ink = dark ? "#ddd" : "#222";
const grid = { stroke: dark ? "#fff2" : "#0002", width: 1 };
const colours = ["#3b82f6", "#f59e0b", "#10b981", "#ec4899", "#8b5cf6", "#14b8a6", "#ef4444", "#84cc16"];
const axis = { stroke: ink, grid, ticks: grid };
for (const place of document.querySelectorAll(".charts")) {
  const experiment = experiments[place.dataset.experiment];
  const top = Math.max(...experiment.plays.flatMap(play => play.p99.map(ms => ms ?? 0)));
  for (const play of experiment.plays) {
    const box = place.appendChild(document.createElement("div"));
    box.className = "chart";
    box.appendChild(document.createElement("h3")).textContent = play.strategy;
    const width = Math.max(200, box.clientWidth - 20);
    const common = { width, cursor: { drag: { x: false, y: false } }, legend: { show: true, live: false } };
    new uPlot({ ...common, height: 120,
      scales: { x: { time: false }, y: { range: [0, top] } },
      axes: [{ ...axis, size: 10, values: (_, marks) => marks.map(() => "") }, { ...axis, size: 72, values: (_, marks) => marks.map(ms => ms + " ms") }],
      series: [{}, { label: "p99", stroke: ink, width: 1.5, spanGaps: true, points: { show: false } }],
    }, [play.seconds, play.p99], box);
    new uPlot({ ...common, height: 120,
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
      axes: [{ ...axis, values: (_, marks) => marks.map(s => s + " s") }, { ...axis, size: 72 }],
      series: [{}, ...experiment.backends.map((name, i) => ({ label: name, stroke: colours[i % colours.length], width: 1.5, points: { show: false } })),
        { label: "errors", stroke: "#dc2626", width: 1.5, dash: [4, 3], points: { show: false } }],
    }, [play.seconds, ...play.by, play.errors], box);
  }
}
`;
