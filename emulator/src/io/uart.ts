import type { Cancel, Clock } from "../clock.ts";

/** Speed of UART0 after reset, of the ROM's banner and of ESP-IDF's console. */
export const BAUD = 115_200;

/** Start bit, eight data bits, stop bit. */
const BYTE_MS = 10_000 / BAUD;

/** Bytes in each hardware FIFO (SOC_UART_FIFO_LEN). */
export const FIFO_BYTES = 128;

/** Received bytes that raise an interrupt (reset value of UART_RXFIFO_FULL_THRHD). */
const RX_FULL_BYTES = 96;

/** Silence that raises one when fewer wait, in bytes' time (serial.c: uart_set_rx_timeout). */
const RX_IDLE_BYTES = 4;

/** Sent bytes reach the computer in pieces of this size, smaller than a USB frame. */
const PIECE_BYTES = 8;

/** Sums of byte times are not exact. */
const EPSILON = 1e-6;

/** The interrupt handlers of a UART; serial.c's serial_isr. */
export interface UartInterrupts {
  /** Bytes wait, and there are many, or the line is silent. */
  receive(): void;
  /** Fewer than `txEmptyBytes` are left to send. */
  transmit(): void;
}

/**
 * UART0 of the chip and the line to the computer: two FIFOs of 128 bytes, and as many bytes a
 * millisecond as 115200 bits a second carry. There is no flow control: bytes that arrive while the FIFO is
 * full are lost silently. Unpaced, what the board sends arrives at once, and there is always room for it.
 */
export class Uart {
  /** Called with the bytes that the board sends, when the line has carried them. */
  onBytes: ((bytes: Uint8Array) => void) | undefined;
  /** Called with the bytes that the program writes, when it does. */
  onWritten: ((bytes: Uint8Array) => void) | undefined;
  /** Bytes from the computer that found the FIFO full, or the chip without power. */
  lostBytes = 0;
  powered = true;
  #clock: Clock;
  #paced: boolean;
  #interrupts: UartInterrupts | undefined;
  /** Unpaced: the program knows that there is room without end. */
  #roomIsKnown = false;
  #rxArmed = false;
  #rxAlarm: Cancel | undefined;
  #txEmptyBytes = 0;
  #txAlarm: Cancel | undefined;
  /** When all written bytes are sent. */
  #txEndMs = 0;
  /** Written, and not yet handed to the computer. */
  #leaving: number[] = [];
  #handing: Cancel | undefined;
  /** On the line from the computer; its first byte began at `#rxBeginMs`. */
  #arriving: number[] = [];
  #rxBeginMs = 0;
  #received: number[] = [];
  /** The bytes of them that the program knew of when it last looked. */
  #seenBytes = 0;

  constructor(clock: Clock, { paced = true } = {}) {
    this.#clock = clock;
    this.#paced = paced;
  }

  // The computer's end

