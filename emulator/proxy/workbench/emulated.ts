import { changeMachine } from "../../../firmware/src/admin/machine-changes.ts";
import type { Outcome } from "../../../firmware/src/admin/outcome.ts";
import { statusOf } from "../../../firmware/src/admin/status.ts";
import type { App } from "../../../firmware/src/app.ts";
import type { FirmwareBoard } from "../firmware-board.ts";
import type { BoardSnapshot, Switches, Watched } from "./watched.ts";

/** Smooth to look at, and little work. */
const INTERVAL_MS = 500;

/** A drop until it is switched on again: the longest time of a timer. */
const OFF_MS = 2 ** 31 - 1;

const STARTING: Outcome = { complaints: ["the board is starting"] };

/** The board of this process. Changes go to the RuntimeApi that its own API and console use, too. */
export class LocalBoard implements Watched {
  readonly title: string;
  readonly intervalMs = INTERVAL_MS;
  readonly readOnly = undefined;
  readonly switches: Switches;
  readonly listener: { readonly host: string; readonly port: number };
  #board: FirmwareBoard;
  /** The program that the last reset ended. */
  #ended: App | undefined;

  constructor(board: FirmwareBoard, listener: { host: string; port: number }) {
    this.#board = board;
    this.listener = listener;
    this.title = `emulated ${board.kind.name}`;
    this.switches = {
      wifi: on => {
        if (on) {
          board.wifi.leave(); // cancels the end of a drop
          board.wifi.join();
        } else board.wifi.drop(OFF_MS);
      },
      reset: () => {
        this.#ended = board.app;
        board.reset();
      },
    };
  }

  async look(): Promise<BoardSnapshot> {
    const { app, heap, stack, kind, fatal } = this.#board;
    return {
      state: fatal !== undefined ? `ended: ${fatal}` : this.#running ? "running" : "starting",
      status: app && statusOf(app.runtime),
      sockets: { used: stack.controlBlocks, max: kind.connectionsMax },
      heap: {
        freeBytes: heap.freeBytes,
        floorBytes: heap.floorBytes,
        sizeBytes: kind.heapBytes,
      },
    };
  }

  async setState(name: string, state: string): Promise<Outcome> {
    return this.#running?.runtime.changeBackend(name, { state }) ?? STARTING;
  }

  async setWeight(name: string, weight: number): Promise<Outcome> {
    return this.#running?.runtime.changeBackend(name, { weight }) ?? STARTING;
  }

  async setBalance(balance: string): Promise<Outcome> {
    return this.#running?.runtime.setKey("balance", balance) ?? STARTING;
  }

  async changeMachine(name: string, change: object): Promise<Outcome> {
    return this.#running ? changeMachine(this.#running.runtime, name, change) : STARTING;
  }

  get #running(): App | undefined {
    const { app } = this.#board;
    return app === this.#ended ? undefined : app;
  }
}
