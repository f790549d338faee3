import { seeded } from "net-mock-socket";
import { Board, type BoardOptions } from "../src/board.ts";
import type { BoardKind } from "../src/boards/kind.ts";
import type { Clock } from "../src/clock.ts";
import type { Publish } from "../src/io/stack.ts";
import type { Wire } from "../src/io/wire.ts";
import type { BoardPlatform, ListenerClass, TCPClass, UDPClass } from "../src/platform.ts";
import { SocketPeer } from "./peer.ts";
import type { Peer, PeerPort, Target } from "./target.ts";

/** An emulated board; what it is plugged into is left open. */
export abstract class EmulatedTarget implements Target {
  readonly numbers: BoardKind;
  readonly lines: string[] = [];
  protected readonly board: Board;
  protected readonly peers: SocketPeer[] = [];
  #platform: BoardPlatform | undefined;

  constructor(parts: {
    kind: BoardKind;
    clock: Clock;
    wire: Wire;
    publish?: Publish;
    onListening?: BoardOptions["onListening"];
  }) {
    this.numbers = parts.kind;
    this.board = new Board({
      ...parts,
      random: seeded(1),
      onLine: line => this.lines.push(line),
    });
  }

  async start(): Promise<void> {
    this.boot(() => {});
    await this.until("the network", () => this.#platform?.link.address !== undefined);
  }

  get TCP(): TCPClass {
    return this.#platform!.TCP;
  }

  get Listener(): ListenerClass {
    return this.#platform!.Listener;
  }

  get UDP(): UDPClass {
    return this.#platform!.UDP;
  }

  get objects(): number {
    return this.board.stack.objects;
  }

  get connections(): number {
    return this.board.stack.connections;
  }

  get fatal(): string | undefined {
    return this.board.fatal;
  }

  boot(program: (platform: BoardPlatform) => void): void {
    this.board.boot(platform => {
      this.#platform = platform;
      program(platform);
    });
  }

  unplug(): void {
    this.board.unplug();
  }

  protected peer(socket: ConstructorParameters<typeof SocketPeer>[0]): SocketPeer {
    const peer = new SocketPeer(socket);
    this.peers.push(peer);
    return peer;
  }

  abstract listen(): Promise<PeerPort>;
  abstract refusing(): Promise<{ address: string; port: number }>;
  abstract echoing(): Promise<{ address: string; port: number }>;
  abstract connect(port: number): Peer;
  abstract quiet(): Promise<void>;
  abstract until(what: string, holds: () => boolean): Promise<void>;
}