  /** The computer sends. Returns the time until the last byte has arrived, in ms. */
  send(bytes: Uint8Array): number {
    this.#receive();
    const now = this.#clock.now();
    if (this.#arriving.length === 0) this.#rxBeginMs = now;
    for (const byte of bytes) this.#arriving.push(byte);
    this.#watchReceived();
    return this.#rxEndMs - now;
  }

  // The chip's end

  /** Room in the FIFO for bytes to be sent. */
  get txFree(): number {
    if (!this.#paced) return Number.MAX_SAFE_INTEGER;
    return Math.max(0, FIFO_BYTES - this.#txCount);
  }

  /** Bytes in the FIFO of received ones. */
  get rxCount(): number {
    this.#receive();
    this.#seenBytes = this.#received.length;
    return this.#received.length;
  }

  /** Time until all written bytes are sent, in ms. */
  get drainMs(): number {
    return Math.max(0, this.#txEndMs - this.#clock.now());
  }

  /** The program puts bytes into the FIFO. More than fit would overwrite others; the caller looks first. */
  write(bytes: Uint8Array): void {
    this.onWritten?.(bytes);
    if (this.#paced) this.#transmit(bytes);
    else this.onBytes?.(Uint8Array.from(bytes));
  }

  #transmit(bytes: Uint8Array): void {
    this.#txEndMs = this.#clock.now() + this.drainMs + bytes.byteLength * BYTE_MS;
    this.#watchTransmitted();
    if (this.onBytes === undefined) return;
    for (const byte of bytes) this.#leaving.push(byte);
    this.#hand();
  }

  /**
   * Writes as ESP-IDF's console without a driver does: it waits for two free places before each
   * byte (uart_vfs.c: uart_tx_char). Returns how long the writer waits, in ms.
   */
  print(bytes: Uint8Array): number {
    this.#transmit(bytes);
    return Math.max(0, this.drainMs - (FIFO_BYTES - 1) * BYTE_MS);
  }

  read(count: number): Uint8Array {
    this.#receive();
    const bytes = Uint8Array.from(this.#received.splice(0, count));
    this.#seenBytes = this.#received.length;
    return bytes;
  }

  /** Both FIFOs are emptied (uart_param_config ends so): what was not sent yet is never sent. */
  flush(): void {
    this.#receive();
    this.#received = [];
    this.#seenBytes = 0;
    const unsent = Math.min(FIFO_BYTES, Math.max(0, this.#txCount - 1)); // one is on the line
    this.#leaving.splice(Math.max(0, this.#leaving.length - unsent));
    this.#txEndMs -= unsent * BYTE_MS;
  }

  serve(interrupts: UartInterrupts | undefined): void {
    this.#interrupts = interrupts;
    this.#roomIsKnown = false;
    this.#rxArmed = false;
    this.#txEmptyBytes = 0;
    this.#watchReceived();
    this.#watchTransmitted();
  }

  /** The program whose handlers these are runs. */
  serves(interrupts: UartInterrupts): boolean {
    return this.#interrupts === interrupts;
  }

  /** Clears the pending interrupt (UART_INT_CLR), not the received bytes. */
  armReceive(armed: boolean): void {
    this.#rxArmed = armed;
    this.#watchReceived();
  }

  /** One interrupt, once fewer than `bytes` are left to send. */
  armTransmit(bytes: number): void {
    if (this.#roomIsKnown) return;
    this.#roomIsKnown = !this.#paced;
    this.#txEmptyBytes = bytes;
    this.#watchTransmitted();
  }

  /** No power: bytes in the FIFOs and on the line are lost. */
  powerOff(): void {
    this.#receive();
    this.powered = false;
    this.serve(undefined);
    this.#received = [];
    this.#seenBytes = 0;
    this.#leaving = [];
    this.#txEndMs = this.#clock.now();
    this.#handing?.();
    this.#handing = undefined;
  }

  get #txCount(): number {
    return Math.ceil(this.drainMs / BYTE_MS - EPSILON);
  }

  get #rxEndMs(): number {
    return this.#rxBeginMs + this.#arriving.length * BYTE_MS;
  }

  /** Bytes that have arrived by now go into the FIFO, or are lost. */
  #receive(): void {
    const passed = Math.floor((this.#clock.now() - this.#rxBeginMs) / BYTE_MS + EPSILON);
    const count = Math.min(this.#arriving.length, passed);
    if (count <= 0) return;
    const room = this.powered ? FIFO_BYTES - this.#received.length : 0;
    const bytes = this.#arriving.splice(0, count);
    this.#received.push(...bytes.slice(0, room));
    this.lostBytes += Math.max(0, count - room);
    this.#rxBeginMs += count * BYTE_MS;
  }

  #watchReceived(): void {
    this.#rxAlarm?.();
    this.#rxAlarm = undefined;
    if (!this.#rxArmed) return;
    this.#receive();
    const { length } = this.#arriving;
    const toFull = Math.max(1, RX_FULL_BYTES - this.#received.length);
    const atMs =
      toFull <= length
        ? this.#rxBeginMs + toFull * BYTE_MS
        : this.#rxEndMs + RX_IDLE_BYTES * BYTE_MS;
    const ms = Math.max(0, atMs - this.#clock.now());
    // On the chip no time passes between two statements; here it does, so bytes received since the program
    // last looked are never forgotten.
    const isForgotten = ms === 0 && this.#received.length <= this.#seenBytes;
    if (length === 0 && (this.#received.length === 0 || isForgotten)) return;
    this.#rxAlarm = this.#clock.after(ms, () => {
      this.#rxAlarm = undefined;
      this.#receive();
      this.#interrupts?.receive();
    });
  }

  #watchTransmitted(): void {
    this.#txAlarm?.();
    this.#txAlarm = undefined;
    if (this.#txEmptyBytes === 0) return;
    const ms = Math.max(0, this.drainMs - (this.#txEmptyBytes - 1) * BYTE_MS);
    this.#txAlarm = this.#clock.after(ms, () => {
      // Timers of a computer ring up to a millisecond early: 11 bytes.
      if (this.#txCount >= this.#txEmptyBytes) return this.#watchTransmitted();
      this.#txAlarm = undefined;
      this.#txEmptyBytes = 0;
      this.#interrupts?.transmit();
    });
  }

  #hand(): void {
    if (this.#handing !== undefined || this.#leaving.length === 0) return;
    const ms = Math.min(PIECE_BYTES, this.#leaving.length) * BYTE_MS;
    this.#handing = this.#clock.after(ms, () => {
      this.#handing = undefined;
      const left = Math.max(0, this.#leaving.length - this.#txCount);
      if (left > 0) this.onBytes?.(Uint8Array.from(this.#leaving.splice(0, left)));
      this.#hand();
    });
  }
}
