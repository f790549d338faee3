import { host } from "../host.ts";

/** The SDK's module `timer`, as far as the firmware's clock uses it: one timer that repeats. */
export default {
  set(task: () => void, ms: number, _repeatMs: number): object {
    host.board.onAlarm(task);
    host.board.alarm(ms);
    return {};
  },
  /** Without a time it is suspended. */
  schedule(_timer: object, ms?: number, _repeatMs?: number): void {
    host.board.alarm(ms ?? -1);
  },
};
