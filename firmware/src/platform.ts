/**
 * The parts of a machine that the firmware needs: sockets, time, network, storage, serial port. Types only.
 *
 * The socket types are those of ECMA-419 (`embedded:io/socket/tcp`, `…/listener`), cut down to what
 * the proxy uses and completed where the published typings are silent: `write` returns the room
 * left, `read` returns the count, a listener can be closed.
 */

/** A TCP connection. What is optional, the SDK's sockets lack, and the firmware's own have (native/binding.h). */
export interface TCPSocket {
  /** Fills `view` completely; throws if `view` is longer than what was announced. */
  read(view: Uint8Array): number | undefined;
  /**
   * Takes all of `view` or throws ("would block", "not ready"). Returns the room left in the send
   * buffer; `undefined` means that the connection is dead.
   */
  write(view: Uint8Array): number | undefined;
  /** With `true`: sends RST at once and drops what was not sent. The SDK's sockets ignore the argument. */
  close(reset?: boolean): void;
  /** Sends FIN behind what was written; reading goes on. */
  end?(): void;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** The `target` option of the constructor. */
  target?: unknown;
  /**
   * Moves content from here to `to` without the engine; `onPiped` reports how it goes. Bytes that wait here belong to the pipe
   * until it ends, and `to` must not be written to. Throws "no memory", "in use", "invalid", and where it
   * does not know a framing: then the engine moves the bytes (`net/pipe.ts`). Absent where it always does (the SDK's sockets, the
   * emulated ESP32's).
   */
  pipe?(to: TCPSocket, options: NativePipeOptions): void;
  /** Ends the pipe from here: what was not passed is readable again, and announced. */
  unpipe?(): void;
  /** Puts bytes back that were read last; they are read next, or piped. False: no memory, nothing has changed. */
  unread?(bytes: Uint8Array): boolean;
  /** Bytes that wait to be read, and room for bytes to be written. Where there is `pipe`, as the next five are. */
  readonly readable?: number;
  readonly writable?: number;
  /** Bytes of content that the pipe from here has passed, until `unpipe`. */
  readonly passed?: number;
  /** The side that the pipe from here waits for: 0 for bytes of the sender, 1 for room at the receiver. */
  readonly waitsFor?: number;
  /** Bytes that were received and not passed, or passed and not acknowledged. */
  readonly heldBytes?: number;
}

/** The name of a framing that the native code knows. */
export type NativeFraming = "chunked";

/** Tables of a keyword search (net/keywords.ts), copied to where native pipes find them. */
export type NativeSearch = object;

/** Takes a `Keywords`; throws where there is no memory for a copy. */
export interface NativeSearchConstructor {
  new (keywords: object): NativeSearch;
}

/** The options of a native pipe; `Content` in net/pipe.ts explains them. */
export interface NativePipeOptions {
  readonly bytes?: number | undefined;
  readonly fromFraming?: NativeFraming | undefined;
  readonly toFraming?: NativeFraming | undefined;
  readonly search?: NativeSearch | undefined;
}

/** Why a connection is lost; `memory`: the board's own. */
export type SocketFailure = "refused" | "reset" | "timeout" | "memory" | "unreachable";

/** Called with the socket as `this`. */
export interface TCPCallbacks {
  readonly target: unknown;
  /** `bytes` are unread in total. Not repeated while they are. */
  onReadable(this: TCPSocket, bytes: number): void;
  /** `bytes` is the room in the send buffer. The first call means that the connection is established. */
  onWritable(this: TCPSocket, bytes: number): void;
  /** FIN was received, behind the last byte. Writing goes on. The SDK's sockets call `onError` instead. */
  onEnd?(this: TCPSocket): void;
  /**
   * The connection is lost. The SDK's sockets give no reason, and call it for FIN as well. May be called twice.
   */
  onError(this: TCPSocket, failure?: SocketFailure): void;
  /** The pipe from here: `event` is an index of `PIPE_EVENTS` (net/pipe.ts). Called before what else is to be reported. */
  onPiped?(this: TCPSocket, event: number): void;
}

export interface TCPConstructor {
  new (options: TCPCallbacks & { address: string; port: number; nodelay?: boolean }): TCPSocket;
  new (options: TCPCallbacks & { from: TCPSocket; nodelay?: boolean }): TCPSocket;
}

export interface ListenerSocket {
  /** The next accepted connection. Call it once for each announced connection, never more. */
  read(): TCPSocket | undefined;
  close(): void;
  readonly port: number;
}

export interface ListenerConstructor {
  new (options: { port: number; onReadable(connections: number): void }): ListenerSocket;
}

/** A datagram: its payload, with the sender's address and port. */
export type Datagram = ArrayBuffer & { readonly address: string; readonly port: number };

