import type { Network } from "net-mock-socket";
import type { Clock } from "../../emulator/src/clock.ts";
import type { WireServer, WireSocket } from "../../emulator/src/io/wire.ts";
import type { ReservedPort } from "../../emulator/src/reserved-port.ts";
import type { Status } from "../../firmware/src/admin/status.ts";

/**
 * What a scenario may need beyond clients, backends and a board that can be configured.
 *
 * - `simulated-network`: links and faults of a simulated network, and the board's Wi-Fi
 * - `reset`: somebody who presses the board's button
 * - `status`: the board's counters
 * - `serial`: somebody who types at the board's console
 * - `budgets`: a place for figures, with limits of what they may be
 */
export type Need = "simulated-network" | "reset" | "status" | "serial" | "budgets";

/** Something that scenarios are played on: an emulated board in memory, a board on the desk. */
export interface Target {
  readonly name: string;
  /** What it can do of that which a scenario may need. */
  readonly offers: readonly Need[];
  /** How long a scenario may take, in the target's time. */
  readonly patienceMs: number;
  /** A testBed for one scenario. `onLine` hears each line that the board writes to its console. */
  setUp(onLine: (line: string) => void): TestBed;
}

/** A configuration document, as far as a target has to understand it. */
export interface GatewayDocument {
  readonly listeners?: readonly { readonly port?: number }[];
  readonly backends: readonly {
    readonly name: string;
    readonly address: string;
    readonly port: number;
  }[];
}

/** A computer that plays clients or a backend. */
export interface Computer {
  /** `node:net`, or anything of its shape. */
  readonly net: {
    connect(options: {
      host: string;
      port: number;
      allowHalfOpen: boolean;
      noDelay: boolean;
    }): WireSocket;
    createServer(options: { allowHalfOpen: boolean; noDelay: boolean }): WireServer;
  };
  /** Its IPv4 address, as the board sees it. */
  readonly address: string;
  /** The port of a backend on it: connections to it are refused while the backend does not listen. */
  reservePort(): Promise<ReservedPort>;
}

/** Links and faults, by the names of hosts: `board`, and those of the cast. */
export type NetworkFaults = Pick<
  Network,
  | "link"
  | "cut"
  | "cutOneWay"
  | "hold"
  | "clog"
  | "blackHole"
  | "vanish"
  | "crash"
  | "resetConnections"
  | "rule"
  | "heal"
>;

/** What of its past traffic a board still has. */
export interface Leftovers {
  readonly sessions: number;
  /** What it did not hold when it had booted, and why it died if it did; empty: it is at rest. */
  readonly leaks: readonly string[];
}

/** The board, the computers around it, and their time, while one scenario is played. */
export interface TestBed {
  readonly clock: Clock;
  readonly limits: { readonly sendBufferBytes: number; readonly receiveWindowBytes: number };
  computer(name: string): Computer;
  /**
   * Starts the board with a configuration document. It serves when the promise resolves; rejects with
   * `NotSupported` where the target cannot have such a board.
   */
  boot(document: GatewayDocument): Promise<void>;
  /** Where clients find the board's first listener. */
  readonly proxyAddress: { readonly host: string; readonly port: number };
  /** Presses the board's button; it serves again when the promise resolves. */
  reset?(): Promise<void>;
  readonly network?: NetworkFaults;
  /** Takes the board's Wi-Fi away for so long. */
  wifiDrop?(ms: number): void;
  /** The board's counters, as its admin port tells them. */
  status?(): Promise<Status>;
  /** Types a command at the board's console; the lines of its answer. */
  type?(command: string): Promise<readonly string[]>;
  /** Takes a figure; `name` is one of those that the target expects. */
  measure?(name: string, value: number): void;
  /** Lets time pass until `scenario` has ended, or for `patienceMs`. True: it has ended. */
  drive(scenario: Promise<unknown>, patienceMs: number): Promise<boolean>;
  /** Between two looks at `rest`, in ms. */
  readonly pollMs: number;
  leftovers(): Leftovers | Promise<Leftovers>;
  /** The last packets, each line with its time in front, where somebody saw them. */
  packets(): readonly string[];
  close(): void;
}

/** This target cannot play the scenario, and that is nobody's fault: the scenario is skipped. */
export class NotSupported extends Error {}
