import Preference from "preference";
import type { Machine } from "../exports.ts";

/** The simulator has no reset reason, no limit of memory and no serial port. */
export const machine: Machine = {
  vitals: { resetReason: undefined, freeHeapBytes: undefined, storageBytes: undefined },
  // The SDK has no key-value storage for it, but saves preferences in a file.
  storage: {
    open: ({ path }) => ({
      read: key => Preference.get(path, key),
      write: (key, value) => Preference.set(path, key, value),
      delete: key => Preference.delete(path, key),
    }),
  },
};
