import type { Configuration } from "../config/config.ts";

/**
 * Where a document comes from. `trial`: not saved yet; `until-reset`: never saved; `not-saved`: it passed its trial, but
 * writing to flash failed.
 */
export type Source = "built-in" | "flash" | "trial" | "until-reset" | "not-saved";

/** The document in force and its source. */
export interface ActiveDocument {
  readonly document: object;
  readonly source: Source;
  /**
   * Clients get 503, because this document has no routes and the one that was rolled back has some.
   * It ends when the operator applies any other document.
   */
  readonly suspended?: boolean;
}

/** The configuration that the board starts with. */
export interface StartConfig extends Configuration, ActiveDocument {
  /** On trial: the previous document, in force again if the trial fails. */
  readonly previous?: StartConfig;
  /** Why the last other document is not in force. */
  readonly rolledBack: string | undefined;
  /** The document that was rolled back. */
  readonly failed?: object | undefined;
}
