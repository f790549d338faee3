import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import type { Adapter } from "./io/adapter.ts";
import { BAUD } from "./io/uart.ts";

/**
 * Perl programs that unlock the other end of a new pseudo-terminal and print its path: Node has no ioctl. Numbers: asm-generic/ioctls.h of Linux (TIOCSPTLCK, TIOCGPTN), sys/ttycom.h of macOS
 * (TIOCPTYGRANT, TIOCPTYUNLK, TIOCPTYGNAME).
 */
const NAMES: Partial<Record<NodeJS.Platform, string>> = {
  linux: `
    my $unlocked = pack("i", 0);
    ioctl($m, 0x40045431, $unlocked) or die "TIOCSPTLCK: $!";
    my $number = pack("i", 0);
    ioctl($m, 0x80045430, $number) or die "TIOCGPTN: $!";
    print "/dev/pts/", unpack("i", $number);`,
  darwin: `
    ioctl($m, 0x20007454, 0) or die "TIOCPTYGRANT: $!";
    ioctl($m, 0x20007452, 0) or die "TIOCPTYUNLK: $!";
    my $name = "\\0" x 128;
    ioctl($m, 0x40807453, $name) or die "TIOCPTYGNAME: $!";
    print unpack("Z*", $name);`,
};

/** Why this computer has no pseudo-terminals; `undefined`: it may have. */
export function cannotOpenPty(platform: NodeJS.Platform = process.platform): string | undefined {
  if (NAMES[platform] !== undefined) return undefined;
  return `pseudo-terminals are for Linux and macOS, and this is ${platform}; here, type the board's commands into this window`;
}

/**
 * A pseudo-terminal for a person's own tools (screen, minicom, idf-monitor), wired to a board's serial
 * line. It has no control lines and no speed of its own: it cannot reset the board, and the
 * board's UART is what keeps to 115200 baud.
 */
export class Pty {
  /** The path that tools open. */
  readonly path: string;
  #adapter: Pick<Adapter, "send" | "onBytes">;
  #master: number;
  /** Held open, or reading would fail when the last tool closes its end. */
  #slave: number;
  #typed: ReadStream;
  #resume: NodeJS.Timeout | undefined;

  /** Throws an error for the user when the computer gives no pseudo-terminal. */
  constructor(adapter: Pick<Adapter, "send" | "onBytes">) {
    this.#adapter = adapter;
    const flags = constants.O_RDWR | constants.O_NOCTTY;
    this.#master = openSync("/dev/ptmx", flags | constants.O_NONBLOCK);
    try {
      this.path = unlock(this.#master);
      this.#slave = openSync(this.path, flags);
    } catch (error) {
      closeSync(this.#master);
      throw error;
    }
    // Before the first byte: a terminal that echoes would send the board's output back to it.
    run("stty", ["raw", "-echo", String(BAUD)], this.#slave);
    this.#typed = new ReadStream(this.#master);
    this.#typed.on("data", bytes => this.#send(bytes));
    // Reading fails when the computer removes the terminal; no more input can arrive then.
    this.#typed.on("error", () => this.close());
    adapter.onBytes = bytes => this.#show(bytes);
  }

  /** A tool that has it open sees it disappear, as when a cable is pulled. */
  close(): void {
    if (this.#typed.destroyed && this.#slave < 0) return;
    clearTimeout(this.#resume);
    this.#adapter.onBytes = undefined;
    this.#typed.destroy(); // the master with it
    if (this.#slave >= 0) closeSync(this.#slave);
    this.#slave = -1;
  }

  /** Sends no faster than the line: further input waits in the kernel, which bounds it. */
  #send(bytes: Uint8Array): void {
    this.#typed.pause();
    this.#resume = setTimeout(() => this.#typed.resume(), this.#adapter.send(bytes));
  }

  /**
   * Writes without the stream, which would wait for a reader and stall the board. Bytes that find the
   * kernel's buffer full are lost, as on a serial line without a reader.
   */
  #show(bytes: Uint8Array): void {
    try {
      writeSync(this.#master, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

function unlock(master: number): string {
  const program = `open(my $m, "+<&=", 0) or die "fd: $!";${NAMES[process.platform]}`;
  return run("perl", ["-e", program], master);
}

/** Runs a small program with `input` as its standard input. Returns its output. */
function run(command: string, args: string[], input: number): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    stdio: [input, "pipe", "pipe"],
    encoding: "utf8",
  });
  if (error) throw new Error(`a pseudo-terminal takes ${command}: ${error.message}`);
  if (status !== 0) throw new Error(`a pseudo-terminal takes ${command}: ${stderr.trim()}`);
  return stdout;
}
