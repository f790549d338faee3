/**
 * What the proxy asks of a machine: sockets, time, and somewhere to write. Types only; nothing here
 * survives compilation.
 *
 * The socket types are those of ECMA-419 (`embedded:io/socket/tcp`, `…/listener`), cut down to what
 * the proxy uses and completed where the published typings are silent: `write` returns the room
 * left, `read` returns the count, a listener can be closed.
 */

/** A socket that somebody may read, write and close. */
export interface TCPSocket {
  /** Fills `view` completely; asking for more than was announced throws. */
  read(view: Uint8Array): number | undefined;
  /**
   * Takes all of `view` or throws ("would block", "not ready"). Returns the room left in the send
   * buffer; `undefined` means that the connection is dead.
   */
  write(view: Uint8Array): number | undefined;
  close(): void;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** What the maker gave as `target`. */
  target?: unknown;
}

/** Called with the socket as `this`. */
export interface TCPCallbacks {
  readonly target: unknown;
  /** `bytes` wait unread in all. Not repeated while they wait. */
  onReadable(this: TCPSocket, bytes: number): void;
  /** `bytes` is the room in the send buffer. The first call says that the connection is there. */
  onWritable(this: TCPSocket, bytes: number): void;
  /** The peer hung up, reset, or never answered. May come twice. */
  onError(this: TCPSocket): void;
}

export interface TCPConstructor {
  new (options: TCPCallbacks & { address: string; port: number; nodelay?: boolean }): TCPSocket;
  new (options: TCPCallbacks & { from: TCPSocket; nodelay?: boolean }): TCPSocket;
}

export interface ListenerSocket {
  /** The next accepted connection. Call it once per connection announced, never more. */
  read(): TCPSocket | undefined;
  close(): void;
  readonly port: number;
}

export interface ListenerConstructor {
  new (options: { port: number; onReadable(connections: number): void }): ListenerSocket;
}

/** Takes a task back before it runs; afterwards it does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since boot; never goes back. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now. */
  after(ms: number, task: () => void): Cancel;
}

/** The way to the network: Wi-Fi on the chip. */
export interface Link {
  /** Our IP address; `undefined` while there is no network. */
  readonly address: string | undefined;
  /** Strength of the signal in dBm, where there is a radio. */
  readonly rssi: number | undefined;
  /** The network's name, where it has one. */
  readonly ssid?: string | undefined;
  /** Another network is tried: without `confirm`, it is the one before again. */
  readonly onTrial?: boolean;
  /** Calls `changed` whenever the address comes, goes or changes. One watcher. */
  watch(changed: () => void): void;
  /**
   * Joins another network from now on; where that fails for long, or is not confirmed, the one before. Absent
   * where the network is not ours to choose.
   */
  join?(ssid: string, password: string): void;
  /** An operator has come over the network that is tried: it is kept. */
  confirm?(): void;
  /** Forgets the networks that were named at run time. Absent where none is kept. */
  forget?(): void;
  /** Leaves the network and joins it again. Absent where it cannot be left. */
  rejoin?(): void;
}

/** A namespace of what is kept without power, opened for text (ECMA-419 key-value storage). */
export interface Storage {
  /**
   * Keys have 15 characters at most, values 3999 bytes (NVS). `undefined`: no such entry. An entry of
   * another type is given as what it is, or throws a TypeError; `readText` in `storage.ts` checks it.
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
  /** Fills `into` as far as bytes have come; their count. */
  read(into: Uint8Array): number | undefined;
  /** Takes all of `bytes` or throws ("output full"). */
  write(bytes: Uint8Array): void;
}

export interface SerialConstructor {
  new (options: {
    port: number;
    transmit: number;
    receive: number;
    baud: number;
    onReadable(this: SerialPort, bytes: number): void;
  }): SerialPort;
}

/** What the machine knows of its own state. */
export interface Vitals {
  /** Why it started: `power-on`, `software`, `panic`, `brownout`, … */
  readonly resetReason: string | undefined;
  /** `undefined` where memory has no limit that means anything. */
  readonly freeHeapBytes: number | undefined;
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

export interface Platform {
  readonly TCP: TCPConstructor;
  readonly Listener: ListenerConstructor;
  /**
   * A listening socket can be closed while the program runs. Absent on the chip: the SDK's listener frees
   * what an announcement under way still points to (modules/io/socket/lwip/tcp.c).
   */
  readonly closesListeners?: boolean;
  readonly clock: Clock;
  readonly link: Link;
  readonly vitals: Vitals;
  /** Absent where nothing is kept. */
  readonly storage?: StorageOpener;
  /** Absent where the board has no serial port. */
  readonly Serial?: SerialConstructor;
  /** Absent where there is no machine code of ours. */
  readonly findKeyword?: FindKeyword;
  /**
   * Calls `hook` when the program cannot go on, with XS's reason and what was thrown, and restarts then.
   * Absent on the chip, where `chip/abort` has set `globalThis.abort` before anything could throw.
   */
  onAbort?(hook: (reason: string, exception: unknown) => void): void;
  /** Starts again; does not return. Absent where that is not ours to do. */
  restart?(): never;
  /** TCP connections that this machine carries at once, listening sockets included (lwIP: `LWIP_MAX_ACTIVE_TCP`). */
  readonly connectionsMax: number;
  /** A number from 0 to less than 1, hard to guess where the machine can. */
  random(): number;
  /** Writes one line to the serial console. */
  log(line: string): void;
}
