import type { Report } from "../log/event.ts";
import type { Cancel, Platform, SerialPort } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import { maskSecrets, runCommand } from "./commands.ts";
import type { RuntimeApi } from "./runtime-api.ts";

/** UART0, to which the USB adapter of the board is wired. */
const PORT = 0;
const TRANSMIT_PIN = 1;
const RECEIVE_PIN = 3;
const BAUD = 115_200;

/** Size of the UART's FIFO: the most bytes that one read returns. */
const FIFO_BYTES = 128;

/** Most reads at one event: two commands of the longest kind. */
const READS_MAX = 8;

/** Longest command, in characters. */
const LINE_MAX = 512;

/** Most lines that may be queued when a command is executed: those of 64 pasted commands, each with its echo and one answer. */
const QUEUED_LINES_MAX = 128;

/** Pause between two lines of an answer: a line at 115200 baud takes 9 ms, in which nothing else runs. */
const LINE_PAUSE_MS = 20;

/** Delay before the port is opened, which empties its FIFO: the last bytes of the log are sent within 12 ms. */
const OPEN_MS = 20;

/** Returns to the first column and erases the line (ECMA-48: EL). */
const ERASE_LINE = "\r\x1b[K";

/** Delay from a line of the log until the typed text is shown again behind it: the FIFO needs room for it. */
const REDRAW_MS = 20;

/** Most characters of the typed text that are shown again. */
const REDRAWN_MAX = 96;

const BACKSPACE = 8;
const LF = 10;
const CR = 13;
const DELETE = 127;

/** Reads commands from the serial port, echoes the typed text, and answers line by line. */
export class Console {
  #platform: Platform;
  #runtime: RuntimeApi;
  #report: Report;
  #serial: SerialPort | undefined;
  #line = "";
  #tooLong = false;
  /** Queued lines of answers: `QUEUED_LINES_MAX`, and the answer of one command. */
  #answers: string[] = [];
  /** Commands that were not executed since the queue was full. */
  #ignored = 0;
  #alarm: Cancel | undefined;
  /** Set while the typed text is erased for the log; shows it again. */
  #redraw: Cancel | undefined;

  constructor(runtime: RuntimeApi) {
    const { platform, report } = runtime.parts;
    this.#platform = platform;
    this.#runtime = runtime;
    this.#report = report;
    if (platform.Serial !== undefined)
      this.#alarm = platform.clock.after(OPEN_MS, () => this.#open());
  }

  /** Writes a line of the log or of an answer; the typed text is shown again behind it. */
  log(line: string): void {
    if (this.#line !== "" && this.#redraw === undefined) this.#echo(ERASE_LINE);
    this.#platform.log(line);
    if (this.#line !== "")
      this.#redraw ??= this.#platform.clock.after(REDRAW_MS, () => this.#show());
  }

  #show(): void {
    const shown = this.#echo(maskSecrets(this.#line).slice(-REDRAWN_MAX));
    this.#redraw = shown ? undefined : this.#platform.clock.after(REDRAW_MS, () => this.#show());
  }

  stop(): void {
    this.#alarm?.();
    this.#redraw?.();
    this.#answers = [];
  }

  #open(): void {
    this.#alarm = undefined;
    const input = new Uint8Array(FIFO_BYTES);
    const receive = (serial: SerialPort) => {
      // An exception that leaves the port's callback reboots the chip.
      try {
        // Bytes that arrive during this callback cause no event of their own: the driver clears the interrupt after
        // it (serial.c of the SDK). So the FIFO is read until it is empty.
        for (let reads = 0; reads < READS_MAX; reads++) {
          const count = serial.read(input) ?? 0;
          if (count === 0) return;
          for (let i = 0; i < count; i++) this.#type(input[i]);
        }
      } catch (error) {
        this.#failed(error);
      }
    };
    try {
      this.#serial = new this.#platform.Serial!({
        port: PORT,
        transmit: TRANSMIT_PIN,
        receive: RECEIVE_PIN,
        baud: BAUD,
        onReadable() {
          receive(this);
        },
      });
    } catch (error) {
      // Another driver uses the port, as in debug builds: "port in use".
      this.#report({ level: "W", on: "console", what: "no-port", error: String(error) });
    }
  }

  #failed(error: unknown): void {
    this.#report({ level: "E", on: "console", what: "exception", error: exceptionText(error) });
  }

  #type(byte: number): void {
    if (byte === CR || byte === LF) {
      this.#enter();
    } else if (byte === BACKSPACE || byte === DELETE) {
      if (this.#line !== "" && this.#redraw === undefined) this.#echo("\b \b");
      this.#line = this.#line.slice(0, -1);
    } else if (byte >= 32 && byte < 127) {
      if (this.#line.length === LINE_MAX) this.#tooLong = true;
      else this.#line += String.fromCharCode(byte);
      if (this.#redraw !== undefined) return; // it is shown with the rest
      // Secrets are echoed as asterisks.
      this.#echo(maskSecrets(`${this.#line}`) === this.#line ? String.fromCharCode(byte) : "*");
    }
  }

  #enter(): void {
    const line = this.#line.trim();
    const tooLong = this.#tooLong;
    this.#line = "";
    this.#tooLong = false;
    const isShown = this.#redraw === undefined;
    this.#redraw?.();
    this.#redraw = undefined;
    if (isShown) this.#echo(ERASE_LINE);
    if (line === "") return;
    if (this.#answers.length >= QUEUED_LINES_MAX) {
      this.#ignored++;
      return;
    }
    this.#say(`> ${maskSecrets(line).slice(0, FIFO_BYTES)}`);
    if (tooLong) {
      this.#say(`error a command has ${LINE_MAX} characters at most`);
      return;
    }
    try {
      for (const answer of runCommand(this.#runtime, line)) this.#say(answer);
    } catch (error) {
      this.#failed(error);
      this.#say("error this command has a bug: see the log");
    }
  }

  /** A busy log fills the FIFO; then typed text is not shown, but still read. */
  #echo(text: string): boolean {
    try {
      this.#serial!.write(Uint8Array.from(text, character => character.charCodeAt(0)));
      return true;
    } catch {
      return false; // output full: see above
    }
  }

  #say(line: string): void {
    this.#answers.push(line);
    if (this.#alarm === undefined) this.#next();
  }

  #next(): void {
    if (this.#answers.length === 0 && this.#ignored > 0) {
      this.#answers.push(`error ${this.#ignored} commands came too fast and were not executed`);
      this.#ignored = 0;
    }
    const line = this.#answers.shift();
    this.#alarm = undefined;
    if (line === undefined) return;
    this.log(line);
    this.#alarm = this.#platform.clock.after(LINE_PAUSE_MS, () => this.#next());
  }
}
