import { MemoryTarget } from "../conformance/memory.ts";
import type { Peer, PeerPort, Target } from "../conformance/target.ts";
import type { SocketKind } from "../src/boards/kind.ts";
import type { BoardPlatform } from "../src/platform.ts";
import { BoardSide } from "./board-side.ts";
import { machineWith } from "./engine-snapshots.ts";
import { onAbort } from "./firmware.ts";
import type { Machine } from "./machine.ts";

/** A board whose program runs on XS, and what of it is left at the end. */
export interface CaseBoard extends Target {
  stop(): Promise<string[]>;
  /** Answers what the engine asks and the emulated board does not know. */
  answer?(words: readonly string[], body: Buffer): string | undefined;
}

/** A case, and the program that it gives a board, on XS. Without a board of its own it is the emulated one, in memory. */
export class XsTarget {
  #board: CaseBoard;
  #machine: Machine;
  #platform: BoardPlatform | undefined;
  #peers: Peer[] = [];
  #ports: PeerPort[] = [];

  constructor(
    sockets: SocketKind = "sdk",
    boardOf: (machine: () => Machine) => CaseBoard = () => new MemoryTarget(sockets),
  ) {
    this.#board = boardOf(() => this.#machine);
    const side = new BoardSide({
      platform: () => this.#platform!,
      machine: () => this.#machine,
      onRequest: text => JSON.stringify(this.#answer(JSON.parse(text)) ?? null),
    });
    const surroundings = {
      now: () => this.#platform?.clock.now() ?? 0,
      answer: (words: readonly string[], body: Buffer) =>
        this.#board.answer?.(words, body) ?? side.answer(words, body),
    };
    this.#machine = machineWith("conformance", surroundings, undefined, undefined, sockets);
  }

  async start(): Promise<void> {
    this.#boot();
    await this.#board.until("the network", () => this.#platform?.link.address !== undefined);
  }

  /** Runs one case to its end; throws what it threw. */
  async play(index: number): Promise<void> {
    this.#call("run", index);
    for (;;) {
      const { what, ended, error } = this.#call("state");
      if (error !== undefined) throw new Error(error);
      if (ended) return;
      this.#call("resume", await this.#do(what));
    }
  }

  #boot(): void {
    this.#board.boot(platform => {
      this.#platform = platform;
      onAbort(platform, this.#machine);
      this.#call("program");
    });
  }

  async stop(): Promise<string[]> {
    const left = await this.#board.stop();
    this.#machine.end();
    return left;
  }

  async #do([what, name]: [string, string]): Promise<unknown> {
    switch (what) {
      case "until":
        return this.#board.until(name, () => this.#call("holds"));
      case "quiet":
        return this.#board.quiet();
      case "refuse":
        return this.#board.refusing();
      case "echo":
        return this.#board.echoing();
      default: {
        const port = await this.#board.listen();
        return { id: this.#ports.push(port) - 1, address: port.address, port: port.port };
      }
    }
  }

  #answer([what, ...rest]: [string, ...unknown[]]): unknown {
    switch (what) {
      case "boot":
        return this.#boot();
      case "unplug":
        return this.#board.unplug();
      case "connect":
        return this.#number(this.#board.connect(rest[0] as number));
      case "peers":
        return this.#ports[rest[0] as number].peers.map(peer => this.#number(peer));
      case "peer": {
        const peer = this.#peers[rest[0] as number];
        const member: unknown = Reflect.get(peer, rest[1] as string);
        return typeof member === "function" ? member.call(peer, rest[2]) : member;
      }
      case "target":
        return rest[0] === "address"
          ? this.#platform!.link.address
          : Reflect.get(this.#board, rest[0] as string);
      default:
        throw new Error(`not a question: ${what}`);
    }
  }

  #number(peer: Peer): number {
    const known = this.#peers.indexOf(peer);
    return known >= 0 ? known : this.#peers.push(peer) - 1;
  }

  #call(name: string, value?: unknown) {
    const text = this.#machine.command(JSON.stringify([name, value]));
    return text === "" ? undefined : JSON.parse(text);
  }
}
