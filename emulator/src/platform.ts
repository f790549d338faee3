/**
 * The interfaces that a program finds on its board: the classes of ECMA-419 as the ESP32 port has them, and the machine's
 * own state. Types only, and none of Node's: the conformance cases are checked with the SDK's alone.
 */

import type {
  Clock,
  Link,
  NativePipeOptions,
  NativeSearchConstructor,
  SocketFailure,
} from "../../firmware/src/platform.ts";
import type { Creation } from "./boards/kind.ts";
import type { ResetReason } from "./reset.ts";

/** The interfaces that a firmware finds on its board. */
export interface BoardPlatform {
  readonly TCP: TCPClass;
  readonly Listener: ListenerClass;
  readonly UDP: UDPClass;
  readonly Digital: DigitalClass;
  /** Where the sockets have `pipe`. */
  readonly Search?: NativeSearchConstructor;
  /** The driver of a board with a DHCP server; `link` has no network until the program has joined one with it. */
  readonly WiFi?: WiFiClass;
  /** The same of a board with Ethernet. */
  readonly Ethernet?: EthernetClass;
  readonly Serial: SerialClass;
  readonly storage: KeyValue;
  readonly clock: Clock;
  link: Link;
  readonly connectionsMax: number;
  /** A listener can be closed at any time. With the SDK's sockets that may end the board. */
  readonly closesListeners: boolean;
  /** UDP sockets can join multicast groups. */
  readonly multicast: boolean;
  readonly vitals: Vitals;
  /** The memory that the firmware's manifest reserves for an engine of the program's own. */
  readonly creation?: Creation | undefined;
  /** Takes memory until the reset; false when there is not so much (malloc returns NULL). */
  takeHeap(bytes: number): boolean;
  random(): number;
  log(line: string): void;
  /** Ends the program and boots again (System.restart); it does not return. */
  restart(): never;
  /**
   * Calls `hook` when an exception ends the program: `globalThis.abort` of a chip that is built with
   * `xs.abortHook`. Without one the board prints the line of an instrumented build.
   */
  onAbort(hook: AbortHook): void;
  /** Calls `task` when the program ends, for whatever reason: for a program that runs on an engine of its own. */
  onEnd(task: () => void): void;
}

/** State of the chip. */
export interface Vitals {
  readonly resetReason: ResetReason;
  readonly uptimeMs: number;
  /** An estimate, from what connections, datagrams and the growth of the program's engine hold. */
  readonly freeHeapBytes: number;
  /** The least of it since the reset. */
  readonly heapFloorBytes: number;
  /** Size of the partition that `storage` writes to. */
  readonly storageBytes: number;
}

/** `reason` is XS's, such as "unhandled exception". */
export type AbortHook = (reason: string, exception: unknown) => void;

export interface DigitalOptions {
  pin: number;
  /** A constant of the class. */
  mode: number;
  initialValue?: number;
}

/** A pin of the board that its program drives. */
export interface Digital {
  read(): number;
  write(level: number): void;
  close(): void;
}

export interface DigitalClass {
  new (options: DigitalOptions): Digital;
  readonly Output: number;
}

export interface TCPOptions {
  address?: string;
  port?: number;
  from?: unknown;
  nodelay?: boolean;
  /** Idle time before the first keepalive probe, in ms. The SDK's sockets ignore it. */
  keepalive?: number;
  format?: string;
  target?: unknown;
  onReadable?: (bytes: number) => void;
  onWritable?: (bytes: number) => void;
  /** The peer's FIN, behind the last byte. Without it FIN is `onError`. The SDK's sockets never call it. */
  onEnd?: () => void;
  /** The pipe from here: `event` is an index of `PIPE_EVENTS` (firmware/src/net/pipe.ts). */
  onPiped?: (event: number) => void;
  /** With `onEnd` it is never `end`, the peer's FIN. The SDK's sockets give no code. */
  onError?(code?: SocketFailure | "end"): void;
}

export type TCPClass = new (options?: TCPOptions) => TCP;

