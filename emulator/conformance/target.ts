import type { BoardKind } from "../src/boards/kind.ts";
import type { BoardPlatform, ListenerClass, TCPClass, UDPClass } from "../src/platform.ts";

/** The other end of one of the board's connections. Text is one byte per character. */
export interface Peer {
  /** All bytes received. */
  readonly received: string;
  /** The same bytes in the pieces in which they arrived. */
  readonly pieces: readonly string[];
  /** `finished`: after the board's FIN. `reset`: after its RST, or a refusal. */
  readonly ending: "none" | "finished" | "reset";
  readonly port: number;
  send(text: string): void;
  /** Sends FIN, and still reads. */
  finish(): void;
  /** Sends RST. */
  reset(): void;
}

/** A port of the peer that the board may connect to. */
export interface PeerPort {
  readonly address: string;
  readonly port: number;
  /** Peers that the board has connected to, in order. */
  readonly peers: readonly Peer[];
}

/**
 * A board to be examined, and the other end of its wire. Before each case it has booted a program
 * that does nothing, and has joined the network.
 */
export interface Target {
  readonly numbers: BoardKind;
  /** The classes that the running program finds. */
  readonly TCP: TCPClass;
  readonly Listener: ListenerClass;
  readonly UDP: UDPClass;
  /** TCP objects that were made and not closed. */
  readonly objects: number;
  /** Control blocks in use. */
  readonly connections: number;
  /** Why the board has stopped by itself. */
  readonly fatal: string | undefined;
  /** Lines of its console. */
  readonly lines: readonly string[];

  /** Power on with this program. */
  boot(program: (platform: BoardPlatform) => void): void;
  unplug(): void;

  listen(): Promise<PeerPort>;
  /** A port of the peer that refuses connections. */
  refusing(): Promise<{ address: string; port: number }>;
  /** A UDP port of the peer that sends each datagram back. */
  echoing(): Promise<{ address: string; port: number }>;
  /** The peer connects to a port of the board. */
  connect(port: number): Peer;

  /** Waits until packets in flight have arrived and the board has served its events. */
  quiet(): Promise<void>;
  /** Waits until `holds`; the case fails when that times out. `what` is for the message. */
  until(what: string, holds: () => boolean): Promise<void>;
}

/** Targets on which a case may not hold. */
export type TargetName = "loopback" | "chip";

/** One behaviour of the sockets. */
export interface Case {
  readonly name: string;
  /**
   * Where it was read: a file and a name in it, of the Moddable SDK @ 48ee02d, in `src/core` of
   * esp-lwip 2.1.3, or in this repository.
   */
  readonly source: string;
  /** A feature of the firmware's own sockets, which the SDK's lack. */
  readonly sockets?: "own";
  /** Where it cannot hold, and why. */
  readonly not?: Partial<Record<TargetName, string>>;
  run(target: Target): Promise<void> | void;
}
