import { seeded } from "net-mock-socket";
import {
  configurationOf,
  FirmwareBoard,
  mendedBoard,
} from "../../emulator/proxy/firmware-board.ts";
import type { BoardKind } from "../../emulator/src/boards/kind.ts";
import { buildId } from "../../firmware/tools/build-id.ts";
import { EmulatedBinding } from "./emulated-port.ts";

/** The emulated board runs the sources as they are. */
const BUILD = buildId([]);

/** The only network of an emulated board. */
const HOST = "127.0.0.1";

/** Configuration of a new board: the ports of `npm run backends`. */
const DOCUMENT = { backends: [8080, 8081].map(port => ({ address: HOST, port })) };

/**
 * An emulated board behind a serial port: it is found, reset, read and typed at like a real one, and serves on
 * ports of this computer.
 */
export class EmulatedBoard {
  readonly board: FirmwareBoard;
  readonly binding: EmulatedBinding;
  /** Ports of this computer by port of the board: any free ones, new at each boot. */
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

  /** Plugs the cable in, which also powers the board. */
  plug(): void {
    this.board.powerOn();
  }

  /** Pulls the cable, which also cuts the power. */
  unplug(): void {
    this.binding.unplug();
    this.board.unplug();
  }

  addressOf(boardPort: number): { host: string; port: number } {
    return { host: HOST, port: this.#ports.get(boardPort) ?? boardPort };
  }
}