/** A UDP socket (`embedded:io/socket/udp`). */
export interface UDPSocket {
  /** The oldest datagram that waits; `undefined` if none does. */
  read(): Datagram | undefined;
  /** Sends a datagram. Throws if the board has no network or no memory. */
  write(bytes: ArrayBuffer | Uint8Array, address: string, port: number): void;
  /** Joins a multicast group on the networks that have an address now. Absent on the computer's simulator. */
  add?(group: string): void;
  close(): void;
}

export interface UDPConstructor {
  /** Without `port` the stack chooses one. `onReadable`: so many datagrams wait. */
  new (options: {
    port?: number;
    timeToLive?: number;
    onReadable(this: UDPSocket, datagrams: number): void;
  }): UDPSocket;
}

/** An output pin (`embedded:io/digital`). */
export interface DigitalPin {
  write(level: 0 | 1): void;
  /** Makes it an input. */
  close(): void;
}

export interface DigitalConstructor {
  /** Throws if the chip does not have the pin, or uses it otherwise. The level is set before the direction. */
  new (options: { pin: number; mode: number; initialValue: 0 | 1 }): DigitalPin;
  /** A value of `mode`. */
  readonly Output: number;
}

/** Cancels a task that has not run yet; afterwards it does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since boot; never goes back. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now. */
  after(ms: number, task: () => void): Cancel;
}

/** The board's name in the network, and where its address comes from: the key `network` of the configuration. */
export interface NetworkSettings {
  /** A DNS label, which the DHCP server gets, too; empty: none. */
  readonly hostname: string;
  /** The static IPv4 address, with netmask and gateway; DHCP gives all three if they are absent. */
  readonly address: string | undefined;
  readonly netmask: string | undefined;
  readonly gateway: string | undefined;
  /** IPv4 addresses of DNS servers; those of DHCP if empty. */
  readonly dns: readonly string[];
}

/** The values that DHCP, or `NetworkSettings`, has set beside the address. */
export interface InterfaceState {
  readonly netmask: string;
  /** The router. */
  readonly gateway: string;
  /** The servers that DHCP has named; empty with a static address. */
  readonly dnsServers: readonly string[];
}

/** The connection to the network: Wi-Fi or Ethernet on the chip. */
export interface Link {
  /** Absent where the board uses the computer's network. */
  readonly kind?: "wifi" | "ethernet";
  /** The board's IPv4 address; `undefined` without a network. */
  readonly address: string | undefined;
  /** The interface's MAC address; `undefined` while its driver is not open. */
  readonly mac?: string | undefined;
  /** Asked anew at each use; `undefined` without a network. */
  readonly interfaceState?: InterfaceState | undefined;
  /** DNS servers in the order of preference: `NetworkSettings.dns`, or those of DHCP. Absent: not known. */
  readonly dnsServers?: readonly string[];
  /** Signal strength in dBm; `undefined` without a radio. */
  readonly rssi: number | undefined;
  /** The network's name, if it has one. */
  readonly ssid?: string | undefined;
  /** Another network is on trial: without `confirm` the previous one is joined again. */
  readonly onTrial?: boolean;
  /** Calls `changed` whenever the address appears, disappears or changes. One watcher. */
  watch(changed: () => void): void;
  /**
   * The first call joins the network. A later one leaves it and joins it again with the new settings, unless only the
   * DNS servers are new. Absent where the board cannot choose its address.
   */
  configure?(network: NetworkSettings): void;
  /**
   * Joins another Wi-Fi network; if that fails for long, or is not confirmed, the previous one again. Absent where the
   * board cannot choose its network.
   */
  join?(ssid: string, password: string): void;
  /** A request, with the token if one is set, has arrived over the network on trial: it is saved. */
  confirm?(): void;
  /** Erases the saved networks. Absent where none is saved. */
  forget?(): void;
  /** Leaves the network and joins it again. Absent where that is impossible. */
  rejoin?(): void;
}

/** A namespace of non-volatile storage, opened for text (ECMA-419 key-value storage). */
export interface Storage {
  /**
   * Keys have 15 characters at most, values 3999 bytes (NVS); see `DocumentStore` for longer ones. `undefined`: no such entry. An entry of
   * another type is returned as it is, or throws a TypeError; `TextStore` handles both.
   */
  read(key: string): unknown;
  write(key: string, value: string): void;
  delete(key: string): void;
}

export interface StorageOpener {
  open(options: { path: string; mode: "r+"; format: "string" }): Storage;
}

/** A serial port (`embedded:io/serial`). */
export interface SerialPort {
  /** Reads the received bytes, as far as they fit; returns their count. */
  read(into: Uint8Array): number | undefined;
  /** Takes all of `bytes` or throws ("output full"). */
  write(bytes: ArrayBuffer | Uint8Array): void;
}

export interface SerialConstructor {
  new (options: {
    port: number;
    transmit: number;
    receive: number;
    baud: number;
    onReadable(this: SerialPort, bytes: number): void;
    /** The port takes so many bytes at once. Called first of all, and when nearly all that was written is sent. */
    onWritable(this: SerialPort, bytes: number): void;
  }): SerialPort;
}

