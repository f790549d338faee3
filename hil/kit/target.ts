import type { Network } from "net-mock-socket";
import type { BackendNetwork } from "../../backends/src/behaviour.ts";
import type { ClientNetwork } from "../../backends/src/client.ts";
import type { MachineHost } from "../../backends/src/machine.ts";
import type { Clock } from "../../emulator/src/clock.ts";
import type { DnsServer } from "../../emulator/src/dns-server.ts";
import type { ReservedPort } from "../../emulator/src/reserved-port.ts";
import type { Status } from "../../firmware/src/admin/status.ts";

/**
 * Capabilities that some targets lack, beyond clients, backends and a configurable board. A scenario that names one is
 * skipped there.
 *
 * - `simulated-network`: links and faults of a simulated network, and the board's Wi-Fi
 * - `dns`: a DNS server that the scenario scripts, and an address of its own for each backend
 * - `half-close`: the board's sockets send and receive FIN in one direction alone, tell a reset from it, and can be closed
 *   while they listen: the firmware's own sockets, not the SDK's
 * - `reset`: the board can be reset
 * - `status`: the board's counters
 * - `serial`: commands can be sent to the board's console
 * - `dhcp`: the DHCP server of the board's network, in which the board has a name by multicast DNS
 * - `machines`: computers that sleep until a broadcast wakes them
 * - `buttons`: the pins that press the power buttons of machines
 * - `budgets`: measurements can be recorded, and have limits
 */
export type Need =
  | "simulated-network"
  | "dns"
  | "half-close"
  | "reset"
  | "status"
  | "serial"
  | "dhcp"
  | "machines"
  | "buttons"
  | "budgets";

/** A place to play scenarios: an emulated board in memory, a board on a serial port. */
export interface Target {
  readonly name: string;
  /** The needs that it satisfies. */
  readonly offers: readonly Need[];
  /** Limit of a scenario, in the target's time. */
  readonly patienceMs: number;
  /** A test bed for one scenario with these needs. `onLine` is called with each line of the board's console. */
  setUp(onLine: (line: string) => void, needs?: readonly Need[]): TestBed;
}

/** The parts of a configuration document that a target reads. */
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
  /** `node:net`, or an object with the same interface. */
  readonly net: ClientNetwork & BackendNetwork;
  /** The host's IPv4 address, as the board sees it. */
  readonly address: string;
  /** The port of a backend on it: connections to it are refused while the backend does not listen. */
  reservePort(): Promise<ReservedPort>;
}

/** Links and faults, by the names of hosts: `board`, and those of backends and clients. */
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

/** Resources that a board still holds of past traffic. */
export interface Leftovers {
  readonly sessions: number;
  /** Resources that it did not hold after its boot, or why it crashed; empty when there are none. */
  readonly leaks: readonly string[];
}

/** The board, the computers around it, and their time, for one scenario. */
export interface TestBed {
  readonly clock: Clock;
  readonly limits: { readonly sendBufferBytes: number; readonly receiveWindowBytes: number };
  computer(name: string): Computer;
  /**
   * Starts the board with a configuration document. It serves when the promise resolves; rejects with
   * `NotSupported` where the target cannot have such a board.
   */
  boot(document: GatewayDocument): Promise<void>;
  /** Address of the board's first listener, for clients. */
  readonly proxyAddress: { readonly host: string; readonly port: number };
  /** Resets the board; resolves when it serves again. */
  reset?(): Promise<void>;
  readonly network?: NetworkFaults;
  /** The board's DNS server. Used before the boot, it is the one that DHCP names. */
  readonly dns?: DnsServer;
  /** A computer, as `computer` has it, that can sleep. */
  machineHost?(name: string): MachineHost;
  /** Connects a pin of the board to a power button: `press` is called with each level of it. */
  connectPin?(gpio: number, press: (level: number) => void): void;
  /** Drops the board's Wi-Fi for `ms`. */
  wifiDrop?(ms: number): void;
  /** The DHCP server refuses to renew the board's lease, which is due now, and gives it another address. */
  renewLease?(address: string): void;
  /** Asks for a name by multicast DNS; resolves with the address of the first answer. */
  resolve?(name: string): Promise<string>;
  /** Adds a host that has this name and address by multicast DNS, and defends the name. */
  occupy?(name: string, address: string): void;
  /** The board's counters, as on its admin port. */
  status?(): Promise<Status>;
  /** Sends a command to the board's console; resolves with the lines of its answer. */
  type?(command: string): Promise<readonly string[]>;
  /** Records a measurement; `name` is one that the target has limits for. */
  measure?(name: string, value: number): void;
  /** Advances time until `scenario` has settled, or for `patienceMs`. True: it has settled. */
  drive(scenario: Promise<unknown>, patienceMs: number): Promise<boolean>;
  /** Interval between two calls of `leftovers`, in ms. */
  readonly pollMs: number;
  leftovers(): Leftovers | Promise<Leftovers>;
  /** The last packets, one line each, with the time first; empty on real networks. */
  packets(): readonly string[];
  close(): void;
}

/** This target cannot play the scenario: it is skipped, not failed. */
export class NotSupported extends Error {}
