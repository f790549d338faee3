import { element, options, show, wish } from "./element.js";

// The machines that sleep: what the board knows of them, and the power of those on this computer.

const BOOTS_S = [3, 5, 10, 30, 60, 180];

const KINDS = { waking: "warn", awake: "good", failed: "bad" };

/** Changes that the operator can make, by the text of their buttons. */
const CHANGES = {
  wake: { action: "wake" },
  sleep: { action: "sleep" },
  "stay awake 2 h": { action: "stay-awake", minutes: 120 },
};

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

  draw({ look, machines }) {
    const known = look.status?.machines ?? [];
    const names = known.map(({ name }) => name);
    if (names.join() !== [...this.#rows.keys()].join()) {
      this.#rows = new Map(known.map(machine => [machine.name, this.#row(machine, machines)]));
      this.#list.replaceChildren(...[...this.#rows.values()].map(({ row }) => row));
    }
    this.#section.hidden = names.length === 0;
    for (const machine of known) this.#rows.get(machine.name).draw(machine, machines[machine.name]);
  }

  #row({ name, backends }, machines) {
    const { readOnly, machineFaults } = this.#hello;
    const label = element("strong", { textContent: name });
    const state = element("span", { className: "pill" });
    const facts = element("span", { className: "quiet" });
    const buttons = Object.entries(CHANGES).map(([textContent, change]) =>
      element("button", {
        disabled: readOnly !== null,
        title: readOnly ?? "",
        textContent,
        onclick: () => wish("machine-change", { name, ...change }),
      }),
    );
    const demo = machines[name];
    const power = demo && new Power(name, demo, machineFaults);
    const top = element("div", {}, label, state, ...buttons, facts);
    const row = element("div", { className: "row" }, top, ...(power ? [power.row] : []));
    row.dataset.machine = name;
    const draw = (machine, demo) => {
      state.textContent = machine.state;
      state.className = `pill ${KINDS[machine.state] ?? ""}`;
      facts.textContent = factsOf(machine, backends).join(" · ");
      if (demo !== undefined) power?.draw(demo);
    };
    return { row, draw };
  }
}

function factsOf({ why, sinceMs, held, lastBootMs, asleepMs, stayAwakeMs }, backends) {
  return [
    `${why}, ${duration(sinceMs)}`,
    `${backends.length === 1 ? "backend" : "backends"} ${backends.join(", ")}`,
    held > 0 ? `${held} ${held === 1 ? "client waits" : "clients wait"}` : "",
    lastBootMs === null ? "" : `last boot ${duration(lastBootMs)}`,
    stayAwakeMs > 0 ? `stays awake for ${duration(stayAwakeMs)}` : "",
    `asleep ${duration(asleepMs)} in all`,
  ].filter(Boolean);
}

/** Power and power button of a demo machine. */
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
      { onchange: () => wish("machine-power", { name, bootS: Number(this.#boot.value) }) },
      ...options(boots, s => `boots for ${s} s`),
    );
    this.#fault = element(
      "select",
      { onchange: () => wish("machine-power", { name, fault: this.#fault.value }) },
      ...options(faults, word => (word === "none" ? "no fault" : word)),
    );
    this.#boot.setAttribute("aria-label", `boot time of ${name}`);
    this.#fault.setAttribute("aria-label", `fault of ${name}`);
    const press = element("button", {
      textContent: "press its power button",
      onclick: () => wish("machine-power", { name, press: true }),
    });
    this.row = element("div", {}, press, this.#boot, this.#fault, this.#state, this.#progress);
  }

  draw({ power, ms, bootMs, fault, magicPackets }) {
    const isBooting = power === "booting";
    const since = isBooting ? `${duration(ms)} of ${duration(bootMs)}` : duration(ms);
    const packets = magicPackets === 1 ? "1 magic packet" : `${magicPackets} magic packets`;
    this.#state.textContent = `its power: ${power}, ${since}; ${packets}`;
    this.#progress.hidden = !isBooting;
    this.#progress.value = Math.min(1, ms / bootMs);
    show(this.#boot, bootMs / 1000);
    show(this.#fault, fault);
  }
}

function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
