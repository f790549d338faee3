import { colour, element, options, show, wish } from "./element.js";

// What an operator may do to each backend, and what may be done to the server behind it.

const STATES = ["ready", "drain", "maint"];

const LATENCIES_MS = [0, 50, 200, 500, 2_000];

export class Backends {
  #list = element("div", { className: "rows" });
  #rows = new Map();
  #hello;

  constructor(section) {
    section.append(element("h2", { textContent: "Backends" }), this.#list);
  }

  begin(hello) {
    this.#hello = hello;
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  draw({ look, demo, machines }) {
    const backends = look.status?.backends ?? [];
    const names = backends.map(({ name }) => name);
    if (names.join() !== [...this.#rows.keys()].join()) {
      this.#rows = new Map(names.map(name => [name, this.#row(name, demo[name], machines)]));
      this.#list.replaceChildren(...[...this.#rows.values()].map(({ row }) => row));
    }
    backends.forEach((backend, index) => {
      this.#rows.get(backend.name).draw(backend, index, demo[backend.name]);
    });
  }

  #row(name, server, machines) {
    const isOnMachine = Object.values(machines).some(({ backend }) => backend === name);
    const { readOnly, faults } = this.#hello;
    const label = element("strong", { textContent: name });
    const address = element("span", { className: "quiet address" });
    const operationalState = element("span", { className: "pill" });
    const locked = { disabled: readOnly !== null, title: readOnly ?? "" };
    const states = STATES.map(state =>
      element("button", {
        ...locked,
        textContent: state,
        onclick: () => wish("backend", { name, state }),
      }),
    );
    const weight = element("input", {
      ...locked,
      type: "number",
      min: 0,
      max: 256,
      onchange: () => wish("backend", { name, weight: weight.valueAsNumber }),
    });
    const latency = element(
      "select",
      { onchange: () => wish("server", { name, latencyMs: Number(latency.value) }) },
      ...options(LATENCIES_MS, ms => (ms === 0 ? "no delay" : `+${ms} ms`)),
    );
    const fault = element(
      "select",
      { onchange: () => wish("server", { name, fault: fault.value }) },
      ...options(faults, word => (word === "none" ? "no fault" : word)),
    );
    latency.setAttribute("aria-label", `latency of ${name}`);
    fault.setAttribute("aria-label", `fault of ${name}`);
    const power = element("button", {
      onclick: () => wish("server", { name, running: power.textContent === "start" }),
    });
    const faulty = server
      ? element("span", { className: "faults" }, latency, fault)
      : element("span", { className: "quiet", textContent: "faults: not available" });
    const spring = element("span", { className: "spring" });
    const weighing = element("label", {}, "weight ", weight);
    const row = element(
      "div",
      { className: "row" },
      element("div", {}, label, operationalState, address, spring, weighing, power),
      element("div", {}, element("span", { className: "group" }, ...states), faulty),
    );
    power.hidden = server === undefined || isOnMachine;
    row.dataset.backend = name;
    const draw = (backend, index, demo) => {
      row.style.setProperty("--colour", colour(index));
      address.textContent = backend.address;
      const stopped = demo?.running === false && !isOnMachine ? " (stopped)" : "";
      const check = KINDS[backend.operationalState] === "bad" ? ` ${backend.check ?? ""}` : "";
      operationalState.textContent = `${backend.operationalState}${check}${stopped}`;
      operationalState.className = `pill ${KINDS[backend.operationalState]}`;
      for (const button of states) {
        button.setAttribute("aria-pressed", button.textContent === backend.state);
      }
      show(weight, backend.weight);
      if (demo === undefined) return;
      show(latency, demo.latencyMs);
      show(fault, demo.fault);
      power.textContent = demo.running ? "stop" : "start";
    };
    return { row, draw };
  }
}

const KINDS = { up: "good", asleep: "", down: "bad", ejected: "bad", drain: "warn", maint: "warn" };
