import { element, options, wish } from "./element.js";

// Clients that the workbench plays.

const LABELS = { http: "HTTP", tcp: "TCP", rate: "per second", clients: "clients in a loop" };

/** Rates are counted over so many samples. */
const RATE_SAMPLES = 4;

/** Less than this, by others, is an error of counting. */
const OTHERS_MIN_RATE = 0.5;

export class Traffic {
  #protocol = element("select", {}, ...options(["http", "tcp"], word => LABELS[word]));
  #mode = element("select", {}, ...options(["rate", "clients"], word => LABELS[word]));
  #amount = element("input", { type: "number", min: 1, value: 20, required: true });
  #list = element("div", { className: "rows" });
  #amountMax;
  /** For each generator, what it had done at the last samples. */
  #counts = new Map();

  constructor(section) {
    const limit = () => {
      this.#amount.max = this.#amountMax?.[this.#mode.value];
    };
    this.#mode.onchange = limit;
    this.#protocol.ariaLabel = "protocol";
    this.#mode.ariaLabel = "how";
    this.#amount.ariaLabel = "amount";
    const form = element(
      "form",
      {
        onsubmit: event => {
          event.preventDefault();
          const amount = this.#amount.valueAsNumber;
          wish("traffic", { protocol: this.#protocol.value, mode: this.#mode.value, amount });
        },
      },
      this.#protocol,
      this.#amount,
      this.#mode,
      element("button", { className: "main", textContent: "start" }),
    );
    section.append(element("h2", { textContent: "Traffic" }), form, this.#list);
  }

  begin({ amountMax }) {
    this.#amountMax = amountMax;
    this.#amount.max = amountMax[this.#mode.value];
    this.#counts.clear();
  }

  /** The senders, for the scene. */
  draw({ traffic, point }) {
    const rates = traffic.map(generator => this.#rate(generator, point.at));
    for (const id of this.#counts.keys()) {
      if (!traffic.some(generator => generator.id === id)) this.#counts.delete(id);
    }
    this.#list.replaceChildren(...traffic.map((generator, i) => row(generator, rates[i])));

    const people = traffic.flatMap((generator, i) => {
      const { id, protocol, mode, amount, ended } = generator;
      if (ended) return [];
      const label =
        mode === "rate" ? `${LABELS[protocol]} ${amount}/s` : `${amount} × ${LABELS[protocol]}`;
      const { answered, failed } = rates[i];
      const detail =
        failed > 0 ? `${text(answered)}/s, ${text(failed)} fail` : `${text(answered)} answers / s`;
      return [{ id, label, detail, rate: answered, bad: failed > 0 }];
    });
    const all = Object.values(point.backends).reduce((sum, { rate }) => sum + rate, 0);
    const others = all - rates.reduce((sum, { answered }) => sum + answered, 0);
    if (people.length === 0 || others > Math.max(OTHERS_MIN_RATE, all / 5)) {
      const rate = others > OTHERS_MIN_RATE ? others : 0;
      people.push({
        id: "others",
        label: "clients",
        detail: rate > 0 ? "" : "none",
        rate,
        bad: false,
      });
    }
    return people;
  }

  #rate({ id, answers, failures }, at) {
    const counts = this.#counts.get(id) ?? [];
    this.#counts.set(id, counts);
    counts.push({ at, answers, failures });
    if (counts.length > RATE_SAMPLES + 1) counts.shift();
    const [first] = counts;
    const seconds = (at - first.at) / 1000 || 1;
    return {
      answered: (answers - first.answers) / seconds,
      failed: (failures - first.failures) / seconds,
    };
  }
}

function text(rate) {
  return rate.toFixed(rate < 1 ? 1 : 0);
}

function row({ id, protocol, mode, amount, answers, failures, lastFailure, ended }, { answered }) {
  const failed = failures > 0 ? `, ${failures} failed (${lastFailure})` : "";
  return element(
    "div",
    { className: ended ? "row ended" : "row" },
    element(
      "div",
      {},
      element("strong", { textContent: `${LABELS[protocol]}, ${amount} ${LABELS[mode]}` }),
      ended
        ? element("span", { className: "quiet", textContent: `ended: ${ended}` })
        : element("button", { textContent: "stop", onclick: () => wish("traffic-end", { id }) }),
    ),
    element("div", {
      className: failures > 0 ? "failing" : "quiet",
      textContent: `${text(answered)}/s, ${answers} answers${failed}`,
    }),
  );
}
