import { Network } from "net-mock-socket";
import { EmulatedTarget } from "../conformance/emulated.ts";
import type { Peer, PeerPort } from "../conformance/target.ts";
import { esp32 } from "../src/boards/esp32.ts";
import { type Cancel, VirtualClock } from "../src/clock.ts";
import type { BoardPlatform } from "../src/platform.ts";
import type { CaseBoard } from "../xs/conformance.ts";
import type { Machine } from "../xs/machine.ts";
import { CASES_SDKCONFIG } from "./board.ts";

/** Longer than any conversation here and than a delayed acknowledgement, shorter than any time-out of the board. */
const QUIET_MS = 600;

/** lwIP's timers never end: what has not happened by then does not happen. Longer than every time-out of lwIP. */
const UNTIL_MAX_MS = 600_000;

/** On the wire (native/world.h). */
const BOARD_ADDRESS = "10.0.0.2";
const PEER_ADDRESS = "10.0.0.1";
/** Where no server listens. */
const REFUSING_PORT = 1;

/**
 * A board whose sockets are the firmware's own, over lwIP: `board/board.c`. Its program runs on XS. Console, network
 * link, alarms and the end of the program are the emulated board's.
 */
export class LwipTarget extends EmulatedTarget implements CaseBoard {
  readonly #clock: VirtualClock;
  readonly #machine: () => Machine;
  #platform: BoardPlatform | undefined;
  #next: Cancel = () => {};
  #answer = "";
  #bytes = "";

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
      this.#platform = platform;
      const tell = (text: string) => this.#machine().network(text);
      tell("boot");
      if (process.env.LWIP_TRACE) tell("trace");
      platform.onEnd(() => tell("boot"));
      const { link } = platform;
      link.watch(() => tell(link.address === undefined ? "leave" : "join"));
      const own = {
        ...link,
        get address() {
          return link.address === undefined ? undefined : BOARD_ADDRESS;
        },
      };
      program(Object.create(platform, { link: { value: own } }));
    });
  }

  override get objects(): number {
    return Number(this.#ask("state").split(" ")[0]);
  }

  override get connections(): number {
    return Number(this.#ask("state").split(" ")[1]);
  }

  answer([word, text]: readonly string[], body: Buffer): string | undefined {
    if (word === "network") {
      this.#answer = text;
      this.#bytes = body.toString("latin1");
      return "";
    }
    if (word !== "due") return undefined;
    this.#next();
    this.#next = this.#platform!.clock.after(Number(text), () => this.#machine().network("run"));
    return "";
  }

  #ask(text: string): string {
    this.#machine().network(text);
    return this.#answer;
  }

  async listen(): Promise<PeerPort> {
    const port = Number(this.#ask("listen"));
    const peers: Peer[] = [];
    const accepted = (): readonly Peer[] => {
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

  connect(port: number): Peer {
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

  #peer(number: number): Peer {
    const tell = (text: string) => this.#machine().network(text);
    const words = () => this.#ask(`peer ${number}`).split(" ");
    const received = () => {
      this.#ask(`peer ${number}`);
      return this.#bytes;
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
    };
  }
}
