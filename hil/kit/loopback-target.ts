import net from "node:net";
import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import type { BoardKind } from "../../emulator/src/boards/kind.ts";
import { RealClock } from "../../emulator/src/clock.ts";
import { reservePort } from "../../emulator/src/reserved-port.ts";
import { type Status, statusOf } from "../../firmware/src/admin/status.ts";
import { leaks } from "./leaks.ts";
import { type LiveBoard, startBoard } from "./live-board.ts";
import { driveInRealTime } from "./real-time.ts";
import {
  type Computer,
  type GatewayDocument,
  type Leftovers,
  NotSupported,
  type Target,
  type TestBed,
} from "./target.ts";

/** Between two looks at whether the board has come to rest. */
const POLL_MS = 20;

const HOST = "127.0.0.1";

/** An emulated board among the computer's own sockets, in real time. */
export function loopbackTarget(patienceMs: number, kind = mendedBoard()): Target {
  return {
    name: "loopback",
    offers: kind.sockets === "own" ? ["reset", "status", "half-close"] : ["reset", "status"],
    patienceMs,
    setUp: onLine => new LoopbackTestBed(kind, onLine),
  };
}

class LoopbackTestBed implements TestBed {
  readonly clock = new RealClock();
  readonly limits: BoardKind;
  readonly pollMs = POLL_MS;
  #onLine: (line: string) => void;
  #board: LiveBoard | undefined;
  #alarms = 0;

  constructor(kind: BoardKind, onLine: (line: string) => void) {
    this.limits = kind;
    this.#onLine = onLine;
  }

  get proxyAddress(): { host: string; port: number } {
    return { host: HOST, port: this.#board!.port };
  }

  computer(): Computer {
    return { net, address: HOST, reservePort: () => reservePort(HOST) };
  }

  async boot(document: GatewayDocument): Promise<void> {
    const length = document.listeners?.length ?? 1;
    if (length > 1)
      throw new NotSupported(`loopback has one listener, and the scenario wants ${length}`);
    this.#board = await startBoard([], document, this.#onLine, this.limits);
    this.#alarms = this.#board.board.alarms;
  }

  async reset(): Promise<void> {
    await this.#board!.reset();
    this.#alarms = this.#board!.board.alarms;
  }

  drive(scenario: Promise<unknown>, patienceMs: number): Promise<boolean> {
    return driveInRealTime(scenario, patienceMs);
  }

  async status(): Promise<Status> {
    return statusOf(this.#board!.app.runtime);
  }

  leftovers(): Leftovers {
    if (this.#board === undefined) return { sessions: 0, leaks: [] };
    const { board, app } = this.#board;
    return { sessions: app.proxy.sessions, leaks: leaks(board, app, this.#alarms) };
  }

  packets(): readonly string[] {
    return []; // they are the kernel's
  }

  close(): void {
    this.#board?.stop();
  }
}
