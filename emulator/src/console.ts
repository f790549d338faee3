import type { Uart } from "./io/uart.ts";
import { type BootMode, banner, type Crash, panicLines, type ResetReason } from "./reset.ts";
import type { Tasks } from "./tasks.ts";

/** Returns to the first column and erases the line (ECMA-48: EL): what stood there is no part of it. */
const ERASE_LINE = "\r\x1b[K";

/** Characters of an unfinished line that are kept; a bound for programs that never end one. */
const UNFINISHED_MAX = 16_384;

/**
 * The console of a board. Each line of the program goes to `onLine` at once: what it logs, and what it writes to the
 * serial port, as a terminal shows it. When the console is paced, logged lines go to the serial line, too, at its speed.
 * Then it behaves as that of ESP-IDF without a driver, which Moddable's release builds have: lines end with CR LF, and
 * a writer waits while the FIFO is full.
 */
export class Console {
  #uart: Uart;
  #tasks: Tasks;
  #paced: boolean;
  #onLine: (line: string) => void;
  /** Characters since the last line feed; each is a byte. */
  #unfinished = "";

  constructor(uart: Uart, tasks: Tasks, paced: boolean, onLine?: (line: string) => void) {
    this.#uart = uart;
    this.#tasks = tasks;
    this.#paced = paced;
    this.#onLine = onLine ?? (() => {});
    if (onLine !== undefined) uart.onWritten = bytes => this.#written(bytes);
  }

  get paced(): boolean {
    return this.#paced;
  }

  /** Time until all lines are sent. */
  get drainMs(): number {
    return this.#paced ? this.#uart.drainMs : 0;
  }

  log(line: string): void {
    const begun = this.#unfinished;
    this.#unfinished = "";
    this.#onLine(begun === "" ? line : shown(begun + Buffer.from(line).toString("latin1")));
    this.#print(line);
  }

  /** The program has ended: its unfinished line is none. */
  halt(): void {
    this.#unfinished = "";
  }

  /** The ROM prints to the serial line only, not to `onLine`. */
  banner(reason: ResetReason, mode: BootMode): void {
    for (const line of banner(reason, mode)) this.#print(line);
  }

  panic(crash: Crash, uptimeMs: number): void {
    this.halt();
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

  #written(bytes: Uint8Array): void {
    const lines = (this.#unfinished + Buffer.from(bytes).toString("latin1")).split("\n");
    this.#unfinished = lines.pop()!.slice(-UNFINISHED_MAX);
    for (const line of lines) this.#onLine(shown(line));
  }

  #print(line: string): void {
    if (!this.#paced) return;
    const bytes = new TextEncoder().encode(`${line.replaceAll("\n", "\r\n")}\r\n`);
    this.#tasks.stall(this.#uart.print(bytes));
  }
}

/** The text that a terminal shows for the bytes of a line. */
function shown(bytes: string): string {
  const kept = bytes.split(ERASE_LINE).at(-1)!.replace(/\r$/, "");
  return Buffer.from(kept, "latin1").toString();
}