/** The machine's own state. */
export interface Vitals {
  /** The reset reason: `power-on`, `software`, `panic`, `brownout`, … */
  readonly resetReason: string | undefined;
  /** `undefined` where memory is not limited. */
  readonly freeHeapBytes: number | undefined;
  /** Size of the partition that `storage` writes to; `undefined` where that is not known. */
  readonly storageBytes: number | undefined;
}

/**
 * The loop of `Scan.next` in C (native/keywords.c). It takes buffers, because the SDK's FFI passes those. Returns
 * the state that was reached and, in the upper 16 bits, the number of bytes searched.
 */
export type FindKeyword = (
  bytes: ArrayBuffer,
  start: number,
  end: number,
  columns: ArrayBuffer,
  next: ArrayBuffer,
  state: number,
  found: number,
) => number;

/**
 * Writes a line into a ring of lines (log/line-ring.ts), over the oldest ones, without a string for any part of it
 * (native/lines.c). log/line-format.ts explains `format` and its values: seven texts and twelve numbers.
 */
export type WriteLine = (
  ring: ArrayBuffer,
  order: number,
  format: string,
  ...values: LineValues
) => void;

/** The texts and numbers of a line; those that its format does not name are not used. */
export type LineValues = [
  ...texts: [string, string, string, string, string, string, string],
  ...numbers: [
    ...[number, number, number, number, number, number],
    ...[number, number, number, number, number, number],
  ],
];

/**
 * Copies the next bytes of the lines of three rings to `into`, from `at` on: `bytesMax` at most, CR LF behind each line
 * (native/lines.c). `ReadFlags` and `ReadResult` of log/line-ring.ts say the rest.
 */
export type ReadLines = (
  notice: ArrayBuffer,
  board: ArrayBuffer,
  requests: ArrayBuffer,
  into: ArrayBuffer,
  at: number,
  bytesMax: number,
  flags: number,
) => number;

/**
 * `readHead` of http1/head-reader.ts in C (native/head.c). It takes the buffers of its two arrays, which begin there.
 */
export type ReadHead = (
  bytes: ArrayBuffer,
  from: number,
  end: number,
  words: ArrayBuffer,
) => number;

/** The functions of native/writer.c, which http1/writing.ts explains. */
export type PutTexts = (
  to: ArrayBuffer,
  at: number,
  end: number,
  one: string,
  two: string,
  three: string,
  four: string,
  five: string,
) => number;

export type PutBytes = (
  to: ArrayBuffer,
  at: number,
  end: number,
  from: ArrayBuffer,
  start: number,
  stop: number,
) => number;

/** `positions` here and below: those of a head (native/head.h). */
export type PutValue = (
  to: ArrayBuffer,
  at: number,
  end: number,
  before: string,
  from: ArrayBuffer,
  positions: ArrayBuffer,
  field: number,
  behind: string,
) => number;

export type PutFields = (
  to: ArrayBuffer,
  at: number,
  end: number,
  from: ArrayBuffer,
  start: number,
  stop: number,
  positions: ArrayBuffer,
  names: number,
  indexes: number,
) => number;

export interface Platform {
  readonly TCP: TCPConstructor;
  readonly Listener: ListenerConstructor;
  /** Absent where there are no pins. */
  readonly Digital?: DigitalConstructor;
  /** Absent where the board has no UDP: names are not resolved there. */
  readonly UDP?: UDPConstructor;
  /**
   * A listening socket can be closed while the program runs. Absent with the SDK's sockets: their listener frees
   * what an announcement under way still points to (modules/io/socket/lwip/tcp.c).
   */
  readonly closesListeners?: boolean;
  /**
   * UDP sockets can join multicast groups: without that the board has no name by multicast DNS. Absent with the SDK's sockets,
   * which change groups beside lwIP's task, or not at all.
   */
  readonly multicast?: boolean;
  readonly clock: Clock;
  readonly link: Link;
  readonly vitals: Vitals;
  /** Absent where there is no storage. */
  readonly storage?: StorageOpener;
  /** Absent where the board has no serial port. */
  readonly Serial?: SerialConstructor;
  /** Absent where the native code is not built in. */
  readonly findKeyword?: FindKeyword;
  readonly writeLine?: WriteLine;
  readonly readHead?: ReadHead;
  readonly putTexts?: PutTexts;
  readonly putBytes?: PutBytes;
  readonly putValue?: PutValue;
  readonly putFields?: PutFields;
  readonly readLines?: ReadLines;
  /** Present where the sockets have `pipe`. */
  readonly Search?: NativeSearchConstructor;
  /** Restarts the machine; does not return. Absent where the program cannot. */
  restart?(): never;
  /** Maximum of concurrent TCP connections, listening sockets included (lwIP: `LWIP_MAX_ACTIVE_TCP`). */
  readonly connectionsMax: number;
  /** A number from 0 to less than 1, unpredictable if the machine has such a source. */
  random(): number;
  /** Writes one line to the serial console. */
  log(line: string): void;
}
