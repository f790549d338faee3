import type { Complaints } from "../config/reader.ts";

/** The result of a change at run time: what was done, or everything that is wrong with it. */
export type Outcome = { readonly done: string } | Complaints;

export function refusal(complaint: string): Complaints {
  return { complaints: [complaint] };
}
