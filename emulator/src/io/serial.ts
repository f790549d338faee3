import type { Serial, SerialClass, SerialOptions } from "../platform.ts";
import type { Message, Tasks } from "../tasks.ts";
import {
  argument,
  callback,
  initialFormat,
  integer,
  isReference,
  newFormat,
  signedInteger,
  viewOf,
} from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import { BAUD, type Uart, type UartInterrupts } from "./uart.ts";

/** UART_NUM_MAX of the ESP32. */
const PORTS = 3;

const BAUD_MAX = 20_000_000;

/** The pins of UART0, to which the board's USB adapter is wired. */
const TRANSMIT_PIN = 1;
const RECEIVE_PIN = 3;

/** Pins that the ESP32 has: SOC_GPIO_VALID_GPIO_MASK. */
const isPin = (pin: number) => pin < 40 && pin !== 24 && !(pin >= 28 && pin <= 31);

/** `onWritable` comes when fewer bytes than this are left to send (kTransmitTreshold). */
const TX_EMPTY_BYTES = 10;

/**
 * `embedded:io/serial` as the ESP32 port behaves, on UART0 of a release build, where no driver owns it.
 * Read from modules/io/serial/esp32/serial.c @ 48ee02d:
 *
 * - there is no buffer but the hardware's: `write` throws "output full" and takes nothing when there
 *   is too little room;
 * - the constructor empties both FIFOs, log lines that wait included;
 * - `onWritable` comes once after the constructor, and once after writes when nearly all is sent;
 *   `onReadable` comes with 96 bytes or after four bytes' silence; readable first;
 * - a full event queue drops the event, and `onReadable` (or `onWritable`) never comes again.
 */
class EmulatedSerial extends HostObject implements Serial, Message, UartInterrupts {
  target: unknown;
  next: Message | undefined;
  #uart: Uart;
  #tasks: Tasks;
  /** Pins that the program's serial objects use. */
  #pinsInUse: Set<number>;
  #pins: number[] = [];
  #format: string;
  #onReadable: SerialOptions["onReadable"];
  #onWritable: SerialOptions["onWritable"];
  #isReadable = false;
  #isWritable = false;
  #txArmed = false;
  #closed = false;

