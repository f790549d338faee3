import { element, wish } from "./element.js";

// The board's scarce things against their limits, and its switches.

/** From here on a gauge is worth a look. */
const FULL = 0.85;

export class BoardPanel {
  #gauges = Object.fromEntries(
    ["sockets", "sessions", "heap", "waiting"].map(name => [name, new Gauge(name)]),
  );
  #facts = element("dl");
  #wifi = element("button", {
    textContent: "Wi-Fi off",
    onclick: () => wish("board", { wifi: this.#wifi.textContent === "Wi-Fi on" }),
  });
  #reset = element("button", {
    textContent: "reset the board",
    onclick: () => wish("board", { reset: true }),
  });
  #switches = element("div", { className: "switches" }, this.#wifi, this.#reset);
  #noSwitches = element("p", {
    className: "quiet",
    textContent: "Wi-Fi and reset: not available, this board is not emulated here",
  });

  constructor(section) {
    section.append(
      element("h2", { textContent: "Board" }),
      ...Object.values(this.#gauges).map(({ row }) => row),
      this.#facts,
      this.#switches,
      this.#noSwitches,
    );
  }

  begin({ switches }) {
    this.#switches.hidden = !switches;
    this.#noSwitches.hidden = switches;
  }

  draw({ state, status, sockets, heap }) {
    const { sessions, waiting } = this.#gauges;
    if (sockets)
      this.#gauges.sockets.draw(sockets.used, sockets.max, `${sockets.used} of ${sockets.max}`);
    if (heap) this.#drawHeap(heap);
    if (status === undefined) return;
    sessions.draw(
      status.sessions,
      status.sessionsMax,
      `${status.sessions} of ${status.sessionsMax}`,
    );
    const waits = status.queued + (status.held ?? 0);
    waiting.draw(waits, Math.max(4, waits), `${waits}`);
    this.#wifi.textContent = status.ip === null ? "Wi-Fi on" : "Wi-Fi off";
    this.#wifi.disabled = this.#reset.disabled = state === "starting";
    const facts = {
      address: status.ip ?? "none",
      signal: status.ip === null || status.rssi === null ? "–" : `${status.rssi} dBm`,
      up: duration(status.uptimeMs),
      "last reset": status.reset ?? "–",
    };
    this.#facts.replaceChildren(
      ...Object.entries(facts).map(([name, value]) =>
        element(
          "div",
          {},
          element("dt", { textContent: name }),
          element("dd", { textContent: value }),
        ),
      ),
    );
  }

  /** What is taken, so that all gauges fill up alike. */
  #drawHeap({ freeBytes, floorBytes, sizeBytes }) {
    const { heap } = this.#gauges;
    if (sizeBytes === undefined) {
      heap.draw(0, 1, `${kilobytes(freeBytes)} KB free`);
      return;
    }
    const text = `${kilobytes(freeBytes)} of ${kilobytes(sizeBytes)} KB free, least ${kilobytes(floorBytes)}`;
    heap.draw(sizeBytes - freeBytes, sizeBytes, text);
  }
}

class Gauge {
  #text = element("span", { className: "value" });
  #bar = element("span", { className: "bar" });
  #frame = element("span", { className: "gauge", role: "meter" }, this.#bar);
  row;

  constructor(name) {
    this.#frame.ariaLabel = name;
    this.row = element(
      "div",
      { className: "gauge-row" },
      element("span", { textContent: name }),
      this.#text,
      this.#frame,
    );
  }

  draw(used, max, text) {
    const part = Math.min(1, used / max);
    this.#text.textContent = text;
    this.#bar.style.width = `${part * 100}%`;
    this.#bar.classList.toggle("full", part >= FULL);
    this.#frame.ariaValueNow = used;
    this.#frame.ariaValueMax = max;
  }
}

function kilobytes(bytes) {
  return Math.round(bytes / 1024);
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
