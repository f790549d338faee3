import { element, options } from "./element.js";

// What the board writes to its console.

/** Lines of each kind that are kept: requests must not push out the rest. */
const LINES_MAX = 150;

const KINDS = { news: "all but requests", all: "everything", bad: "warnings and errors" };

export class Log {
  #list = element("ol", { tabIndex: 0 });
  #kind = element(
    "select",
    { onchange: () => this.#draw() },
    ...options(Object.keys(KINDS), kind => KINDS[kind]),
  );
  #skipped = element("span", { className: "quiet" });
  #lines = [];
  #count = 0;

  constructor(section) {
    this.#kind.ariaLabel = "which lines";
    const title = element("h2", { textContent: "The board's log" });
    section.append(
      element("div", { className: "head" }, title, this.#skipped, this.#kind),
      this.#list,
    );
  }

  begin(lines) {
    this.#lines = [];
    this.add({ lines, skipped: 0 });
  }

  add({ lines, skipped }) {
    for (const text of lines) {
      const level = /^[IWE] \(/.test(text) ? text[0] : "E";
      const request = / (http: request|session: end) /.test(text);
      this.#lines.push({ number: ++this.#count, text, level, request });
    }
    for (const request of [true, false]) {
      const kind = this.#lines.filter(line => line.request === request);
      if (kind.length <= LINES_MAX) continue;
      const from = kind[kind.length - LINES_MAX].number;
      this.#lines = this.#lines.filter(line => line.request !== request || line.number >= from);
    }
    this.#skipped.textContent = skipped > 0 ? `${skipped} lines skipped` : "";
    this.#draw();
  }

  #draw() {
    const kind = this.#kind.value;
    const shown = this.#lines
      .filter(({ level, request }) => kind === "all" || (kind === "bad" ? level !== "I" : !request))
      .slice(-LINES_MAX);
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 30;
    this.#list.replaceChildren(
      ...shown.map(({ text, level }) => element("li", { textContent: text, className: level })),
    );
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }
}