export interface TCP {
  target: unknown;
  readonly remoteAddress: string;
  readonly remotePort: number;
  format: string;
  read(into: ArrayBuffer | Uint8Array): number | undefined;
  /** One byte as a number in format `number`. */
  read(count?: number): ArrayBuffer | number | undefined;
  write(bytes: ArrayBuffer | Uint8Array | number): number | undefined;
  /** With `true` a reset, and what was not sent is dropped. The SDK's sockets ignore the argument. */
  close(reset?: boolean): void;
  /** Sends FIN behind what was written; reading goes on. The SDK's sockets have no such method. */
  end?(): void;
  /**
   * Puts bytes back that were read last. False: there is no memory, and nothing has changed. The SDK's sockets have
   * no such method.
   */
  unread?(bytes: ArrayBuffer | Uint8Array): boolean;
  /** Pipes: firmware/native/binding.h. The SDK's sockets have none, nor has a board with less than `BoardKind.pipes`. */
  pipe?(to: TCP, options: NativePipeOptions): void;
  unpipe?(): void;
  readonly readable?: number;
  readonly writable?: number;
  readonly passed?: number | undefined;
  readonly waitsFor?: number | undefined;
  readonly heldBytes?: number | undefined;
}

export interface ListenerOptions {
  port?: number;
  target?: unknown;
  format?: string;
  onReadable?: (connections: number) => void;
}

export type ListenerClass = new (options: ListenerOptions) => Listener;

export interface Listener {
  target: unknown;
  readonly port: number;
  format: string;
  read(): TCP | undefined;
  close(): void;
}

export interface UDPOptions {
  port?: number;
  timeToLive?: number;
  format?: string;
  target?: unknown;
  onReadable?: (datagrams: number) => void;
}

/** The result of `read`: the payload, with the sender's address and port. */
export type Datagram = ArrayBuffer & { readonly address: string; readonly port: number };

export interface UDP {
  target: unknown;
  format: string;
  read(): Datagram | undefined;
  write(bytes: ArrayBuffer | Uint8Array, address: string, port: number): void;
  add(address: string): void;
  remove(address: string): void;
  close(): void;
  /** The SDK's class lacks these two. */
  readonly port?: number;
  readonly dropped?: number;
}

export type UDPClass = new (options: UDPOptions) => UDP;

export interface WiFiOptions {
  onChanged?: (property: "connection" | "address") => void;
}

/** The host name, and a static address or, with `false`, DHCP. */
export interface AddressingOptions {
  hostname?: string;
  static?: { address: string; mask: string; gateway: string } | false;
}

/** A Wi-Fi interface (`embedded:network/interface/wifi`). */
export interface WiFiDriver {
  connect(options: { SSID: string; password?: string }): void;
  disconnect(): void;
  configure(options: AddressingOptions): void;
  close(): void;
  readonly connection: number;
  readonly address: string | undefined;
  readonly MAC: string;
  readonly RSSI: number | undefined;
}

export type WiFiClass = new (options: WiFiOptions) => WiFiDriver;

export type EthernetOptions = WiFiOptions;

export interface EthernetDriver extends Omit<WiFiDriver, "connect" | "RSSI"> {
  connect(): void;
}

export type EthernetClass = new (options: EthernetOptions) => EthernetDriver;

export interface SerialOptions {
  transmit?: number;
  receive?: number;
  port?: number;
  baud: number;
  format?: string;
  target?: unknown;
  onReadable?: (bytes: number) => void;
  onWritable?: (bytes: number) => void;
}

export interface Serial {
  target: unknown;
  format: string;
  read(into: ArrayBuffer | Uint8Array): number | undefined;
  read(count?: number): ArrayBuffer | number | undefined;
  write(bytes: ArrayBuffer | Uint8Array | number): void;
  close(): void;
}

export type SerialClass = new (options: SerialOptions) => Serial;

export interface StorageOptions {
  path: string;
  mode?: "r" | "r+";
  format?: "buffer" | "string";
}

/** A namespace of the store. Keys have 15 characters at most. */
export interface Storage extends Iterable<string> {
  format: string;
  read(key: string): ArrayBuffer | string | undefined;
  write(key: string, value: ArrayBuffer | Uint8Array | string): void;
  delete(key: string): void;
  close(): void;
}

/** One that was opened for text. */
export interface TextStorage extends Storage {
  read(key: string): string | undefined;
}

export interface KeyValue {
  open(options: StorageOptions & { format: "string" }): TextStorage;
  open(options: StorageOptions): Storage;
}
