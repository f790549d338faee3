import type { AdminClient } from "../../emulator/proxy/workbench/admin-client.ts";
import type { GatewayDocument, Need } from "../kit/target.ts";
import type { PlayedBoard } from "./run.ts";

/** A board as the rig uses it: on a serial line, or only in the network. */
export interface Device {
  /** Capabilities that scenarios may need. */
  readonly offers: readonly Need[];
  /** Called with each event of the board's log. */
  onEvent: (line: string) => void;
  /** Client of its admin port, valid while the board serves. */
  readonly admin: AdminClient;
  /** Known facts about the board. */
  played(): PlayedBoard;
  /** Address of a port of the board, as seen from this computer. */
  addressOf(boardPort: number): { readonly host: string; readonly port: number };
  /** Waits until the board serves, or starts it; rejects with `BoardError`. */
  ready(): Promise<void>;
  /**
   * Puts a configuration in force until the next reset, and returns it as the board has it; rejects with
   * `BoardError`.
   */
  configure(document: GatewayDocument): Promise<GatewayDocument>;
  /** Restarts the board; resolves when it serves again, with its own configuration. */
  reset?(): Promise<void>;
  /** Types a command at the console; returns the lines of the answer. */
  type?(command: string): Promise<readonly string[]>;
  /** True if its console answers. */
  answers?(): Promise<boolean>;
  /** Leaves the board as it was found. */
  release(): Promise<void>;
}
