import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BoardPlatform } from "../src/platform.ts";
import type { Engine } from "../xs/engine.ts";
import type { OwnSockets } from "../xs/firmware.ts";
import type { Machine } from "../xs/machine.ts";
import { BOARD_ADDRESS, EngineNetwork, type NetworkState } from "./engine-network.ts";
import { NetworkNamespace } from "./network-namespace.ts";

/**
 * The firmware's own sockets on a TAP device (`buildTapBoard`): real peers, real time, and lwIP with a task of its own, which reports by
 * a byte in a pipe that callbacks wait. The board's alarms and its other events are Node's, as everywhere.
 */
export class TapNetwork implements OwnSockets {
  readonly engine: Engine;
  #namespace: NetworkNamespace;
  #network = new EngineNetwork();
  #wakes: net.Socket | undefined;

  constructor(engine: Engine, namespace: NetworkNamespace) {
    this.engine = engine;
    this.#namespace = namespace;
  }

  /** Without connections in TIME_WAIT, which lwIP keeps for a minute. */
  get state(): NetworkState {
    return this.#network.state;
  }

  boot(machine: Machine, platform: BoardPlatform): BoardPlatform {
    machine.keep();
    const { file, pipe, remove } = makePipe();
    try {
      const words = [BOARD_ADDRESS, NetworkNamespace.DEVICE, this.#namespace.file, pipe];
      const own = this.#network.boot(machine, platform, [`boot ${words.join(" ")}`]);
      this.#wakes = new net.Socket({ fd: file, readable: true, writable: false });
      const run = () => platform.clock.after(0, () => this.#network.tell("run"));
      this.#wakes.on("data", run);
      this.#wakes.on("end", run); // the engine has ended: the board fails with the reason
      return own;
    } catch (error) {
      closeSync(file);
      throw error;
    } finally {
      remove();
    }
  }

  answer(words: readonly string[], body: Buffer): string | undefined {
    return this.#network.answer(words, body);
  }

  end(): void {
    this.#wakes?.destroy();
    this.#wakes = undefined;
  }
}

/** A named pipe, open for reading; `remove` it when the other end is open, too. */
function makePipe() {
  const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-tap-"));
  const pipe = path.join(folder, "wakes");
  execFileSync("mkfifo", ["-m", "600", pipe]);
  const file = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  return { file, pipe, remove: () => rmSync(folder, { recursive: true }) };
}
