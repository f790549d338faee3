import type { NativePipeOptions } from "../../../firmware/src/platform.ts";
import type { BoardPlatform, ListenerOptions, TCP, TCPOptions } from "../platform.ts";
import type { Pcb } from "./pcb.ts";

/**
 * The C code below the classes `TCP` (tcp.ts), `Listener` (listener.ts) and `UDP` (udp.ts) of one program: the SDK's (sdk-sockets.ts) or
 * the firmware's own (own-sockets.ts). Whatever the two kinds do differently is behind these interfaces.
 */
export interface SocketCode extends Pick<BoardPlatform, "closesListeners"> {
  /** TCP objects have `end` and `unread`, and call `onEnd`. */
  readonly halfCloses: boolean;
  /** TCP objects have `pipe` and what belongs to it, and call `onPiped`. */
  readonly pipes: boolean;
  /** Size of the constructor's buffer for the address, its end mark included. */
  readonly addressBufferBytes: number;
  /** In format `number`, `write` converts its argument before it looks whether it can write. */
  readonly convertsNumberFirst: boolean;
  /** Checks a format that is set afterwards. */
  checkFormat(format: unknown): string;
  tcp(owner: TcpOwner): TcpRecord;
  listener(owner: ListenerOwner): ListenerRecord;
  /** The news of a UDP socket. */
  udpNews(owner: { deliver(): void }): UdpNews;
  /** Power off. */
  stop(): void;
}

/** Reports to a UDP socket that datagrams wait: its `deliver` is called in turn, once for all reports before. */
export interface UdpNews {
  report(): void;
  /** The socket is closed: nothing is reported any more. */
  forget(): void;
}

/** A TCP object as its record sees it. */
export interface TcpOwner {
  /** The `this` of the callbacks. */
  readonly object: TCP;
  readonly callbacks: Pick<
    TCPOptions,
    "onReadable" | "onWritable" | "onEnd" | "onError" | "onPiped"
  >;
}

/** The record of a TCP object in C. */
export interface TcpRecord {
  /** Bytes that can be read. */
  readonly readable: number;
  nagle: boolean;
  /** 0: no probes. */
  keepaliveMs: number;
  /** The peer; `undefined`: it was never connected. */
  remote(): { readonly remoteAddress: string; readonly remotePort: number } | undefined;
  connect(address: string, port: number): void;
  /** Takes the connection of another record; throws where that has none. Its events come after `started`. */
  take(from: TcpRecord): void;
  /** The constructor has read all options. */
  started(): void;
  /** Reads as many bytes as the view has, no more than `readable`. */
  fill(view: Uint8Array): void;
  /** Throws "not ready"; false: nothing can be written any more. */
  canWrite(): boolean;
  /** To be called behind `canWrite`. */
  write(bytes: Uint8Array): number | undefined;
  end(): void;
  unread(bytes: Uint8Array): boolean;
  pipe(to: TcpRecord, options: NativePipeOptions): void;
  unpipe(): void;
  /** The pipe from here that runs, or the last one. */
  readonly piped: PipeStatus | undefined;
  /** Bytes that can be written. */
  readonly writable: number;
  close(reset: boolean): void;
}

/** How far a pipe has come. */
export interface PipeStatus {
  readonly passed: number;
  readonly waitsForRoom: boolean;
  readonly heldBytes: number;
}

/** A Listener object as its record sees it. */
export interface ListenerOwner {
  readonly object: unknown;
  readonly onReadable: ListenerOptions["onReadable"];
  /** A new TCP without a connection, and its record. */
  newTcp(): { tcp: TCP; record: TcpRecord };
}

/** The record of a Listener object in C: the connections that wait to be accepted. */
export interface ListenerRecord {
  /** The port is taken, or there are too many listeners: throws. */
  refusePort(isTaken: boolean): never;
  /** The first part of `read`, on any object of the class. */
  beforeRead(): unknown;
  /** `before` is the result of `beforeRead`. */
  read(before: unknown): TCP | undefined;
  /** A connection is established; `undefined`: there is no control block for it. */
  arrived(pcb: Pcb | undefined): void;
  close(): void;
}
