import { restart } from "chip/restart";
import { abortLine, MEMORY_FULL } from "../text/exception.ts";

/** Called before the restart. */
export const atAbort: {
  /** Not called where there is no memory left. */
  flushLog?: () => void;
  /** Takes no memory. */
  resetConnections?: (() => void) | undefined;
} = {};

/**
 * XS calls this at a fatal error (`xs.abortHook` in manifest.json; not at a stack overflow, which it reports itself).
 * It restarts the chip here: back in fxAbort (xsPlatform.c), XS would read the message of the exception that it has
 * cleared, throw, and call this again some 300 times, a line each.
 *
 * `main.ts` imports it before all others, because each of them may throw while it is loaded.
 */
(globalThis as { abort?: unknown }).abort = (reason: string, exception: unknown) => {
  try {
    if (reason === MEMORY_FULL)
      trace("\n"); // the serial port may have begun a line
    else atAbort.flushLog?.();
  } catch {
    // The next line says more than those that wait.
  }
  try {
    trace(abortLine(reason, exception), "\n");
    atAbort.resetConnections?.();
  } finally {
    restart?.();
  }
};
