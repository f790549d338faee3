import type { Report } from "../log/event.ts";
import type { Log } from "../log/log.ts";
import type { Cancel, Platform, SerialPort } from "../platform.ts";
import { textOf } from "../text/ascii.ts";
import { exceptionText } from "../text/exception.ts";
import { maskSecrets, runCommand } from "./commands.ts";
import type { RuntimeApi } from "./runtime-api.ts";

/** UART0, to which the USB adapter of the board is wired. */
const PORT = 0;
const TRANSMIT_PIN = 1;
const RECEIVE_PIN = 3;
const BAUD = 115_200;

/** Size of each of the UART's FIFOs: the most bytes that one read returns. */
const FIFO_BYTES = 128;

/**
 * Bytes that are written at once, and room without which nothing is written. The port announces room when fewer than 10 of 128
 * bytes are left to be sent (serial.c of the SDK): a busy log leaves in pieces of this size, which need no view of their own.
 */
const PIECE_BYTES = 118;

/** Most reads at one event: two commands of the longest kind. */
const READS_MAX = 8;

/** Longest command, in characters. */
const LINE_MAX = 512;

/** Most lines that may be queued when a command is executed: those of 64 pasted commands, each with its echo and one answer. */
const QUEUED_LINES_MAX = 128;

/**
 * Delay before the port is opened, which empties its FIFO: what the machine has printed before is sent within 12 ms. Lines that are
 * logged meanwhile wait.
 */
const OPEN_MS = 20;

/** Interval of attempts to write when something else has filled the FIFO, such as `trace` in the SDK: 12 ms later it is empty. */
const RETRY_MS = 20;

/** Returns to the first column and erases the line (ECMA-48: EL). */
const ERASE_LINE = "\r\x1b[K";

/** Most characters of a command that its answer repeats. */
const ECHO_MAX = 128;

/** Most characters of the typed text that are shown again behind a line. */
const REDRAWN_MAX = 96;

const BACKSPACE = 8;
const LF = 10;
const CR = 13;
const DELETE = 127;

/**
 * The serial port. It sends the lines of the log and of answers as the port announces room, and never waits for it. Lines
 * are sent whole, and what is being typed is shown behind the last one. It reads commands.
 */
export class Console {
  #platform: Platform;
  #runtime: RuntimeApi;
  #log: Log;
  #report: Report;
  #serial: SerialPort | undefined;
  #timer: Cancel | undefined;

  /** Bytes that the port takes at once; it tells so when nearly all is sent. */
  #room = 0;
  /** Nothing waits to be sent. */
  #isIdle = false;
  /** The next bytes to be written, and the count of those that the port had no room for. */
  #piece = new ArrayBuffer(PIECE_BYTES, { maxByteLength: PIECE_BYTES });
  #bytes = new Uint8Array(this.#piece);
  #refused = 0;
  /** An answer waits, or typed text is to be shown or stands on the terminal. */
  #isTerminal = false;
  /** The rest of the answer, or of the typed text, that is being sent; a character for each byte. */
  #text = "";
  /** Queued lines of answers: `QUEUED_LINES_MAX`, and the answer of one command. */
  #answers: string[] = [];
  /** Lines of answers and of the log are sent in turn. */
  #isAnswersTurn = true;

  /** The typed text, and what of it the terminal shows behind the last line. */
  #line = "";
  #shown = "";
  #tooLong = false;
  /** Commands that were not executed since the queue was full. */
  #ignored = 0;

  constructor(runtime: RuntimeApi) {
    const { platform, log, report } = runtime.parts;
    this.#platform = platform;
    this.#runtime = runtime;
    this.#log = log;
    this.#report = report;
    if (platform.Serial === undefined) return;
    log.printTo(undefined);
    this.#timer = platform.clock.after(OPEN_MS, () => this.open());
  }

