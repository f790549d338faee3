import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Run } from "../run.ts";
import { incidentsExcerpt, thinned } from "./excerpt.ts";
import { Markup, markup, scriptData } from "./markup.ts";
import { duration, endingOf, figure, playsOf, summaryOf } from "./summary.ts";
import { measurementTable, scenarioTable } from "./tables.ts";
import { timeline } from "./timeline.ts";

/** The report of a run as one self-contained page, which is readable without its scripts. */
export function page(run: Run): string {
  const { resolve } = createRequire(import.meta.url);
  const uplot = (name: string) => readFileSync(resolve(`uplot/dist/${name}`), "utf8");
  const scripts = [uplot("uPlot.iife.min.js"), own("charts.js"), own("timeline.js")];
  // Only these scripts run, and nothing is fetched: the board's output stays text.
  const hashes = scripts.map(
    script => `'sha256-${createHash("sha256").update(script).digest("base64")}'`,
  );
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src ${hashes.join(" ")}`;
  const { passed, headline } = summaryOf(run);
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${passed ? "✓" : "✗"} ${headline} · Hot Potato</title>
<style>${new Markup(uplot("uPlot.min.css"))}${new Markup(own("style.css"))}</style>
</head>
<body>
<main>
${verdict(run)}
${facts(run)}
${scenarioTable(run)}
${measurementTable(run)}
${charts(run)}
${timeline(run)}
</main>
${scripts.map(script => markup`<script>${new Markup(script)}</script>\n`)}</body>
</html>
`.text;
}

function own(name: string): string {
  return readFileSync(new URL(`page/${name}`, import.meta.url), "utf8");
}

function verdict(run: Run): Markup {
  const { passed, headline, reasons, advice } = summaryOf(run);
  const list = (title: string, items: readonly string[]) =>
    items.length === 0
      ? undefined
      : markup`<h2>${title}</h2><ul>${items.map(item => markup`<li>${item}</li>`)}</ul>`;
  return markup`<header class="verdict ${passed ? "good" : "bad"}">
<h1><span aria-hidden="true">${passed ? "✓" : "✗"}</span> ${headline}</h1>
${list(passed ? "Worth knowing" : "What failed, and whose fault it is", reasons)}
${list("What to do", advice)}
</header>`;
}

const KINDS = {
  emulated: "emulated board",
  serial: "board on its serial line",
  address: "board at an address, without its serial line",
};

function facts(run: Run): Markup {
  const { board, startedAt, ms, node, platform, commit, exitCode, results } = run;
  const isEmulated = board.kind === "emulated";
  const port = [board.path, board.adapter].filter(text => text !== undefined).join(", ");
  const rows: Record<string, string | undefined> = {
    board: isEmulated ? KINDS.emulated : `${board.identity} (${KINDS[board.kind]})`,
    port: isEmulated || port === "" ? undefined : port,
    address: board.address,
    firmware: board.firmware,
    started: startedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC"),
    took: duration(ms),
    scenarios: playsOf(results.length + count(run.more), results),
    computer: `${platform}, Node ${node}`,
    commit,
    "exit code": `${exitCode}: ${endingOf(run)}`,
  };
  const items = Object.entries(rows).flatMap(([name, value]) =>
    value === undefined ? [] : markup`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  );
  return markup`<section aria-labelledby="facts-title">
<h2 id="facts-title">The run</h2>
<dl>${items}</dl>
</section>`;
}

function count(more: Run["more"] = {}): number {
  return Object.values(more).reduce((sum, some) => sum + some, 0);
}

/** Charts with a summary in words, for readers who cannot see the lines. */
function charts({ series, results, ms: runMs }: Run): Markup | undefined {
  const drawn = series.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return undefined;
  const figures = drawn.map(one => {
    const values = one.points.map(([, value]) => value).sort((a, b) => a - b);
    const median = values[Math.floor((values.length - 1) / 2)];
    const summary = `lowest ${figure(values[0], one)}, median ${figure(median, one)}, highest ${figure(values.at(-1)!, one)}, last ${figure(one.points.at(-1)![1], one)}`;
    return markup`<figure><figcaption><h3>${one.name}${one.unit === "" ? "" : `, ${one.unit}`}</h3> <span class="quiet">${summary}</span></figcaption><div class="plot" role="img" aria-label="${one.name} over the time of the run: ${summary}"></div></figure>`;
  });
  const data = {
    runMs,
    series: drawn.map(one => ({ name: one.name, unit: one.unit, points: thinned(one) })),
    incidents: [...incidentsExcerpt(results)].map(({ ms, kind }) => ({ ms, kind })),
  };
  return markup`<section aria-labelledby="charts-title">
<h2 id="charts-title">Over the time of the run</h2>
<div class="charts">${figures}</div>
<script type="application/json" id="chart-data">${scriptData(data)}</script>
</section>`;
}
