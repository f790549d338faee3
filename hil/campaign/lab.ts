import type { Undo } from "net-mock-socket";
import type { BackendNetwork } from "../../backends/src/behaviour.ts";
import type { MachineHost } from "../../backends/src/machine.ts";
import type { Socket } from "../../backends/src/steps.ts";
import type { FirmwareBoard } from "../../emulator/proxy/firmware-board.ts";
import type { VirtualClock } from "../../emulator/src/clock.ts";
import type { DnsServer } from "../../emulator/src/dns-server.ts";
import type { App } from "../../firmware/src/app.ts";
import type { LogLine } from "../../firmware/tools/log-line.ts";
import type { FaultName, LinkPart } from "./plan.ts";

/** A backend's host and its program. */
export interface CampaignBackend {
  stop(): void;
  start(): void;
}

/** A host of the network. */
export interface CampaignHost {
  readonly address: string;
  connect(options: { host: string; port: number; allowHalfOpen?: boolean }): Socket;
}

export interface CampaignNetwork {
  /** The host of this name; a new one if there is none. */
  host(name: string, profile?: { receiveWindow?: number }): CampaignHost;
  find(name: string): object | undefined;
  /** Sets the link of a host. */
  link(name: string, settings: LinkPart["settings"]): void;
  /** All packets from and to the host are lost. */
  vanish(name: string): Undo;
  /** Ends all faults. */
  heal(): void;
}

/** Begins a fault, at a host for a time; `undefined`: nothing has to end it. */
export type BeginFault = (host: string, lastsMs: number) => Undo | undefined;

/** A board that runs the firmware, and a network of clients and backends, in virtual time: what a run needs of them. */
export interface CampaignLab {
  readonly clock: VirtualClock;
  readonly network: CampaignNetwork;
  readonly board: FirmwareBoard;
  /** Lines of the board's console. */
  readonly lines: readonly string[];
  readonly app: App | undefined;
  /** Interval of the checks that must hold at any time, in ms. */
  readonly pollMs: number;
  events(on: string, what?: string): LogLine[];
  backend(name: string, serve: (socket: Socket) => void, settings: object): CampaignBackend;
  /** Boots the firmware with all backends, and waits until it serves. */
  serve(settings: object): Promise<void>;
  /** The faults that this lab can have. */
  faults(backends: ReadonlyMap<string, CampaignBackend>): Partial<Record<FaultName, BeginFault>>;
  /** The network's DNS server, which the board knows by DHCP. Here and below: absent where plans have no names and machines. */
  readonly dns?: DnsServer;
  /** Another host that may serve. */
  otherHost?(name: string): { readonly address: string; readonly net: BackendNetwork };
  /** The host of a backend as a machine. */
  machineHost?(name: string): MachineHost;
  /** Calls `tried` for each SYN that is sent to the host, during the active phase. */
  onSyn?(name: string, tried: () => void): void;
  /** An object of the app by value, where the app runs elsewhere. */
  copyOf<T>(value: T): T;
  /** TCP objects of the program, and control blocks of its board, now. */
  readonly sockets: { readonly objects: number; readonly controlBlocks: number };
  /** Connections that are not closed, of any host: a line each. */
  connections(): string[];
  /** Resources that the board still holds when the proxy has stopped and nothing is under way. */
  leftovers(): string[];
  /** A hash over all packets. */
  readonly hash: string;
  /** The packets that were kept as text. */
  readonly packets: readonly string[];
  /** Ends the board's engine, where it is a process. Lines and packets stay. */
  end(): void;
}