  constructor(uart: Uart, tasks: Tasks, pinsInUse: Set<number>, options: SerialOptions) {
    super(EmulatedSerial);
    this.#uart = uart;
    this.#tasks = tasks;
    this.#pinsInUse = pinsInUse;
    const transmit = readPin(options, "transmit", pinsInUse);
    const receive = readPin(options, "receive", pinsInUse);
    if (transmit === undefined && receive === undefined) throw new Error("invalid");
    const port = "port" in options ? signedInteger(options.port) : 0;
    if (port < 0 || port >= PORTS) throw new RangeError("invalid port");
    const baud = integer(options.baud);
    if (baud <= 0 || baud > BAUD_MAX) throw new RangeError("invalid baud");
    const onReadable = callback(options.onReadable);
    const onWritable = callback(options.onWritable);
    this.target = options.target;
    this.#format = initialFormat(options, "buffer");
    if (!isFormat(this.#format)) throw new RangeError("invalid format");

    if (port !== 0) throw new Error(`not emulated: serial port ${port}; the adapter is on port 0`);
    if ((transmit ?? TRANSMIT_PIN) !== TRANSMIT_PIN || (receive ?? RECEIVE_PIN) !== RECEIVE_PIN) {
      throw new Error("not emulated: a serial port on pins other than transmit 1 and receive 3");
    }
    if (baud !== BAUD) throw new Error(`not emulated: baud ${baud}; the line runs at ${BAUD}`);

    this.#pins = [transmit, receive].filter(used => used !== undefined);
    for (const used of this.#pins) pinsInUse.add(used);
    if (receive !== undefined) this.#onReadable = onReadable;
    if (transmit !== undefined) this.#onWritable = onWritable;
    uart.flush();
    uart.serve(this);
    if (this.#onReadable) uart.armReceive(true);
    if (this.#onWritable) this.#armTransmit();
  }

  get format(): string {
    checkOpen(this);
    return this.#format;
  }

  set format(given: string) {
    checkOpen(this);
    const format = newFormat(given);
    if (!isFormat(format)) throw new RangeError("unimplemented");
    this.#format = format;
  }

  read(into: ArrayBuffer | Uint8Array): number | undefined;
  read(count?: number): ArrayBuffer | number | undefined;
  read(...given: [into?: number | ArrayBuffer | Uint8Array]): ArrayBuffer | number | undefined {
    checkOpen(this);
    const available = this.#uart.rxCount;
    if (available === 0) return undefined;
    if (this.#format === "number") return this.#uart.read(1)[0];
    const [into] = given;
    if (isReference(into)) {
      const view = viewOf(into);
      const count = Math.min(view.byteLength, available);
      if (count <= 0) throw new Error("invalid");
      view.set(this.#uart.read(count));
      return count;
    }
    const count = given.length === 0 ? available : integer(into);
    if (count <= 0) throw new Error("invalid");
    if (count > available) {
      throw new Error(`not emulated: read(${count}) of ${available} bytes; the chip adds garbage`);
    }
    return this.#uart.read(count).buffer as ArrayBuffer;
  }

  write(...given: [bytes: ArrayBuffer | Uint8Array | number]): void {
    checkOpen(this);
    const room = this.#uart.txFree;
    if (this.#format === "number" && room === 0) throw new Error("output full");
    const bytes = argument(given, 0);
    const view = this.#format === "number" ? Uint8Array.of(integer(bytes)) : viewOf(bytes);
    if (view.byteLength > room) throw new Error("output full");
    if (!this.#uart.serves(this)) return; // the program has ended
    this.#uart.write(view);
    if (this.#onWritable && !this.#txArmed) this.#armTransmit();
  }

  close(): void {
    if (!HostObject.release(this, EmulatedSerial)) return;
    this.#closed = true;
    for (const used of this.#pins) this.#pinsInUse.delete(used);
    this.#uart.serve(undefined);
  }

  receive(): void {
    const post = !this.#isReadable;
    this.#isReadable = true;
    this.#uart.armReceive(false);
    if (post) this.#tasks.offer(this);
  }

  transmit(): void {
    const post = !this.#isWritable;
    this.#isWritable = true;
    this.#txArmed = false;
    if (post) this.#tasks.offer(this);
  }

  deliver(): void {
    if (this.#closed) return;
    if (this.#isReadable) {
      this.#isReadable = false;
      const count = this.#uart.rxCount;
      if (count > 0) this.#onReadable?.call(this, count);
      if (this.#closed) return; // the chip goes on in freed memory here
      this.#uart.armReceive(true);
    }
    if (this.#isWritable) {
      this.#isWritable = false;
      const count = this.#uart.txFree;
      if (count > 0) this.#onWritable?.call(this, count);
    }
  }

  #armTransmit(): void {
    this.#txArmed = true;
    this.#uart.armTransmit(TX_EMPTY_BYTES);
  }
}

/** The class for one program on this line. */
export function defineSerial(uart: Uart, tasks: Tasks): SerialClass {
  const pinsInUse = new Set<number>();
  return class extends EmulatedSerial {
    constructor(options: SerialOptions) {
      super(uart, tasks, pinsInUse, options);
    }
  };
}

function checkOpen(receiver: unknown): asserts receiver is EmulatedSerial {
  HostObject.validate(receiver, EmulatedSerial);
}

function readPin(
  options: SerialOptions,
  name: "transmit" | "receive",
  inUse: Set<number>,
): number | undefined {
  if (!(name in options)) return undefined;
  const wanted = signedInteger(options[name]);
  if (wanted < 0) throw new RangeError("negative");
  if (!isPin(wanted) || inUse.has(wanted)) throw new Error("in use");
  return wanted;
}

function isFormat(format: string): boolean {
  return format === "buffer" || format === "number";
}
