import type { Event } from "../../firmware/src/log/event.ts";
import { Log } from "../../firmware/src/log/log.ts";
import type { LineValues, Platform } from "../../firmware/src/platform.ts";

/** One call of a log. */
export type Step =
  | { readonly format: string; readonly values: LineValues }
  | { readonly event: Event }
  | { readonly read: number; readonly isOneLine: boolean; readonly afterMs: number };

/** Plays steps on a log with this native code, or without; gives what can be seen of it. */
export function playSteps(
  steps: readonly Step[],
  native: Pick<Platform, "readLines" | "writeLine">,
): object {
  let ms = 0;
  const log = new Log({ clock: { now: () => ms }, ...native });
  const into = new ArrayBuffer(400);
  const read = (bytesMax: number, isOneLine = true) =>
    String.fromCharCode(...new Uint8Array(into, 5, log.read(into, 5, bytesMax, isOneLine)));
  const seen: unknown[] = [];
  for (const step of steps) {
    if ("format" in step) {
      log.writeLine(log.requests, log.order++, step.format, ...step.values);
    } else if ("event" in step) {
      log.report(step.event);
    } else {
      ms += step.afterMs;
      seen.push(read(step.read, step.isOneLine), log.isMidLine, log.dropped);
    }
  }
  seen.push([...log.last(1_000)]);
  for (let text = read(300); text !== ""; text = read(300)) seen.push(text);
  return seen;
}
