import type { Blame } from "./incidents.ts";

/** The board did not reach the wanted state, or did not do what it was asked. */
export class BoardError extends Error {
  readonly blame: Blame;

  constructor(blame: Blame, why: string, options?: ErrorOptions) {
    super(why, options);
    this.blame = blame;
  }
}

/** The chip finds no program in its flash: it is erased, half written, or unreadable. */
export class NoProgram extends BoardError {
  constructor(why: string, options?: ErrorOptions) {
    super("rig", why, options);
  }
}