  stop(): void {
    if (this.#serial === undefined) this.#timer?.();
    this.#answers = [];
  }

  /**
   * The machine is about to restart: the rest of the line under way and all lines of the log leave by `platform.log`, which
   * waits for the port: 0.8 s for the 9 KB of a full log. Answers are dropped.
   */
  flush(): void {
    const { log } = this.#platform;
    this.#room = 0;
    const begun = textOf(this.#bytes, 0, this.#refused) + this.#text;
    if (begun !== "") log(begun.trimEnd());
    let erase = begun === "" && this.#shown !== "" ? ERASE_LINE : "";
    this.#log.printTo(line => {
      log(erase + line);
      erase = "";
    });
  }

  private open(): void {
    const input = new Uint8Array(FIFO_BYTES);
    const readable = (serial: SerialPort) => this.readable(serial, input);
    const writable = (bytes: number) => this.writable(bytes);
    try {
      this.#serial = new this.#platform.Serial!({
        port: PORT,
        transmit: TRANSMIT_PIN,
        receive: RECEIVE_PIN,
        baud: BAUD,
        onReadable() {
          readable(this);
        },
        onWritable(bytes) {
          writable(bytes);
        },
      });
    } catch (error) {
      // Another driver uses the port, as in debug builds: "port in use".
      this.#log.printTo(this.#platform.log);
      this.#report({ level: "W", on: "console", what: "no-port", error: String(error) });
      return;
    }
    this.#log.onLine = () => this.send();
  }

  // Sending

  private writable(bytes: number): void {
    this.#room = bytes;
    if (this.#isIdle) return;
    try {
      if (bytes >= PIECE_BYTES) this.send();
      else this.sendLater(); // something else has written meanwhile
    } catch (error) {
      this.sendLater();
      this.failed(error); // an exception that leaves a callback of the port reboots the chip
    }
  }

  /** Writes as much of what waits as the port takes now. */
  private send(): void {
    this.#isIdle = false;
    while (this.#room >= PIECE_BYTES) {
      const refused = this.#refused;
      const count = refused || this.fill();
      if (count > 0 && !this.write(count)) return;
      const isLast = count < PIECE_BYTES && refused === 0 && !this.#isTerminal;
      if (count > 0 && !isLast) continue;
      this.#isIdle = true;
      return;
    }
  }

  /** Writes the first bytes of the piece, which stays as it is where the port has no room. */
  private write(count: number): boolean {
    const piece = this.#piece;
    if (count < PIECE_BYTES) piece.resize(count); // a view of so many bytes would take ten slots
    try {
      this.#serial!.write(piece);
      this.#room -= count;
      this.#refused = 0;
    } catch {
      this.#refused = count; // "output full"
      this.sendLater();
    }
    if (count < PIECE_BYTES) piece.resize(PIECE_BYTES);
    return this.#refused === 0;
  }

  private sendLater(): void {
    this.#room = 0;
    this.#timer?.();
    this.#timer = this.#platform.clock.after(RETRY_MS, () => this.writable(PIECE_BYTES));
  }

  /** Fills the piece with what is to be sent next. Returns the count of its bytes; 0 if nothing waits. */
  private fill(): number {
    // Most of the time there is the log alone: one call fills the piece with its lines.
    if (!this.#isTerminal) return this.#log.read(this.#piece, 0, PIECE_BYTES, false);
    let end = 0;
    for (let next = this.next(0); next > end; next = this.next(end)) end = next;
    this.#isTerminal =
      this.#text !== "" || this.#answers.length > 0 || this.#line !== "" || this.#shown !== "";
    return end;
  }

  /** Puts bytes of one line, or of the typed text, into the piece from `at` on; returns where they end. */
  private next(at: number): number {
    const log = this.#log;
    const room = PIECE_BYTES - at;
    if (room === 0) return at;
    if (this.#text !== "") return this.put(at);
    if (log.isMidLine) return at + log.read(this.#piece, at, room);
    if (this.#isAnswersTurn && this.#answers.length > 0) return this.putAnswer(at);
    if (this.#shown !== "" && room <= ERASE_LINE.length) return at;
    const start = this.#shown === "" ? at : at + ERASE_LINE.length;
    const count = log.read(this.#piece, start, PIECE_BYTES - start);
    if (count > 0) {
      this.#isAnswersTurn = true;
      if (start > at) this.erase(at);
      return start + count;
    }
    return this.#answers.length > 0 ? this.putAnswer(at) : this.putTyped(at);
  }

  private erase(at: number): void {
    for (let i = 0; i < ERASE_LINE.length; i++) this.#bytes[at + i] = ERASE_LINE.charCodeAt(i);
    this.#shown = "";
  }

  private put(at: number): number {
    const text = this.#text;
    const count = Math.min(text.length, PIECE_BYTES - at);
    for (let i = 0; i < count; i++) this.#bytes[at + i] = text.charCodeAt(i);
    this.#text = text.slice(count);
    return at + count;
  }

  private putAnswer(at: number): number {
    const answer = utf8(this.#answers.shift()!);
    if (this.#answers.length === 0 && this.#ignored > 0) {
      this.#answers.push(`error ${this.#ignored} commands came too fast and were not executed`);
      this.#ignored = 0;
    }
    this.#text = `${this.#shown === "" ? "" : ERASE_LINE}${answer}\r\n`;
    this.#shown = "";
    this.#isAnswersTurn = false;
    return this.put(at);
  }

  /** Shows what was typed or deleted since. Secrets are shown as asterisks. */
  private putTyped(at: number): number {
    if (this.#line === "" && this.#shown === "") return at;
    const [shown, wanted] = [this.#shown, maskSecrets(this.#line)];
    if (shown === "") this.#text = wanted.slice(-REDRAWN_MAX);
    else if (wanted.startsWith(shown)) this.#text = wanted.slice(shown.length);
    else if (shown.startsWith(wanted)) this.#text = "\b \b".repeat(shown.length - wanted.length);
    else this.#text = ERASE_LINE + wanted.slice(-REDRAWN_MAX);
    this.#shown = wanted;
    return this.put(at);
  }

  // Receiving

  private readable(serial: SerialPort, input: Uint8Array): void {
    try {
      // Bytes that arrive during this callback cause no event of their own: the driver clears the interrupt after
      // it (serial.c of the SDK). So the FIFO is read until it is empty.
      for (let reads = 0; reads < READS_MAX; reads++) {
        const count = serial.read(input) ?? 0;
        if (count === 0) break;
        for (let i = 0; i < count; i++) this.type(input[i]);
      }
      this.#isTerminal = true;
      this.send();
    } catch (error) {
      this.failed(error);
    }
  }

  private failed(error: unknown): void {
    this.#report({ level: "E", on: "console", what: "exception", error: exceptionText(error) });
  }

  private type(byte: number): void {
    if (byte === CR || byte === LF) {
      this.enter();
    } else if (byte === BACKSPACE || byte === DELETE) {
      this.#line = this.#line.slice(0, -1);
    } else if (byte >= 32 && byte < 127) {
      if (this.#line.length === LINE_MAX) this.#tooLong = true;
      else this.#line += String.fromCharCode(byte);
    }
  }

  private enter(): void {
    const line = this.#line.trim();
    const tooLong = this.#tooLong;
    this.#line = "";
    this.#tooLong = false;
    if (line === "") return;
    if (this.#answers.length >= QUEUED_LINES_MAX) {
      this.#ignored++;
      return;
    }
    this.say(`> ${maskSecrets(line).slice(0, ECHO_MAX)}`);
    if (tooLong) {
      this.say(`error a command has ${LINE_MAX} characters at most`);
      return;
    }
    try {
      for (const answer of runCommand(this.#runtime, line)) this.say(answer);
    } catch (error) {
      this.failed(error);
      this.say("error this command has a bug: see the log");
    }
  }

  private say(line: string): void {
    this.#answers.push(line);
    this.#isTerminal = true;
    this.send();
  }
}

/** The text in UTF-8, a character for each byte; XS has no TextEncoder. */
function utf8(text: string): string {
  let bytes = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) bytes += character;
    else {
      const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
      bytes += String.fromCharCode(((0xff << (7 - more)) & 0xff) | (code >> (6 * more)));
      for (let i = more - 1; i >= 0; i--)
        bytes += String.fromCharCode(0x80 | ((code >> (6 * i)) & 0x3f));
    }
  }
  return bytes;
}
