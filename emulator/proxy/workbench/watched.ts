import type { Outcome } from "../../../firmware/src/admin/outcome.ts";
import type { Status } from "../../../firmware/src/admin/status.ts";

/** A board at one moment. */
export interface BoardSnapshot {
  /** `running`, or why there is no data: `starting`, `ended: …`, `no answer: …`. */
  readonly state: string;
  /** The status of the board's own API; while it is not running, the last one known. */
  readonly status: Status | undefined;
  /** Control blocks of TCP in use, those still closing included. */
  readonly sockets: Gauge | undefined;
  readonly heap: HeapGauge | undefined;
}

export interface Gauge {
  readonly used: number;
  readonly max: number;
}

export interface HeapGauge {
  readonly freeBytes: number;
  /** The lowest since the reset, and the total, if known. */
  readonly floorBytes: number | undefined;
  readonly sizeBytes: number | undefined;
}

/** Switches for Wi-Fi and power, of an emulated board. */
export interface Switches {
  wifi(on: boolean): void;
  reset(): void;
}

/** A board on the workbench: one in this process, or a real one that is read over the network. */
export interface Watched {
  /** The board's name on the page. */
  readonly title: string;
  /** Time between two looks. */
  readonly intervalMs: number;
  /** Why it cannot be changed; `undefined` if it can. */
  readonly readOnly: string | undefined;
  readonly switches: Switches | undefined;
  /** The listener for its clients. */
  readonly listener: { readonly host: string; readonly port: number };
  look(): Promise<BoardSnapshot>;
  setState(name: string, state: string): Promise<Outcome>;
  setWeight(name: string, weight: number): Promise<Outcome>;
  setBalance(balance: string): Promise<Outcome>;
  /** Wakes a machine, lets it sleep or keeps it awake; `change` is the body of `PUT /api/machines/NAME`. */
  changeMachine(name: string, change: object): Promise<Outcome>;
}
