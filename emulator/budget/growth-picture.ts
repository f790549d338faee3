import type { Growth, Point, Series } from "./growth.ts";

/** The pictures of `growth.ts`: one SVG for light and dark backgrounds, and the same figures as tables. */

/** A panel: its place in the picture, and the frame of its axes in it. */
const PANEL = { width: 460, height: 330 };
const FRAME = { left: 78, right: 24, top: 62, bottom: 52 };
const COLUMNS = 2;
const LEGEND_LINE = 16;

/** Told apart without colour too: each series has a mark of its own. */
const MARKS = ["circle", "square", "triangle"] as const;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #222 }
  .title { font-size: 14px; font-weight: 600 }
  .axis { stroke: #888; fill: none }
  .grid { stroke: #ddd; fill: none }
  .limit { stroke: #888; stroke-dasharray: 3 3; fill: none }
  .s0 { --c: #0b62a4 } .s1 { --c: #b3500b } .s2 { --c: #2d7d46 }
  .line { stroke: var(--c); stroke-width: 1.8; fill: none }
  .mark { fill: var(--c); stroke: none }
  .back { fill: #fff }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd }
    .back { fill: #16181c }
    .grid { stroke: #34383f }
    .s0 { --c: #6cb6ff } .s1 { --c: #f0a35e } .s2 { --c: #7ddc9a }
  }`;

/** A number for a reader: 64M, 1.5k, 300. */
function short(value: number, base: 1000 | 1024): string {
  for (const [power, unit] of [
    [3, "G"],
    [2, "M"],
    [1, "k"],
  ] as const) {
    const scaled = value / base ** power;
    if (scaled >= 1) return `${Number(scaled.toPrecision(3))}${unit}`;
  }
  return `${Number(value.toPrecision(3))}`;
}

const sizeText = (growth: Growth, size: number) =>
  short(size, growth.logarithmic ? 1024 : 1000) + (growth.logarithmic ? "B" : "");

/** Where a value stands between 0 and 1. */
interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** From 0 in round steps. */
function linear(most: number): Axis {
  const rough = most / 5;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map(times => times * ten).find(step => step >= rough)!;
  const count = Math.ceil(most / step);
  return {
    ticks: Array.from({ length: count + 1 }, (_, i) => i * step),
    at: value => value / (count * step),
  };
}

/** By the logarithm, from the first tick to the last one. */
function logarithmic(ticks: readonly number[]): Axis {
  const [least, most] = [ticks[0], ticks.at(-1)!];
  return { ticks, at: value => Math.log(value / least) / Math.log(most / least) };
}

/** Powers of ten, from below the least to above the most. */
function powersOfTen(least: number, most: number): number[] {
  const from = Math.floor(Math.log10(least));
  const count = Math.ceil(Math.log10(most)) - from + 1;
  return Array.from({ length: count }, (_, i) => 10 ** (from + i));
}

function axesOf({ series, logarithmic: isLogarithmic }: Growth): { x: Axis; y: Axis } {
  const points = series.flatMap(({ points }) => points);
  const sizes = points.map(({ size }) => size);
  const costs = points.map(({ cost }) => cost);
  if (!isLogarithmic) return { x: linear(Math.max(...sizes)), y: linear(Math.max(...costs)) };
  return {
    x: logarithmic([...new Set(sizes)].sort((a, b) => a - b)),
    y: logarithmic(powersOfTen(Math.min(...costs), Math.max(...costs))),
  };
}

function mark(index: number, x: number, y: number): string {
  switch (MARKS[index % MARKS.length]) {
    case "circle":
      return `<circle class="mark" cx="${x}" cy="${y}" r="3.4"/>`;
    case "square":
      return `<rect class="mark" x="${x - 3}" y="${y - 3}" width="6" height="6"/>`;
    case "triangle":
      return `<path class="mark" d="M${x} ${y - 4.4}l4 7h-8z"/>`;
  }
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function panel(growth: Growth, left: number, top: number): string {
  const { x, y } = axesOf(growth);
  const [x0, x1] = [FRAME.left, PANEL.width - FRAME.right];
  const legend = FRAME.top + LEGEND_LINE * (growth.series.length - 1);
  const [y0, y1] = [PANEL.height - FRAME.bottom, legend];
  const round = (value: number) => Math.round(value * 10) / 10;
  const atX = (size: number) => round(x0 + x.at(size) * (x1 - x0));
  const atY = (cost: number) => round(y0 - y.at(cost) * (y0 - y1));
  const parts = [
    `<text class="title" x="${x0}" y="20">${escaped(growth.title)}</text>`,
    ...y.ticks.map(
      tick =>
        `<path class="grid" d="M${x0} ${atY(tick)}H${x1}"/>` +
        `<text x="${x0 - 8}" y="${atY(tick) + 4}" text-anchor="end">${short(tick, 1000)}</text>`,
    ),
    ...x.ticks.map(
      tick =>
        `<path class="axis" d="M${atX(tick)} ${y0}v4"/>` +
        `<text x="${atX(tick)}" y="${y0 + 18}" text-anchor="middle">${sizeText(growth, tick)}</text>`,
    ),
    `<path class="axis" d="M${x0} ${y1}V${y0}H${x1}"/>`,
    `<text x="${(x0 + x1) / 2}" y="${PANEL.height - 14}" text-anchor="middle">${escaped(growth.size)}</text>`,
    `<text transform="translate(14 ${(y0 + y1) / 2}) rotate(-90)" text-anchor="middle">${escaped(growth.cost)}</text>`,
  ];
  if (growth.admitted !== undefined) {
    const at = atX(growth.admitted);
    parts.push(
      `<path class="limit" d="M${at} ${y1}V${y0}"/>`,
      `<text x="${at + 5}" y="${y0 - 6}">the board admits ${growth.admitted}</text>`,
    );
  }
  for (const [index, { name, points }] of growth.series.entries()) {
    const line = points.map(({ size, cost }) => `${atX(size)} ${atY(cost)}`).join("L");
    const at = FRAME.top - 22 + LEGEND_LINE * index;
    parts.push(
      `<g class="s${index}"><path class="line" d="M${line}"/>`,
      ...points.map(({ size, cost }) => mark(index, atX(size), atY(cost))),
      `${mark(index, x0 + 6, at - 4)}</g>`,
      `<text x="${x0 + 16}" y="${at}">${escaped(name)}</text>`,
    );
  }
  return `<g transform="translate(${left} ${top})">${parts.join("\n")}</g>`;
}

/** All pictures as one SVG, for light and dark backgrounds. */
export function picture(growths: readonly Growth[]): string {
  const rows = Math.ceil(growths.length / COLUMNS);
  const [width, height] = [COLUMNS * PANEL.width, rows * PANEL.height];
  const panels = growths.map((growth, i) =>
    panel(growth, (i % COLUMNS) * PANEL.width, Math.floor(i / COLUMNS) * PANEL.height),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Cost against backends, routes, connections and bytes">
<style>${STYLE}
</style>
<rect class="back" width="${width}" height="${height}"/>
${panels.join("\n")}
</svg>
`;
}

/** The cost of one more between this size and the one before. */
function slope(points: readonly Point[], index: number): string {
  if (index === 0) return "";
  const [before, after] = [points[index - 1], points[index]];
  const each = (after.cost - before.cost) / (after.size - before.size);
  return (Math.abs(each) < 10 ? each.toFixed(2) : each.toFixed(0)).replace(/^-(0\.00)$/, "$1");
}

function columnsOf({ points }: Series): string[][] {
  return points.map(({ cost }, i) => [
    Math.round(cost).toLocaleString("en").replaceAll(",", " "),
    slope(points, i),
  ]);
}

/** The same figures as text: the cost at each size, and what one more of it costs since the size before. */
export function growthTable(growths: readonly Growth[]): string {
  return growths
    .map(growth => {
      const { series, title, size, cost } = growth;
      const columns = series.map(columnsOf);
      const longest = series.reduce((a, b) => (b.points.length > a.points.length ? b : a));
      const rows = longest.points.map((point, i) => [
        sizeText(growth, point.size),
        ...columns.flatMap(column => column[i] ?? ["", ""]),
      ]);
      const all = [[size, ...series.flatMap(({ name }) => [name, "each more"])], ...rows];
      const widths = all[0].map((_, at) => Math.max(...all.map(row => row[at].length)));
      const line = (row: readonly string[]) =>
        `| ${row.map((cell, at) => cell.padStart(widths[at])).join(" | ")} |`;
      const rule = `| ${widths.map(width => `${"-".repeat(width - 1)}:`).join(" | ")} |`;
      return [`${title} (${cost})`, "", line(all[0]), rule, ...rows.map(line), ""].join("\n");
    })
    .join("\n");
}
