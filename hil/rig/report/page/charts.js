// Charts of the measurements over the time of the run, with a line at each incident.

{
  const data = document.getElementById("chart-data");
  const { series, incidents, runMs } =
    data === null ? { series: [] } : JSON.parse(data.textContent);
  const places = [...document.querySelectorAll(".plot")];
  const HEIGHT = 170;
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  let plots = [];

  function draw() {
    for (const plot of plots) plot.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = name => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour("quiet"),
      grid: { stroke: colour("edge"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui",
    };
    plots = series.map(
      ({ name, unit, points }, i) =>
        new uPlot(
          {
            width: places[i].clientWidth,
            height: HEIGHT,
            cursor: { sync: { key: "run" }, drag: { x: false, y: false }, y: false },
            scales: {
              x: { time: false, range: [0, runMs / 1000] },
              y: { range: (_, low, high) => uPlot.rangeNum(Math.min(0, low), high, 0.1, true) },
            },
            axes: [
              { ...axis, size: 24, values: (_, at) => at.map(clock) },
              { ...axis, size: 60, space: 28, values: (_, at) => at.map(value => told(value, "")) },
            ],
            series: [
              { label: "at", value: (_, seconds) => (seconds == null ? "–" : clock(seconds)) },
              {
                label: name,
                stroke: colour("main"),
                width: 1.5,
                value: (_, value) => (value == null ? "–" : told(value, unit)),
                points: { show: points.length < 100 },
              },
            ],
            hooks: { draw: [plot => marks(plot, colour("bad"))] },
          },
          [points.map(([ms]) => ms / 1000), points.map(([, value]) => value)],
          places[i],
        ),
    );
  }

  /** Draws incidents as broken lines with their names. */
  function marks(plot, colour) {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.textAlign = "left";
    ctx.font = `${11 * devicePixelRatio}px system-ui`;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    let free = left;
    for (const { ms, kind } of incidents) {
      const x = plot.valToPos(ms / 1000, "x", true);
      if (x < left || x > left + width) continue;
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      const wide = ctx.measureText(kind).width + 8 * devicePixelRatio;
      if (x < free || x + wide > left + width) continue;
      ctx.fillText(kind, x + 4 * devicePixelRatio, top + 12 * devicePixelRatio);
      free = x + wide;
    }
    ctx.restore();
  }

  function told(value, unit) {
    const text =
      Math.abs(value) >= 10_000 ? value.toLocaleString("en") : Number(value.toPrecision(3));
    return unit === "" || unit.startsWith("/") ? `${text}${unit}` : `${text} ${unit}`;
  }

  function clock(seconds) {
    if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
    const minutes = Math.floor(seconds / 60);
    const rest = String(Math.floor(seconds % 60)).padStart(2, "0");
    return minutes < 60
      ? `${minutes}:${rest}`
      : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  draw();
  scheme.addEventListener("change", draw);
  new ResizeObserver(() => {
    plots.forEach((plot, i) => {
      plot.setSize({ width: places[i].clientWidth, height: HEIGHT });
    });
  }).observe(document.body);
}
