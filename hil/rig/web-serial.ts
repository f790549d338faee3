import type { SerialPortStream } from "@serialport/stream";

/** Signals as Web Serial names them. */
export interface Signals {
  readonly dataTerminalReady?: boolean;
  readonly requestToSend?: boolean;
}

/**
 * An open serial port as a browser's Web Serial port, for esptool-js. Its open and close leave the real port
 * open, because opening a port may reset the board.
 */
export class WebSerial {
  readable: ReadableStream<Uint8Array> | null = null;
  writable: WritableStream<Uint8Array> | null = null;
  #port: SerialPortStream;
  /** Both lines are always set together: serialport asserts one that is left out. */
  #lines = { dtr: false, rts: false };

  constructor(port: SerialPortStream) {
    this.#port = port;
  }

  /** Empty: esptool-js needs vendor and product only for chips with a USB port of their own. */
  getInfo(): object {
    return {};
  }

  async open({ baudRate }: { baudRate: number }): Promise<void> {
    const port = this.#port;
    await this.setBaudRate(baudRate);
    let enqueue: (bytes: Buffer) => void;
    this.readable = new ReadableStream<Uint8Array>({
      start: controller => {
        enqueue = bytes => controller.enqueue(bytes);
        port.on("data", enqueue);
      },
      cancel: () => {
        port.off("data", enqueue);
      },
    });
    this.writable = new WritableStream<Uint8Array>({
      write: bytes => done(callback => port.write(bytes, callback)),
    });
  }

  /** The streams have ended before: esptool-js waits for that. */
  async close(): Promise<void> {
    this.readable = null;
    this.writable = null;
  }

  async setBaudRate(baudRate: number): Promise<void> {
    if (baudRate === this.#port.baudRate) return;
    await done(callback => this.#port.update({ baudRate }, callback));
  }

  async setSignals({ dataTerminalReady, requestToSend }: Signals): Promise<void> {
    const { dtr, rts } = this.#lines;
    this.#lines = { dtr: dataTerminalReady ?? dtr, rts: requestToSend ?? rts };
    await done(callback => this.#port.set({ ...this.#lines, brk: false }, callback));
  }
}

function done(start: (callback: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start(error => (error ? reject(error) : resolve()));
  });
}
