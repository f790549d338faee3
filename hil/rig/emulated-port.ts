import type {
  BindingInterface,
  BindingPortInterface,
  OpenOptions,
  PortInfo,
  SetOptions,
} from "@serialport/bindings-cpp";

/** The USB adapter of an emulated board. */
export interface EmulatedAdapter {
  plugged: boolean;
  onBytes: ((bytes: Uint8Array) => void) | undefined;
  /** Sends bytes to the board; returns how long that takes, in ms. */
  send(bytes: Uint8Array): number;
  set(lines: { dtr: boolean; rts: boolean }): void;
  unplug(): void;
}

/** Path of the emulated board's port. */
export const EMULATED_PATH = "emulated";

/** A Silicon Labs CP2102, as on a DOIT DevKit V1. */
const CP2102: Omit<PortInfo, "path"> = {
  manufacturer: "Silicon Labs",
  serialNumber: "0001",
  pnpId: undefined,
  locationId: undefined,
  vendorId: "10c4",
  productId: "ea60",
};

/** Bytes that are buffered until they are read; as many as the kernel buffers for a serial port. */
const RECEIVED_MAX = 65_536;

/**
 * An emulated board as a serial port for serialport, control lines included: the rig resets an emulated board
 * by the same code as a real one.
 */
export class EmulatedBinding implements BindingInterface {
  /** Changes the board's bytes on their way, to disturb the line. */
  disturbance: (bytes: Uint8Array) => Uint8Array = bytes => bytes;
  #adapter: EmulatedAdapter;
  #port: EmulatedPort | undefined;

  constructor(adapter: EmulatedAdapter) {
    this.#adapter = adapter;
  }

  async list(): Promise<PortInfo[]> {
    return this.#adapter.plugged ? [{ path: EMULATED_PATH, ...CP2102 }] : [];
  }

  async open(options: OpenOptions): Promise<EmulatedPort> {
    if (options.path !== EMULATED_PATH || !this.#adapter.plugged) {
      throw new Error(`Error: No such file or directory, cannot open ${options.path}`);
    }
    if (this.#port?.isOpen) {
      throw new Error("Error Resource temporarily unavailable Cannot lock port");
    }
    this.#port = new EmulatedPort(this.#adapter, options, bytes => this.disturbance(bytes));
    return this.#port;
  }

  /** Pulls the cable: an open port fails. */
  unplug(): void {
    this.#adapter.unplug();
    this.#port?.lose();
  }

  plug(): void {
    this.#adapter.plugged = true;
  }
}

/** Error of a read or write that ends because the port is closed or gone. */
function ended(how: "canceled" | "disconnect"): Error {
  return Object.assign(new Error(how === "canceled" ? "Canceled" : "bad file descriptor"), {
    [how]: true,
  });
}

class EmulatedPort implements BindingPortInterface {
  readonly openOptions: Required<OpenOptions>;
  isOpen = true;
  #unplugged = false;
  #adapter: EmulatedAdapter;
  #received: Buffer[] = [];
  #waiting = 0;
  /** The pending read. */
  #reader: { wake(): void; fail(error: Error): void } | undefined;

  constructor(
    adapter: EmulatedAdapter,
    options: OpenOptions,
    line: (bytes: Uint8Array) => Uint8Array,
  ) {
    this.openOptions = {
      dataBits: 8,
      lock: true,
      stopBits: 1,
      parity: "none",
      rtscts: false,
      xon: false,
      xoff: false,
      xany: false,
      hupcl: true,
      ...options,
    };
    this.#adapter = adapter;
    adapter.onBytes = sent => {
      const bytes = line(sent);
      if (bytes.byteLength === 0) return;
      if (this.#waiting + bytes.byteLength > RECEIVED_MAX) return; // dropped, as by a kernel whose buffer is full
      this.#received.push(Buffer.from(bytes));
      this.#waiting += bytes.byteLength;
      this.#reader?.wake();
    };
    // As on Linux: opening asserts both lines, which has no effect in the board's circuit.
    adapter.set({ dtr: true, rts: true });
  }

  async close(): Promise<void> {
    if (!this.isOpen) throw new Error("Port is not open");
    // Hang up on close: DTR and RTS are released first, unless that was switched off.
    if (this.openOptions.hupcl && !this.#unplugged) this.#adapter.set({ dtr: false, rts: false });
    this.isOpen = false;
    this.#adapter.onBytes = undefined;
    this.#reader?.fail(ended("canceled"));
  }

  /** The cable is out. The port stays open until its owner notices and closes it. */
  lose(): void {
    this.#unplugged = true;
    this.#adapter.onBytes = undefined;
    this.#reader?.fail(ended("disconnect"));
  }

  async read(
    buffer: Buffer,
    offset: number,
    length: number,
  ): Promise<{ buffer: Buffer; bytesRead: number }> {
    if (!this.isOpen) throw ended("canceled");
    if (this.#unplugged) throw ended("disconnect");
    if (this.#received.length === 0) {
      await new Promise<void>((resolve, reject) => {
        this.#reader = { wake: resolve, fail: reject };
      });
      this.#reader = undefined;
    }
    const first = this.#received[0];
    const bytesRead = first.copy(buffer, offset, 0, length);
    if (bytesRead < first.byteLength) this.#received[0] = first.subarray(bytesRead);
    else this.#received.shift();
    this.#waiting -= bytesRead;
    return { buffer, bytesRead };
  }

  async write(buffer: Buffer): Promise<void> {
    if (!this.isOpen) throw ended("canceled");
    if (this.#unplugged) throw ended("disconnect");
    this.#adapter.send(buffer);
  }

  async update({ baudRate }: { baudRate: number }): Promise<void> {
    if (baudRate !== 115_200) throw new Error(`not emulated: ${baudRate} baud`);
  }

  async set({ dtr = true, rts = true }: SetOptions): Promise<void> {
    this.#adapter.set({ dtr, rts });
  }

  async get(): Promise<{ cts: boolean; dsr: boolean; dcd: boolean }> {
    return { cts: true, dsr: false, dcd: false };
  }

  async getBaudRate(): Promise<{ baudRate: number }> {
    return { baudRate: 115_200 };
  }

  async flush(): Promise<void> {
    this.#received = [];
    this.#waiting = 0;
  }

  async drain(): Promise<void> {}
}
