import type { Blame } from "./incidents.ts";

/** The board did not come to where it was to be brought, or did not do what it was asked. */
export class Stuck extends Error {
  readonly blame: Blame;

  constructor(blame: Blame, why: string, options?: ErrorOptions) {
    super(why, options);
    this.blame = blame;
  }
}
