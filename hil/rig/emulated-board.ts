import dgram from "node:dgram";
import net from "node:net";
import { seeded } from "net-mock-socket";
import { Board, type Firmware } from "../../emulator/src/board.ts";
import type { BoardKind } from "../../emulator/src/boards/kind.ts";
import { RealClock } from "../../emulator/src/clock.ts";
import type { BoardPlatform } from "../../emulator/src/platform.ts";
import { logBoot, start } from "../../firmware/src/app.ts";
import { readConfig } from "../../firmware/src/config/config.ts";
import { buildId } from "../../firmware/tools/build-id.ts";
import { mendedBoard } from "../kit/emulated-lab.ts";
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
  readonly board: Board;
  /** What the running program was given. */
  platform: BoardPlatform | undefined;
  readonly binding: EmulatedBinding;
  /** The program that it boots; whoever wants a broken one puts it here before the next boot. */
  firmware: Firmware = platform => {
    this.platform = platform;
    logBoot(platform, { build: BUILD });
    start(platform, this.#configuration, { build: BUILD });
  };
  #configuration = configurationOf(DOCUMENT);
  /** Where the board's ports are found, by their own numbers: any free ones, at each boot anew. */
  #ports = new Map<number, number>();

  constructor(kind: BoardKind = mendedBoard()) {
    this.board = new Board({
      kind,
      clock: new RealClock(),
      wire: { ...net, createSocket: dgram.createSocket },
      random: seeded(1),
      publish: () => ({ port: 0, host: HOST }),
      onListening: (boardPort, { port }) => this.#ports.set(boardPort, port),
      pacedConsole: true,
      reboots: true,
    });
    this.binding = new EmulatedBinding(this.board.adapter);
    this.plug();
  }

  /** Puts the cable in, which is its power, too. */
  plug(): void {
    this.board.boot(platform => this.firmware(platform));
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

function configurationOf(document: object) {
  const outcome = readConfig(document);
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return outcome;
}
