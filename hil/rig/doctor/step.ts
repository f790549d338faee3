import type { Found } from "../discovery.ts";

/** Result of a step. */
export type Finding = { readonly ok: string } | Trouble | { readonly skipped: string };

export interface Trouble {
  readonly bad: string;
  /** Advice: sentences, and commands on lines of their own. */
  readonly help: readonly string[];
  /** No board was found. */
  readonly noBoard?: true;
}

/** One check of the computer or the board. */
export interface Step {
  readonly name: string;
  look(parts: DoctorParts, seen: Findings): Finding | Promise<Finding>;
}

/** Results of earlier steps, for later ones. */
export interface Findings {
  port?: Found;
  board?: DoctorBoard;
  /** The board starts a program from its flash. */
  starts?: boolean;
  /** The board runs this firmware. */
  isOurs?: boolean;
  /** The board's IP address. */
  address?: string;
}

/** A board on its open serial line. */
export interface DoctorBoard {
  /** Restarts the board; earlier lines do not count any more. */
  reset(): Promise<void>;
  /** True if its lines bring it into the ROM's loader; `undefined`: the port has no lines. */
  loads(): Promise<boolean | undefined>;
  /** The first line that matches and was not returned yet; `undefined` if there is none in time. */
  line(pattern: RegExp, withinMs: number): Promise<string | undefined>;
  release(): Promise<void>;
}

/** Outcome of the board's connection to this computer. */
export type DialledBack = "reached" | "refused" | "timeout";

/** An address of this computer. */
export interface LocalAddress {
  readonly name: string;
  /** `192.168.1.10/24`. */
  readonly cidr: string;
}

/** Parts that a diagnosis needs of the computer and the board. */
export interface DoctorParts {
  readonly platform: NodeJS.Platform;
  readonly nodeVersion: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** IPv4 addresses that other machines can reach. */
  readonly addresses: readonly LocalAddress[];
  /** Ports of `npm run backends`. */
  readonly backendPorts: readonly number[];
  /** The serial port that was named. */
  readonly wanted?: string | undefined;
  exists(path: string): boolean;
  /** Serial ports, those with a known adapter first. */
  ports(): Promise<readonly Found[]>;
  /** Opens a serial port; rejects with the system's error. */
  open(path: string): Promise<DoctorBoard>;
  /** Why the port cannot be listened on; `undefined` if it can. */
  taken(port: number): Promise<string | undefined>;
  /** Makes the board at this address connect to this computer. */
  dialsBack(board: string): Promise<DialledBack>;
}
