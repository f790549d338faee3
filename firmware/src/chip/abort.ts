import { restart } from "chip/restart";
import { abortLine } from "../text/exception.ts";

/** Called before the restart. It must take no memory: there may be none. */
export const atAbort: { task?: () => void } = {};

/**
 * XS calls this at a fatal error (`xs.abortHook` in manifest.json; not at a stack overflow, which it reports itself).
 * It restarts the chip here: back in fxAbort (xsPlatform.c), XS would read the message of the exception that it has
 * cleared, throw, and call this again some 300 times, a line each.
 *
 * `main.ts` imports it before all others, because each of them may throw while it is loaded.
 */
(globalThis as { abort?: unknown }).abort = (reason: string, exception: unknown) => {
  try {
    trace(abortLine(reason, exception), "\n");
    atAbort.task?.();
  } finally {
    restart?.();
  }
};
