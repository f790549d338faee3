import { element, options, show, wish } from "./element.js";

// The machines that sleep: their power, and what a person at them does.

const BOOTS_S = [3, 5, 10, 30, 60, 180];

const KINDS = { booting: "warn", awake: "good", off: "bad" };

export class Machines {
  #section;
  #list = element("div", { className: "rows" });
  #rows = new Map();
  #hello;

  constructor(section) {
    this.#section = section;
    section.append(element("h2", { textContent: "Machines" }), this.#list);
  }

  begin(hello) {
    this.#hello = hello;
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  draw({ machines }) {
    const names = Object.keys(machines);
    if (names.join() !== [...this.#rows.keys()].join()) {
      this.#rows = new Map(names.map(name => [name, this.#row(name, machines[name])]));
      this.#list.replaceChildren(...[...this.#rows.values()].map(({ row }) => row));
    }
    this.#section.hidden = names.length === 0;
    for (const name of names) this.#rows.get(name).draw(machines[name]);
  }

  #row(name, demo) {
    const label = element("strong", { textContent: name });
    const state = element("span", { className: "pill" });
    const runs = element("span", { className: "quiet", textContent: `backend ${demo.backend}` });
    const power = new Power(name, demo, this.#hello.machineFaults);
    const row = element(
      "div",
      { className: "row" },
      element("div", {}, label, state, runs),
      power.row,
    );
    row.dataset.machine = name;
    const draw = demo => {
      state.textContent = demo.power;
      state.className = `pill ${KINDS[demo.power] ?? ""}`;
      power.draw(demo);
    };
    return { row, draw };
  }
}

/** What happens at the machine itself: its power, and what a person there does. */
class Power {
  #state = element("span");
  #progress = element("progress", { max: 1 });
  #boot;
  #fault;
  row;

  constructor(name, { bootMs }, faults) {
    const boots = [...new Set([...BOOTS_S, bootMs / 1000])].sort((a, b) => a - b);
    this.#boot = element(
      "select",
      { onchange: () => wish("machine", { name, bootS: Number(this.#boot.value) }) },
      ...options(boots, s => `boots for ${s} s`),
    );
    this.#fault = element(
      "select",
      { onchange: () => wish("machine", { name, fault: this.#fault.value }) },
      ...options(faults, word => (word === "none" ? "no fault" : word)),
    );
    this.#boot.setAttribute("aria-label", `boot time of ${name}`);
    this.#fault.setAttribute("aria-label", `fault of ${name}`);
    const press = element("button", {
      textContent: "press its power button",
      onclick: () => wish("machine", { name, press: true }),
    });
    this.row = element("div", {}, press, this.#boot, this.#fault, this.#state, this.#progress);
  }

  draw({ power, ms, bootMs, fault, magicPackets }) {
    const isBooting = power === "booting";
    const since = isBooting ? `${seconds(ms)} of ${seconds(bootMs)}` : seconds(ms);
    const packets = magicPackets === 1 ? "1 magic packet" : `${magicPackets} magic packets`;
    this.#state.textContent = `${power}, ${since}; ${packets}`;
    this.#progress.hidden = !isBooting;
    this.#progress.value = Math.min(1, ms / bootMs);
    show(this.#boot, bootMs / 1000);
    show(this.#fault, fault);
  }
}

function seconds(ms) {
  const s = Math.round(ms / 1000);
  return s < 120 ? `${s} s` : `${Math.floor(s / 60)} min`;
}
