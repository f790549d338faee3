import Preference from "preference";
import type { Machine } from "../machine.ts";

/** A simulator is started, never reset, its memory has no limit, and it cannot read what is typed. */
export const machine: Machine = {
  vitals: { resetReason: undefined, freeHeapBytes: undefined },
  // The SDK has no key-value storage for it, but keeps preferences in a file.
  storage: {
    open: ({ path }) => ({
      read: key => Preference.get(path, key),
      write: (key, value) => Preference.set(path, key, value),
      delete: key => Preference.delete(path, key),
    }),
  },
};
