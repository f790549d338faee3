import type { BoardKind } from "../src/boards/kind.ts";
import type { BoardPlatform, ListenerClass, TCPClass } from "../src/platform.ts";

/** Somebody on the other end of one of the board's connections. Text is one byte per character. */
export interface Peer {
  /** All that came. */
  readonly heard: string;
  /** It again, as it came. */
  readonly pieces: readonly string[];
  /** `finished`: the board's FIN came. `reset`: its RST, or a refusal. */
  readonly ending: "none" | "finished" | "reset";
  readonly port: number;
  send(text: string): void;
  /** Sends FIN, and goes on listening. */
  finish(): void;
  /** Sends RST. */
  reset(): void;
}

/** A port of the peer that the board may connect to. */
export interface PeerPort {
  readonly address: string;
  readonly port: number;
  /** Those that the board has connected to, in order. */
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
  /** TCP objects that were made and not closed. */
  readonly objects: number;
  /** Control blocks in use. */
  readonly connections: number;
  /** Why the board has ended by itself. */
  readonly fatal: string | undefined;
  /** What it wrote to its console. */
  readonly lines: readonly string[];

  /** Power on with this program. */
  boot(program: (platform: BoardPlatform) => void): void;
  unplug(): void;

  listen(): Promise<PeerPort>;
  /** A port of the peer where nobody listens. */
  deaf(): Promise<{ address: string; port: number }>;
  /** The peer connects to a port of the board. */
  connect(port: number): Peer;

  /** Lets arrive what is under way, and lets the board serve its events. */
  quiet(): Promise<void>;
  /** Waits for something; the case fails when it never comes. */
  until(what: string, holds: () => boolean): Promise<void>;
}

/** Targets on which a case may not hold. */
export type TargetName = "loopback" | "chip";

/** One behaviour of the ESP32 port. */
export interface Case {
  readonly name: string;
  /**
   * Where it was read: a file and a function in it, of the Moddable SDK @ 48ee02d, or in `src/core` of
   * esp-lwip 2.1.3.
   */
  readonly source: string;
  /** Where it cannot hold, and why. */
  readonly not?: Partial<Record<TargetName, string>>;
  run(target: Target): Promise<void> | void;
}
