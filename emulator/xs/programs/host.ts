import type { FindKeyword } from "../../../firmware/src/platform.ts";
import { abortLine } from "../../../firmware/src/text/exception.ts";
import type { ListenerClass, TCPClass } from "../../src/platform.ts";

/**
 * What a program finds on the engine beside the language itself (native/handles.h). A program defines
 * `command(text)`, by which it is told what to do.
 */
export interface Host {
  readonly TCP: TCPClass;
  readonly Listener: ListenerClass;
  readonly board: {
    /** Milliseconds since the board booted; stands still within a callback. */
    now(): number;
    /** Rings once, `ms` from now, instead of what was set before; -1 takes it back. */
    alarm(ms: number): void;
    onAlarm(task: () => void): void;
    log(line: string): void;
    /** Sends a request to the program that runs the board. */
    ask(text: string): string;
  };
  readonly findKeyword: FindKeyword;
  command: (text: string) => string | undefined;
  /** Called when the program cannot go on, as by XS on the chip. */
  abort: (reason: string, exception: unknown) => void;
}

export const host = globalThis as unknown as Host;

// As `chip/abort` of the firmware; the board restarts by itself.
host.abort = (reason, exception) => host.board.log(abortLine(reason, exception));
