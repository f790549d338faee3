import type { BindingInterface } from "@serialport/bindings-cpp";
import { SerialPortStream } from "@serialport/stream";

/** Baud rate of the firmware and the ROM. */
export const BAUD = 115_200;

/** How long EN is held low; esptool's value for a hard reset. */
const RESET_MS = 100;

/** How long IO0 is held low after EN was released; esptool's value. */
const STRAP_MS = 50;

/** Interval at which a port that went away is looked for; USB takes about a second to come back. */
const REOPEN_MS = 500;

/** Size of one write, which fits the UART's FIFO; a pause after it lets the chip empty it. */
const WRITE_BYTES = 64;
const WRITE_PAUSE_MS = 20;

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

export interface SerialLinkOptions {
  readonly binding: BindingInterface;
  readonly path: string;
  /** The current path of the port: after its cable was out, the system may have renamed it. */
  readonly whereNow?: () => Promise<string | undefined>;
  /** Called with bytes from the board. */
  onBytes(bytes: Uint8Array): void;
  /** The port is gone: the cable was pulled, or the computer removed the port. */
  onLost(): void;
}

/**
 * The serial line to one board: its bytes, its two control lines, and recovery from a pulled cable. It never
 * moves a line by accident: a port that is opened carelessly resets the board.
 */
export class SerialLink {
  #options: SerialLinkOptions;
  #port: SerialPortStream | undefined;
  #path: string;
  #closing = false;
  /** False for a port without control lines, such as a pseudo-terminal. */
  hasLines = true;

  constructor(options: SerialLinkOptions) {
    this.#options = options;
    this.#path = options.path;
  }

  /** The current path. */
  get path(): string {
    return this.#path;
  }

  get open(): boolean {
    return this.#port?.isOpen === true;
  }

  /** Opens the port, and sets both lines so that the board runs. */
  async connect(): Promise<void> {
    const { binding, onBytes } = this.#options;
    const path = this.#path;
    this.#closing = false;
    const port = new SerialPortStream({
      binding,
      path,
      baudRate: BAUD,
      hupcl: false,
      autoOpen: false,
    });
    port.on("data", onBytes);
    port.on("error", () => {}); // `close` follows, with the error if it is gone
    port.on("close", () => {
      if (this.#port !== port) return; // some drivers emit it twice
      this.#port = undefined;
      if (!this.#closing) this.#options.onLost();
    });
    await new Promise<void>((resolve, reject) => {
      port.open(error => (error ? reject(error) : resolve()));
    });
    this.#port = port;
    try {
      await this.#lines(false, false);
    } catch (error) {
      await this.close(); // else it could not be opened again
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    const port = this.#port;
    if (port === undefined) return;
    await new Promise<void>(resolve => port.close(() => resolve()));
    this.#port = undefined;
  }

  /** Restarts the board by its control lines, or by a console command if the port has none. */
  async reset(): Promise<void> {
    if (this.hasLines) {
      await this.hold();
      await this.#lines(false, false);
      return;
    }
    await this.send("\rreboot\r");
    await pause(RESET_MS);
    await this.send("\r"); // a chip may overlook the last bytes until another one comes
  }

  /** Holds the chip in reset (EN low) until `reset` or `download`. */
  async hold(): Promise<void> {
    await this.#lines(false, true);
    await pause(RESET_MS);
  }

  /** Starts the ROM's loader instead of the program in flash: IO0 is low when EN rises. */
  async download(): Promise<void> {
    await this.hold();
    await this.#lines(true, false);
    await pause(STRAP_MS);
    await this.#lines(false, false);
  }

  /** Sends text slowly enough for a chip without flow control. */
  async send(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.byteLength; at += WRITE_BYTES) {
      if (at > 0) await pause(WRITE_PAUSE_MS);
      const port = this.#port;
      if (port === undefined) throw new Error("the serial port is gone");
      const piece = bytes.subarray(at, at + WRITE_BYTES);
      await new Promise<void>((resolve, reject) => {
        port.write(piece, error => (error ? reject(error) : resolve()));
      });
    }
  }

  /** Runs a tool with its own protocol on the open port; it gets the bytes meanwhile. */
  async withPort<T>(task: (port: SerialPortStream) => Promise<T>): Promise<T> {
    const port = this.#port;
    if (port === undefined) throw new Error("the serial port is gone");
    const { onBytes } = this.#options;
    port.off("data", onBytes);
    try {
      return await task(port);
    } finally {
      if (port.isOpen && port.baudRate !== BAUD) {
        await new Promise<void>((resolve, reject) => {
          port.update({ baudRate: BAUD }, error => (error ? reject(error) : resolve()));
        });
      }
      port.on("data", onBytes);
    }
  }

  /** Waits for a port that went away; false if it is not back within `withinMs`. */
  async reconnect(withinMs: number): Promise<boolean> {
    for (let waited = 0; waited < withinMs; waited += REOPEN_MS) {
      await pause(REOPEN_MS);
      try {
        this.#path = (await this.#options.whereNow?.()) ?? this.#path;
        await this.connect();
        return true;
      } catch {
        // Not there yet, or not permitted yet.
      }
    }
    return false;
  }

  /**
   * Sets both lines in one call: in between, only one of them asserted would reset the chip or select the
   * loader.
   */
  async #lines(dtr: boolean, rts: boolean): Promise<void> {
    const port = this.#port;
    if (port === undefined || !this.hasLines) return;
    await new Promise<void>((resolve, reject) => {
      port.set({ dtr, rts, brk: false }, error => {
        if (error && /Inappropriate ioctl|ENOTTY/.test(error.message)) this.hasLines = false;
        else if (error) {
          reject(error);
          return;
        }
        resolve();
      });
    });
  }
}
