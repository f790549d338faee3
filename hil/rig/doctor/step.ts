import type { Found } from "../discovery.ts";

/** How one step came out. */
export type Finding = { readonly ok: string } | Trouble | { readonly skipped: string };

export interface Trouble {
  readonly bad: string;
  /** What would help: sentences, and commands on lines of their own. */
  readonly help: readonly string[];
  /** There is no board at all. */
  readonly noBoard?: true;
}

/** One question to the computer or the board. */
export interface Step {
  readonly name: string;
  look(parts: DoctorParts, seen: Findings): Finding | Promise<Finding>;
}

/** What earlier steps found out, for later ones. */
export interface Findings {
  port?: Found;
  board?: DoctorBoard;
  /** It starts a program from its flash. */
  starts?: boolean;
  /** It runs our firmware. */
  isOurs?: boolean;
  /** Its IP address. */
  address?: string;
}

/** A board on its open serial line. */
export interface DoctorBoard {
  /** Restarts it; lines from before do not count any more. */
  reset(): Promise<void>;
  /** Its lines bring it into the ROM's loader; `undefined`: the port has no lines. */
  loads(): Promise<boolean | undefined>;
  /** The first line that fits and was not told yet, or `undefined` when none comes in time. */
  line(pattern: RegExp, withinMs: number): Promise<string | undefined>;
  release(): Promise<void>;
}

/** What came of the board dialling this computer. */
export type DialledBack = "reached" | "refused" | "timeout";

/** Where the computer stands in a network. */
export interface LocalAddress {
  readonly name: string;
  /** `192.168.1.10/24`. */
  readonly cidr: string;
}

/** All that a diagnosis asks of the computer and the board. */
export interface DoctorParts {
  readonly platform: NodeJS.Platform;
  readonly nodeVersion: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** IPv4 addresses that others could reach. */
  readonly addresses: readonly LocalAddress[];
  /** Ports that `npm run backends` wants. */
  readonly backendPorts: readonly number[];
  /** The serial port that the person has named. */
  readonly wanted?: string | undefined;
  exists(path: string): boolean;
  /** Serial ports, those with a known adapter first. */
  ports(): Promise<readonly Found[]>;
  /** Opens a serial port; rejects with what the system says. */
  open(path: string): Promise<DoctorBoard>;
  /** Why nobody can listen on this port; `undefined`: one can. */
  taken(port: number): Promise<string | undefined>;
  /** Has the board at this address dial this computer. */
  dialsBack(board: string): Promise<DialledBack>;
}
