import { change, colour, element, shape } from "./element.js";

// Clients, board and backends, and what flows between them: the wider a line, the more.

/** Width of the lines, in pixels: of any, and of one that carries everything. */
const LINE_MIN = 1.5;
const LINE_MAX = 16;

/** Dots move so fast, in pixels per second, and stand so far apart; the more flows, the closer. */
const DOT_SPEED = 110;
const DOT_GAPS = [140, 100, 70, 48, 32, 22];

/** A scene narrower than this leaves out what the page shows elsewhere. */
const WIDE = 560;

const ROW = 66;

export class Scene {
  #svg = shape("svg", { role: "img" });
  #lines = shape("g");
  #nodes = shape("g");
  #flows = new Map();
  #boxes = new Map();
  #width = 0;
  #sample;
  #people = [];

  constructor(section) {
    this.#svg.append(this.#lines, this.#nodes);
    section.append(element("h2", { textContent: "What happens now" }), this.#svg);
    new ResizeObserver(([{ contentRect }]) => {
      this.#width = contentRect.width;
      if (this.#sample) this.draw(this.#sample, this.#people);
    }).observe(section);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.#move(performance.now());
  }

  /** `people`: the senders, with a rate and a label. */
  draw(sample, people) {
    this.#sample = sample;
    this.#people = people;
    const { look, point, demo, machines } = sample;
    const running = look.state === "running";
    const backends = look.status?.backends ?? [];
    const rates = backends.map(({ name }) => point.backends[name]?.rate ?? 0);
    const all = rates.reduce((sum, rate) => sum + rate, 0);
    const wide = this.#width >= WIDE;
    const height = Math.max(3, backends.length, people.length) * ROW;
    change(this.#svg, { viewBox: `0 0 ${this.#width} ${height}`, height, width: this.#width });
    change(this.#svg, { "aria-label": `${Math.round(all)} requests per second` });

    const size = wide ? { x: 172, y: 50 } : { x: 92, y: 50 };
    const place = (index, count, x) => ({ x, y: (height / count) * (index + 0.5) });
    const middle = { x: this.#width / 2, y: height / 2 };
    const boardSize = wide ? { x: 176, y: 116 } : { x: 92, y: 116 };
    const used = new Set();

    const waiting = (look.status?.queued ?? 0) + (look.status?.held ?? 0);
    const online = running && look.status?.ip !== null;
    this.#box(used, "board", middle, boardSize, online ? "board" : "board bad", [
      "board",
      !running ? short(look.state) : online ? `${Math.round(all)} / s` : "no Wi-Fi",
      `${look.status?.sessions ?? 0} of ${look.status?.sessionsMax ?? 0}${wide ? " sessions" : ""}`,
      waiting > 0 ? `${waiting} waiting` : wide ? (look.status?.balance ?? "") : "",
    ]);
    people.forEach(({ id, label, detail, rate, bad }, index) => {
      const at = place(index, people.length, size.x / 2 + 2);
      this.#box(used, `client ${id}`, at, size, bad ? "client bad" : "client", [label, detail]);
      const from = { x: at.x + size.x / 2, y: at.y };
      const to = { x: middle.x - boardSize.x / 2, y: middle.y };
      this.#flow(used, `client ${id}`, from, to, rate, Math.max(all, 1), "var(--client)");
    });
    backends.forEach((backend, index) => {
      const { name, operationalState, latencyMs } = backend;
      const at = place(index, backends.length, this.#width - size.x / 2 - 2);
      const share = point.backends[name]?.share;
      const machine = Object.values(machines).find(({ backend }) => backend === name);
      const isBooting = machine?.power === "booting";
      const stopped = demo[name]?.running === false && machine === undefined;
      const told = isBooting || operationalState === "up" ? "" : operationalState;
      const numbers = [
        `${rates[index].toFixed(rates[index] < 10 ? 1 : 0)} / s`,
        wide && share != null ? `${Math.round(share * 100)} %` : "",
        wide && latencyMs !== null && rates[index] > 0 ? `${Math.round(latencyMs)} ms` : "",
      ];
      const kind =
        operationalState === "up"
          ? ""
          : operationalState === "asleep" && !isBooting
            ? "asleep"
            : operationalState === "down" || operationalState === "ejected"
              ? "bad"
              : "warn";
      this.#box(
        used,
        `backend ${name}`,
        at,
        size,
        `backend ${kind}`,
        [
          [name, told, stopped && wide ? "(stopped)" : ""].filter(Boolean).join(" "),
          isBooting ? bootText(machine, wide) : numbers.filter(Boolean).join("  ·  "),
        ],
        index,
        isBooting ? Math.min(1, machine.ms / machine.bootMs) : 0,
      );
      const from = { x: middle.x + boardSize.x / 2, y: middle.y };
      const to = { x: at.x - size.x / 2, y: at.y };
      this.#flow(
        used,
        `backend ${name}`,
        from,
        to,
        rates[index],
        Math.max(all, 1),
        colour(index),
        kind,
      );
    });
    for (const map of [this.#flows, this.#boxes]) {
      for (const [key, { group }] of map) {
        if (used.has(key)) continue;
        group.remove();
        map.delete(key);
      }
    }
  }

  /** `done`, from 0 to 1, is the part of its lower edge that is drawn: how far a machine has booted. */
  #box(used, key, { x, y }, size, className, lines, index, done = 0) {
    used.add(key);
    let box = this.#boxes.get(key);
    if (box === undefined) {
      const frame = shape("rect", { rx: 8 });
      const stripe = shape("rect", { rx: 3, width: 6 });
      const bar = shape("rect", { class: "boot", height: 4 });
      const texts = [0, 1, 2, 3].map(i => shape("text", { class: i === 0 ? "name" : "detail" }));
      box = { group: shape("g", {}, frame, stripe, bar, ...texts), frame, stripe, bar, texts };
      this.#boxes.set(key, box);
      this.#nodes.append(box.group);
    }
    change(box.group, { class: `node ${className}` });
    change(box.frame, { x: x - size.x / 2, y: y - size.y / 2, width: size.x, height: size.y });
    change(box.stripe, {
      x: x - size.x / 2,
      y: y - size.y / 2,
      height: size.y,
      fill: index === undefined ? "none" : colour(index),
    });
    change(box.bar, {
      x: x - size.x / 2,
      y: y + size.y / 2 - 4,
      width: Math.max(0, size.x * done),
    });
    const shown = lines.filter(Boolean);
    const step = 19;
    box.texts.forEach((text, i) => {
      text.textContent = shown[i] ?? "";
      change(text, { x, y: y + 5 + (i - (shown.length - 1) / 2) * step });
    });
  }

  #flow(used, key, from, to, rate, all, stroke, kind = "") {
    used.add(key);
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      const line = shape("path", { class: "line" });
      const dots = shape("path", { class: "dots" });
      flow = { group: shape("g", {}, line, dots), line, dots, offset: 0 };
      this.#flows.set(key, flow);
      this.#lines.append(flow.group);
    }
    const bend = (to.x - from.x) / 2;
    const d = `M${from.x} ${from.y} C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`;
    const width = rate > 0 ? Math.max(LINE_MIN, LINE_MAX * Math.min(1, rate / all)) : LINE_MIN;
    flow.gap = DOT_GAPS[Math.min(DOT_GAPS.length - 1, Math.floor(Math.log2(1 + rate)))];
    change(flow.group, { class: `flow ${kind} ${rate > 0 ? "" : "idle"}` });
    change(flow.line, { d, stroke, "stroke-width": width.toFixed(1) });
    change(flow.dots, { d, stroke, "stroke-dasharray": `0 ${flow.gap}` });
  }

  #move(before) {
    requestAnimationFrame(now => {
      const moved = (Math.min(100, now - before) / 1000) * DOT_SPEED;
      for (const flow of this.#flows.values()) {
        flow.offset = (flow.offset - moved) % (flow.gap * 1000);
        flow.dots.style.strokeDashoffset = flow.offset;
      }
      this.#move(now);
    });
  }
}

function bootText({ ms, bootMs }, wide) {
  return `${wide ? "booting  " : ""}${Math.round(ms / 1000)} of ${Math.round(bootMs / 1000)} s`;
}

function short(text) {
  return text.split(":")[0];
}
