/** How a change at run time came out: what was done, or everything that is wrong with it. */
export type Outcome = { readonly done: string } | { readonly complaints: readonly string[] };
