import type { Backend } from "../backend/backend.ts";
import type { Report } from "../log/event.ts";
import type { Group, PickInput } from "./group.ts";

/** Logs the next picks: the score of each backend, or why it could not be picked. */
export class Explain {
  /** Picks that are still to be logged; with 0 the group is called directly. */
  picksLeft = 0;
  #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Picks a backend of `group` for session `id`, and logs it. */
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
