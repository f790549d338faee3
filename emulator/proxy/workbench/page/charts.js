import { colour, element } from "./element.js";
import UPlot from "./uplot.js";

// The last two minutes: requests per second, shares, time to the first byte.

const HISTORY_S = 120;

const HEIGHT = 140;

const KINDS = {
  "rate-chart": {
    title: "Requests per second",
    value: ({ rate }) => rate,
    format: rate => `${rate.toFixed(rate < 10 ? 1 : 0)}/s`,
    unit: "",
  },
  "share-chart": {
    title: "Share of each backend",
    value: ({ share }) => (share === null ? null : share * 100),
    format: percent => `${Math.round(percent)} %`,
    unit: "%",
    stacked: true,
  },
  "latency-chart": {
    title: "Latency to first byte",
    value: ({ latencyMs }) => latencyMs,
    format: ms => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`,
    unit: " ms",
  },
};

export class Charts {
  #points = [];
  #names = [];
  #charts = new Map();
  #part;

  constructor(part) {
    this.#part = part;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#build());
    const observer = new ResizeObserver(() => {
      for (const { plot, figure } of this.#charts.values()) {
        plot.setSize({ width: widthOf(figure), height: HEIGHT });
      }
    });
    for (const id in KINDS) observer.observe(part(id));
  }

  begin(points) {
    this.#points = points;
    this.#names = [];
  }

  add(point) {
    this.#points.push(point);
    while (this.#points[0].at < point.at - HISTORY_S * 1000) this.#points.shift();
  }

  draw(backends) {
    const names = backends.map(({ name }) => name);
    if (names.length === 0) return;
    if (names.join() !== this.#names.join()) {
      this.#names = names;
      this.#build();
    }
    const now = this.#points.at(-1)?.at ?? 0;
    const times = this.#points.map(({ at }) => (at - now) / 1000);
    for (const [id, chart] of this.#charts) {
      const { value, stacked } = KINDS[id];
      chart.values = names.map(name =>
        this.#points.map(({ backends }) => (backends[name] ? value(backends[name]) : null)),
      );
      const columns = stacked ? stack(chart.values) : chart.values;
      chart.plot.setData([times, ...columns], false);
      chart.plot.batch(() => {
        chart.plot.setScale("x", { min: -HISTORY_S, max: 0 });
        chart.plot.setScale("y", { min: 0, max: stacked ? 100 : ceiling(columns) });
      });
      this.#tell(id, chart);
    }
  }

  #build() {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--quiet");
    const grid = { stroke: style.getPropertyValue("--edge"), width: 1 };
    for (const { plot } of this.#charts.values()) plot.destroy();
    for (const [id, { title, unit, stacked }] of Object.entries(KINDS)) {
      const figure = this.#part(id);
      const legend = element("span", { className: "legend" });
      const caption = element("figcaption", {}, element("h2", { textContent: title }), legend);
      figure.replaceChildren(caption);
      const chart = { figure, legend, values: [] };
      const axis = { stroke: ink, grid, ticks: { show: false }, font: "11px system-ui" };
      const options = {
        width: widthOf(figure),
        height: HEIGHT,
        legend: { show: false },
        cursor: { sync: { key: "workbench" }, drag: { x: false, y: false }, y: false },
        scales: { x: { time: false }, y: { auto: false } },
        axes: [
          {
            ...axis,
            size: 22,
            splits: () => [-120, -90, -60, -30, 0],
            values: (_, at) => at.map(when),
          },
          { ...axis, size: 54, values: (_, at) => at.map(v => `${v}${unit}`), space: 28 },
        ],
        series: [
          {},
          ...this.#names.map((_, index) => ({
            stroke: colour(index),
            width: stacked ? 1 : 2,
            fill: stacked ? colour(index) : undefined,
            spanGaps: false,
            points: { show: false },
          })),
        ],
        hooks: { setCursor: [() => this.#tell(id, chart)] },
      };
      chart.plot = new UPlot(options, [[], ...this.#names.map(() => [])], figure);
      this.#charts.set(id, chart);
    }
  }

  /** The values under the cursor, else the last ones; also for screen readers. */
  #tell(id, { plot, figure, legend, values }) {
    const { title, format } = KINDS[id];
    const place = plot?.cursor.idx ?? this.#points.length - 1;
    const texts = this.#names.map((name, index) => {
      const value = values[index]?.[place];
      return `${name} ${value == null ? "–" : format(value)}`;
    });
    legend.replaceChildren(
      ...texts.map((text, index) => {
        const chip = element("span", { textContent: text });
        chip.style.setProperty("--colour", colour(index));
        return chip;
      }),
    );
    figure.setAttribute("aria-label", `${title}: ${texts.join(", ")}`);
  }
}

/** Each one on top of those after it, so that the first is drawn first and the others over it. */
function stack(columns) {
  const stacked = [];
  for (let i = columns.length - 1; i >= 0; i--) {
    const below = stacked[0];
    stacked.unshift(columns[i].map((v, at) => (v === null ? null : v + (below?.[at] ?? 0))));
  }
  return stacked;
}

/** A round number above all. */
function ceiling(columns) {
  const most = Math.max(1, ...columns.flat().filter(value => value !== null));
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map(step => step * power).find(round => round >= most * 1.05) ?? 20 * power;
}

function when(seconds) {
  if (seconds === 0) return "now";
  return seconds % 60 === 0 ? `−${-seconds / 60} min` : `−${-seconds} s`;
}

function widthOf(figure) {
  const { paddingLeft, paddingRight } = getComputedStyle(figure);
  return Math.max(
    200,
    figure.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight),
  );
}
