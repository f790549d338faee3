import type { Cancel } from "../src/clock.ts";
import type { BoardPlatform } from "../src/platform.ts";
import type { Machine } from "../xs/machine.ts";

/** The addresses on the wire (native/world.h). */
export const BOARD_ADDRESS = "10.0.0.2";
export const PEER_ADDRESS = "10.0.0.1";

/** The commands that boot a board in virtual time, in a world of this seed. */
export function powerOn(seed: number): string[] {
  return [`boot ${seed}`, ...(process.env.LWIP_TRACE ? ["trace"] : [])];
}

/** Resources of its network that a board holds. */
export interface NetworkState {
  /** TCP objects that are not closed. */
  readonly objects: number;
  /** lwIP's control blocks of connections, those in TIME_WAIT included. */
  readonly connections: number;
  /** Blocks of memory that lwIP and the sockets have. */
  readonly blocks: number;
}

/** The network in the engine's process: board/wire.c, in the board's time, or board/tap.c. Each lists its words. */
export class EngineNetwork {
  /** The bytes behind the last answer. */
  bytes = "";
  #machine: Machine | undefined;
  #platform: BoardPlatform | undefined;
  #next: Cancel = () => {};
  #answer = "";
  #limitBytes = 0;

  /**
   * Power on, with this engine and these commands. The result is the platform for its program: lwIP has the memory of the board that its
   * program has not taken.
   */
  boot(machine: Machine, platform: BoardPlatform, commands = powerOn(1)): BoardPlatform {
    this.#machine = machine;
    this.#platform = platform;
    for (const command of commands) this.tell(command);
    this.limitBytes = platform.vitals.freeHeapBytes;
    const { link } = platform;
    const follow = () => this.tell(link.address === undefined ? "leave" : "join");
    link.watch(follow);
    const own = {
      ...link,
      get address() {
        return link.address === undefined ? undefined : BOARD_ADDRESS;
      },
      get interfaceState() {
        return link.interfaceState;
      },
      get dnsServers() {
        return link.dnsServers;
      },
      watch(changed: () => void) {
        link.watch(() => {
          follow();
          changed();
        });
      },
    };
    const takeHeap = (bytes: number) => {
      const taken = platform.takeHeap(bytes);
      if (taken) this.limitBytes -= bytes;
      return taken;
    };
    return Object.create(platform, {
      link: { value: own },
      closesListeners: { value: true },
      takeHeap: { value: takeHeap },
    });
  }

  tell(command: string): void {
    this.#machine!.network(command);
  }

  ask(command: string): string {
    this.tell(command);
    return this.#answer;
  }

  /** Bytes that lwIP and the sockets may have. */
  get limitBytes(): number {
    return this.#limitBytes;
  }

  set limitBytes(bytes: number) {
    this.#limitBytes = bytes;
    this.tell(`limit ${Math.max(1, bytes)}`);
  }

  /** Bytes of the board's memory that they have. */
  get heldBytes(): number {
    return Number(this.ask("held"));
  }

  get state(): NetworkState {
    const [objects, connections, blocks] = this.ask("state").split(" ").map(Number);
    return { objects, connections, blocks };
  }

  /** Answers what the engine asks; `undefined`: the question is not about the network. */
  answer([word, text]: readonly string[], body: Buffer): string | undefined {
    if (word === "network") {
      this.#answer = text;
      this.bytes = body.toString("latin1");
      return "";
    }
    if (word !== "due") return undefined;
    this.#next();
    this.#next = this.#platform!.clock.after(Number(text), () => this.tell("run"));
    return "";
  }
}
