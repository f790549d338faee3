import type { Uart } from "./io/uart.ts";
import { type BootMode, banner, type Crash, lastWords, type ResetReason } from "./reset.ts";
import type { Tasks } from "./tasks.ts";

/**
 * The console of a board: each line at once to whoever watches the board, and, when it is paced, by
 * the serial line at its speed. Then it behaves as that of ESP-IDF without a driver, which Moddable's
 * release builds have: lines end with CR LF, and who writes more than the FIFO takes waits.
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

  /** How long it takes until all lines have left. */
  get drainMs(): number {
    return this.#paced ? this.#uart.drainMs : 0;
  }

  say(line: string): void {
    this.#onLine(line);
    this.#print(line);
  }

  /** The ROM speaks to the serial line only: those who watch the program need not hear it. */
  banner(reason: ResetReason, mode: BootMode): void {
    for (const line of banner(reason, mode)) this.#print(line);
  }

  lastWords(crash: Crash, uptimeMs: number): void {
    for (const line of lastWords(crash, uptimeMs)) this.say(line);
  }

  /** What an instrumented build prints (xsPlatform.c: fxAbort): the message, not the kind of the error. */
  abort(reason: string, exception: unknown): void {
    this.say(`XS abort: ${reason} ${exception instanceof Error ? exception.message : ""}`);
  }

  /** A chip that hangs prints nothing: only those who watch the board read why. */
  hang(reason: string): void {
    this.#onLine(`the chip hangs: ${reason}`);
  }

  #print(line: string): void {
    if (!this.#paced) return;
    const bytes = new TextEncoder().encode(`${line.replaceAll("\n", "\r\n")}\r\n`);
    this.#tasks.stall(this.#uart.print(bytes));
  }
}
