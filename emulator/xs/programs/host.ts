import type {
  FindKeyword,
  NativeSearchConstructor,
  PutBytes,
  PutFields,
  PutTexts,
  PutValue,
  ReadHead,
  ReadLines,
  WriteLine,
} from "../../../firmware/src/platform.ts";
import { abortLine } from "../../../firmware/src/text/exception.ts";
import type { ListenerClass, TCPClass, UDPClass } from "../../src/platform.ts";

/**
 * The globals of a program on the engine, beside the language itself (native/handles.h). A program defines
 * `command(text)`, through which it is controlled.
 */
export interface Host {
  readonly TCP: TCPClass;
  readonly Listener: ListenerClass;
  readonly UDP: UDPClass;
  readonly board: {
    /** Milliseconds since the board booted; constant within a callback. */
    now(): number;
    /** Sets the alarm to `ms` from now, replacing the previous one; -1 cancels it. */
    alarm(ms: number): void;
    onAlarm(task: () => void): void;
    log(line: string): void;
    /** Writes to the serial port, once it is open. */
    write(bytes: ArrayBuffer | Uint8Array): void;
    /** Sends a request to the program that runs the board. */
    ask(text: string): string;
  };
  readonly findKeyword: FindKeyword;
  readonly writeLine: WriteLine;
  readonly readHead: ReadHead;
  readonly putTexts: PutTexts;
  readonly putBytes: PutBytes;
  readonly putValue: PutValue;
  readonly putFields: PutFields;
  readonly readLines: ReadLines;
  /** Present where the sockets have native pipes. */
  readonly Search?: NativeSearchConstructor;
  command: (text: string) => string | undefined;
  /** Called when the program cannot go on, as by XS on the chip. */
  abort: (reason: string, exception: unknown) => void;
}

export const host = globalThis as unknown as Host;

// As `chip/abort` of the firmware; the board restarts by itself.
host.abort = (reason, exception) => host.board.log(abortLine(reason, exception));
