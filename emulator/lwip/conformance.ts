import { Network } from "net-mock-socket";
import { EmulatedTarget } from "../conformance/emulated.ts";
import type { Peer, PeerPort } from "../conformance/target.ts";
import { esp32 } from "../src/boards/esp32.ts";
import { VirtualClock } from "../src/clock.ts";
import type { BoardPlatform } from "../src/platform.ts";
import type { CaseBoard } from "../xs/conformance.ts";
import type { Machine } from "../xs/machine.ts";
import { CASES_SDKCONFIG } from "./board.ts";
import { EngineNetwork, PEER_ADDRESS } from "./engine-network.ts";

/** Longer than any conversation here and than a delayed acknowledgement, shorter than any time-out of the board. */
const QUIET_MS = 600;

/** lwIP's timers never end: what has not happened by then does not happen. Longer than every time-out of lwIP. */
const UNTIL_MAX_MS = 600_000;

/** RFC 862. */
const ECHO_PORT = 7;

/** Where no server listens. */
const REFUSING_PORT = 1;

/** Like every peer, and it can stop to read. */
export interface LwipPeer extends Peer {
  /** Reads no more: its window closes. */
  hold(): void;
}

/** A port of the peer that the board may connect to. */
export interface LwipPeerPort extends PeerPort {
  readonly peers: readonly LwipPeer[];
}

/**
 * A board whose sockets are the firmware's own, over lwIP: `board/board.c`. Its program runs on XS. Console, network
 * link, alarms and the end of the program are the emulated board's.
 */
export class LwipTarget extends EmulatedTarget implements CaseBoard {
  readonly #clock: VirtualClock;
  readonly #machine: () => Machine;
  readonly #network = new EngineNetwork();

  constructor(machine: () => Machine) {
    const clock = new VirtualClock();
    // Nothing is plugged into this network.
    const wire = new Network({ clock }).host("board");
    super({ kind: esp32({ sdkconfig: CASES_SDKCONFIG }), clock, wire });
    this.#clock = clock;
    this.#machine = machine;
  }

  override boot(program: (platform: BoardPlatform) => void): void {
    super.boot(platform => {
      const own = this.#network.boot(this.#machine(), platform);
      platform.onEnd(() => this.#network.tell("boot"));
      program(own);
    });
  }

  override get objects(): number {
    return this.#network.state.objects;
  }

  override get connections(): number {
    return this.#network.state.connections;
  }

  answer(words: readonly string[], body: Buffer): string | undefined {
    return this.#network.answer(words, body);
  }

  #ask(text: string): string {
    return this.#network.ask(text);
  }

  async listen(): Promise<LwipPeerPort> {
    const port = Number(this.#ask("listen"));
    const peers: LwipPeer[] = [];
    const accepted = (): readonly LwipPeer[] => {
      for (;;) {
        const number = Number(this.#ask(`accepted ${port} ${peers.length}`));
        if (number < 0) return peers;
        peers.push(this.#peer(number));
      }
    };
    return {
      address: PEER_ADDRESS,
      port,
      get peers() {
        return accepted();
      },
    };
  }

  async refusing(): Promise<{ address: string; port: number }> {
    return { address: PEER_ADDRESS, port: REFUSING_PORT };
  }

  async echoing(): Promise<{ address: string; port: number }> {
    return this.echo(ECHO_PORT);
  }

  /** A port of the peer that sends each datagram back. */
  echo(port: number): { address: string; port: number } {
    this.#network.tell(`echo ${port}`);
    return { address: PEER_ADDRESS, port };
  }

  connect(port: number): LwipPeer {
    return this.#peer(Number(this.#ask(`connect ${port}`)));
  }

  async quiet(): Promise<void> {
    await this.#clock.run({ ms: QUIET_MS });
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    if (!(await this.#clock.run({ until: holds, ms: UNTIL_MAX_MS })))
      throw new Error(`timed out: ${what}`);
  }

  async stop(): Promise<string[]> {
    this.unplug();
    const { objects, connections } = this;
    return [
      ...(objects > 0 ? [`${objects} TCP objects`] : []),
      ...(connections > 0 ? [`${connections} control blocks`] : []),
    ];
  }

  #peer(number: number): LwipPeer {
    const tell = (text: string) => this.#network.tell(text);
    const words = () => this.#ask(`peer ${number}`).split(" ");
    const received = () => {
      this.#ask(`peer ${number}`);
      return this.#network.bytes;
    };
    return {
      get received() {
        return received();
      },
      get pieces() {
        let from = 0;
        const lengths = words().slice(2).map(Number);
        const text = received();
        return lengths.map(length => {
          from += length;
          return text.slice(from - length, from);
        });
      },
      get ending() {
        return words()[0] as Peer["ending"];
      },
      get port() {
        return Number(words()[1]);
      },
      send: text => tell(`send ${number} ${Buffer.from(text, "latin1").toString("hex")}`),
      finish: () => tell(`finish ${number}`),
      reset: () => tell(`reset ${number}`),
      hold: () => tell(`hold ${number}`),
    };
  }
}
