import { seeded } from "net-mock-socket";
import {
  configurationOf,
  FirmwareBoard,
  mendedBoard,
} from "../../emulator/proxy/firmware-board.ts";
import type { BoardKind } from "../../emulator/src/boards/kind.ts";
import { buildId } from "../../firmware/tools/build-id.ts";
import { EmulatedBinding } from "./emulated-port.ts";

/** It runs the sources as they are. */
const BUILD = buildId([]);

/** All that it has is this computer's loopback network. */
const HOST = "127.0.0.1";

/** What a new board serves, until it is told something else: what the README's backends listen on. */
const DOCUMENT = { backends: [8080, 8081].map(port => ({ address: HOST, port })) };

/**
 * An emulated board on a desk: it is found, reset, read and typed at through a serial port, and serves
 * on ports of this computer. The rig sees no more of it than of a real one.
 */
export class EmulatedBoard {
  readonly board: FirmwareBoard;
  readonly binding: EmulatedBinding;
  /** Where the board's ports are found, by their own numbers: any free ones, at each boot anew. */
  #ports = new Map<number, number>();

  constructor(kind: BoardKind = mendedBoard()) {
    this.board = new FirmwareBoard({
      kind,
      random: seeded(1),
      publish: () => ({ port: 0, host: HOST }),
      onListening: (boardPort, { port }) => this.#ports.set(boardPort, port),
      pacedConsole: true,
      reboots: true,
    });
    this.binding = new EmulatedBinding(this.board.adapter);
    this.board.bootFirmware(configurationOf(DOCUMENT), { build: BUILD });
  }

  /** Puts the cable in, which is its power, too. */
  plug(): void {
    this.board.powerOn();
  }

  /** Pulls the cable. */
  unplug(): void {
    this.binding.unplug();
    this.board.unplug();
  }

  addressOf(boardPort: number): { host: string; port: number } {
    return { host: HOST, port: this.#ports.get(boardPort) ?? boardPort };
  }
}
