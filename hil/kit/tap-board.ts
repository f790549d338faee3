import { setTimeout as delay } from "node:timers/promises";
import { Network, seeded } from "net-mock-socket";
import { BOARD_ADDRESS, PEER_ADDRESS } from "../../emulator/lwip/engine-network.ts";
import { NetworkNamespace } from "../../emulator/lwip/network-namespace.ts";
import { TapNetwork } from "../../emulator/lwip/tap-network.ts";
import { configurationOf, FirmwareBoard, ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { RealClock } from "../../emulator/src/clock.ts";
import type { Engine } from "../../emulator/xs/engine.ts";
import { xsFirmware } from "../../emulator/xs/firmware.ts";
import { CLIENT_SESSIONS_MAX } from "./emulated-lab.ts";
import { Journal } from "./journal.ts";
import { leaks } from "./leaks.ts";
import { PATIENCE_MS } from "./patience.ts";
import { driveInRealTime } from "./real-time.ts";

/** Between two looks at whether the board has come to rest. */
const POLL_MS = 50;

/** A network namespace for boards on its TAP device, one after the other. The addresses are BOARD_ADDRESS and PEER_ADDRESS. */
export function makeTapNamespace(): Promise<NetworkNamespace> {
  return NetworkNamespace.make(`${PEER_ADDRESS}/24`);
}

/** The firmware on the chip's engine, with its own sockets on the chip's TCP stack, in real time among programs of the computer. */
export class TapBoard {
  readonly journal: Journal;
  /** Rejects when the board dies: nothing that waits for it need wait any longer. */
  readonly death: Promise<never>;
  #board: FirmwareBoard;
  #network: TapNetwork;
  #ready = () => {};
  /** After the boot. */
  #alarms = 0;
  #blocks = 0;

  /**
   * Boots it with this configuration document; it serves when the promise resolves. `multicast`: it has a name by multicast DNS, and never
   * comes to `rest`.
   */
  static async start(
    engine: Engine,
    namespace: NetworkNamespace,
    document: object,
    multicast = false,
  ): Promise<TapBoard> {
    const board = new TapBoard(engine, namespace, multicast);
    await board.#boot(document);
    return board;
  }

  private constructor(engine: Engine, namespace: NetworkNamespace, multicast: boolean) {
    const clock = new RealClock();
    this.journal = new Journal(clock);
    this.#network = new TapNetwork(engine, namespace);
    let die = (_: unknown) => {};
    this.death = new Promise((_, reject) => {
      die = reject;
    });
    this.death.catch(() => {}); // `rest` tells it, too
    this.#board = new FirmwareBoard({
      kind: { ...ourBoard(), joinMs: 0 },
      clock,
      wire: new Network({ clock }).host("board"), // nothing is plugged into this network
      address: BOARD_ADDRESS,
      multicast,
      random: seeded(1),
      onException: exception => die(exception),
      onLine: line => {
        this.journal.line(line);
        if (line.includes(" proxy: ready ")) this.#ready();
      },
    });
  }

  async #boot(document: object): Promise<void> {
    const configuration = configurationOf({
      health: { check: "none" },
      clientSessionsMax: CLIENT_SESSIONS_MAX, // all clients have one address
      ...document,
    });
    const ready = new Promise<void>(resolve => {
      this.#ready = resolve;
    });
    this.#board.bootFirmware(configuration, {}, (configuration, options) =>
      xsFirmware(configuration, options, this.#network),
    );
    if (!(await driveInRealTime(ready, PATIENCE_MS)))
      throw new Error(`the board does not serve: ${this.#trace()}`);
    this.#alarms = this.#board.alarms;
    this.#blocks = this.#network.state.blocks;
  }

  /** Waits until it holds nothing of past traffic; throws what is left, or that the log has a fault. */
  async rest(): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const left = this.#leftovers();
      if (left.length === 0) break;
      if (this.#board.fatal !== undefined || performance.now() > endMs)
        throw new Error(`the board is left with ${left.join(", ")}: ${this.#trace()}`);
      await delay(POLL_MS);
    }
    if (this.journal.faults.length > 0)
      throw new Error(`the log reports a fault: ${this.#trace()}`);
  }

  /** Power off. */
  stop(): void {
    this.#board.unplug();
  }

  #leftovers(): string[] {
    if (this.#board.fatal !== undefined) return [`a fault: ${this.#board.fatal}`];
    const { objects, connections, blocks } = this.#network.state;
    const stack = { objects, connections, remembered: 0 };
    const held = leaks(this.#board, this.#board.app!, this.#alarms, stack);
    const more = blocks - this.#blocks;
    return more > 0 ? [...held, `${more} blocks of lwIP's memory`] : held;
  }

  #trace(): string {
    return `\n${this.journal.faults.join("\n")}\n${this.journal.trace([])}`;
  }
}
