import type { Uart } from "./io/uart.ts";
import { type BootMode, banner, type Crash, panicLines, type ResetReason } from "./reset.ts";
import type { Tasks } from "./tasks.ts";

/**
 * The console of a board: each line goes to `onLine` at once and, when the console is paced, to
 * the serial line at its speed. Then it behaves as that of ESP-IDF without a driver, which Moddable's
 * release builds have: lines end with CR LF, and a writer waits while the FIFO is full.
 */
export class Console {
  #uart: Uart;
  #tasks: Tasks;
  #paced: boolean;
  #onLine: (line: string) => void;

  constructor(uart: Uart, tasks: Tasks, paced: boolean, onLine: (line: string) => void) {
    this.#uart = uart;
    this.#tasks = tasks;
    this.#paced = paced;
    this.#onLine = onLine;
  }

  get paced(): boolean {
    return this.#paced;
  }

  /** Time until all lines are sent. */
  get drainMs(): number {
    return this.#paced ? this.#uart.drainMs : 0;
  }

  log(line: string): void {
    this.#onLine(line);
    this.#print(line);
  }

  /** The ROM prints to the serial line only, not to `onLine`. */
  banner(reason: ResetReason, mode: BootMode): void {
    for (const line of banner(reason, mode)) this.#print(line);
  }

  panic(crash: Crash, uptimeMs: number): void {
    for (const line of panicLines(crash, uptimeMs)) this.log(line);
  }

  /** The line of an instrumented build (xsPlatform.c: fxAbort): the message, without the error's class. */
  abort(reason: string, exception: unknown): void {
    this.log(`XS abort: ${reason} ${exception instanceof Error ? exception.message : ""}`);
  }

  /** A chip that hangs prints nothing: only `onLine` gets the reason. */
  hang(reason: string): void {
    this.#onLine(`the chip hangs: ${reason}`);
  }

  #print(line: string): void {
    if (!this.#paced) return;
    const bytes = new TextEncoder().encode(`${line.replaceAll("\n", "\r\n")}\r\n`);
    this.#tasks.stall(this.#uart.print(bytes));
  }
}
