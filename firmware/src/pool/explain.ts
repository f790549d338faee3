import type { Backend } from "../backend/backend.ts";
import type { Report } from "../log/event.ts";
import type { Group, PickInput } from "./group.ts";

/** Tells of the next picks how they came out: each backend's score, or why it was left out. */
export class Explain {
  /** Picks that are still to be told; 0 costs nothing. */
  picksLeft = 0;
  #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Has `group` pick a backend for session `id`, and tells of it. */
  pick(group: Group, input: PickInput, id: number): Backend | "full" | undefined {
    this.picksLeft--;
    const scores = group.backends.map(
      backend => `${backend.name}=${group.explain(backend, input)}`,
    );
    const choice = group.pick(input);
    const picked = typeof choice === "object" ? choice.name : (choice ?? "none");
    const sticky = input.sticky !== undefined && input.sticky === choice;
    this.#report({
      level: "I",
      on: "backend",
      what: "pick",
      id,
      picked,
      by: sticky ? "sticky" : group.balance,
      scores: scores.join(" "),
    });
    return choice;
  }
}
