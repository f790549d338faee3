import type { AdminClient } from "../../emulator/proxy/workbench/admin-client.ts";
import type { GatewayDocument, Need } from "../kit/target.ts";
import type { PlayedBoard } from "./run.ts";

/** A board as the rig has it, by whichever way: on a serial line, or only in the network. */
export interface Device {
  /** What it can do of that which a scenario may need. */
  readonly offers: readonly Need[];
  /** Hears each event of the board's log. */
  onEvent: (line: string) => void;
  /** Its admin port; only when it is serving. */
  readonly admin: AdminClient;
  /** What it is, as far as that is known by now. */
  played(): PlayedBoard;
  /** Where a port of the board is found from here. */
  addressOf(boardPort: number): { readonly host: string; readonly port: number };
  /** Brings it to where it serves; rejects with `BoardError`. */
  ready(): Promise<void>;
  /**
   * Puts a document in force until the next reset, and returns it as it then is; rejects with `BoardError`.
   */
  configure(document: GatewayDocument): Promise<GatewayDocument>;
  /** Restarts it on purpose; it serves, with its own document, when the promise resolves. */
  reset?(): Promise<void>;
  /** Types a command at its console; the lines of the answer. */
  type?(command: string): Promise<readonly string[]>;
  /** Does its console answer? */
  answers?(): Promise<boolean>;
  /** Leaves it as it was found. */
  release(): Promise<void>;
}
