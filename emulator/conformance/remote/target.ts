import type { BoardKind } from "../../src/boards/kind.ts";
import type { BoardPlatform, ListenerClass, TCPClass } from "../../src/platform.ts";
import type { Peer, PeerPort, Target } from "../target.ts";
import type { Control } from "./control.ts";
import type { ToBoard } from "./messages.ts";

/** When something has not come by then, it never will. */
const PATIENCE_MS = 5_000;

/** How often a case looks whether it has come. */
const POLL_MS = 5;

/**
 * Longer than lwIP waits to offer again what came before its connection was accepted (250 ms), and
 * than ten of the simulator's polls (20 ms).
 */
const QUIET_MS = 300;

/** A case asks for what a program on the board cannot see or do; it is not to blame. */
export class OutOfReach extends Error {
  readonly result: "part" | "skip";

  constructor(result: "part" | "skip", message: string) {
    super(message);
    this.result = result;
  }
}

/** The board that this very program runs on. Its peers are played by the host. */
export class RemoteTarget implements Target {
  readonly TCP: TCPClass;
  readonly Listener: ListenerClass;
  readonly numbers: BoardKind;
  /** As long as somebody is there to ask, nothing has ended the board. */
  readonly fatal = undefined;
  readonly #address: string;
  readonly #clock: BoardPlatform["clock"];
  readonly #control: Pick<Control, "send">;
  readonly #answers = new Map<number, (port: number) => void>();
  readonly #arrivals = new Map<number, Peer[]>();
  readonly #peers = new Map<number, RemotePeer>();
  #asked = 0;
  #connected = 0;

  constructor(parts: {
    TCP: TCPClass;
    Listener: ListenerClass;
    clock: BoardPlatform["clock"];
    numbers: BoardKind;
    /** Of the host, as the board sees it. */
    address: string;
    control: Pick<Control, "send">;
  }) {
    this.TCP = parts.TCP;
    this.Listener = parts.Listener;
    this.#clock = parts.clock;
    this.#address = parts.address;
    this.#control = parts.control;
    // The control connection takes a control block; it and our promises may have an event waiting.
    const { connectionsMax, eventQueueLength } = parts.numbers;
    this.numbers = {
      ...parts.numbers,
      connectionsMax: connectionsMax - 1,
      eventQueueLength: eventQueueLength - 2,
    };
  }

  get objects(): number {
    throw new OutOfReach("part", "a program cannot count the objects that wait to be closed");
  }

  get connections(): number {
    throw new OutOfReach("part", "a program cannot count control blocks");
  }

  get lines(): string[] {
    throw new OutOfReach("part", "a program cannot read its own console");
  }

  boot(): void {
    this.unplug();
  }

  unplug(): void {
    throw new OutOfReach("skip", "a program cannot cut its own power");
  }

  async listen(): Promise<PeerPort> {
    const peers: Peer[] = [];
    this.#arrivals.set(this.#asked + 1, peers);
    return { address: this.#address, port: await this.#ask("listen"), peers };
  }

  async deaf(): Promise<{ address: string; port: number }> {
    return { address: this.#address, port: await this.#ask("deaf") };
  }

  connect(port: number): Peer {
    const peer = -++this.#connected; // those that come to us have positive numbers
    this.#control.send({ say: "connect", peer, port });
    return this.#peer(peer);
  }

  /** What was asked for is done before the first mark comes back, and told before the second. */
  async quiet(): Promise<void> {
    await this.#ask("mark");
    await this.#pause(QUIET_MS);
    await this.#ask("mark");
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = this.#clock.now() + PATIENCE_MS;
    while (!holds()) {
      if (this.#clock.now() > deadline) throw new Error(`never came: ${what}`);
      await this.#pause(POLL_MS);
    }
  }

  /** News from the host. */
  told(message: ToBoard, text: string): void {
    switch (message.say) {
      case "answer":
        this.#answers.get(message.ask)?.(message.port);
        break;
      case "came":
        this.#arrivals.get(message.ask)?.push(this.#peer(message.peer));
        break;
      case "port":
        this.#peers.get(message.peer)!.port = message.port;
        break;
      case "heard":
        this.#peers.get(message.peer)!.hear(text);
        break;
      case "ending":
        this.#peers.get(message.peer)!.ending = message.ending;
        break;
    }
  }

  #peer(number: number): RemotePeer {
    const peer = new RemotePeer(number, this.#control);
    this.#peers.set(number, peer);
    return peer;
  }

  async #ask(say: "listen" | "deaf" | "mark"): Promise<number> {
    const ask = ++this.#asked;
    let answer: number | undefined;
    this.#answers.set(ask, port => {
      answer = port;
    });
    this.#control.send({ say, ask });
    await this.until(`the host's answer to "${say}"`, () => answer !== undefined);
    return answer!;
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => this.#clock.after(ms, resolve));
  }
}

/** What the host has told of a peer, and the way to tell it something. */
class RemotePeer implements Peer {
  heard = "";
  readonly pieces: string[] = [];
  ending: Peer["ending"] = "none";
  /** 0 until the host has told it. */
  port = 0;
  readonly #number: number;
  readonly #control: Pick<Control, "send">;

  constructor(number: number, control: Pick<Control, "send">) {
    this.#number = number;
    this.#control = control;
  }

  hear(piece: string): void {
    this.heard += piece;
    this.pieces.push(piece);
  }

  send(text: string): void {
    this.#control.send({ say: "send", peer: this.#number, bytes: text.length }, text);
  }

  finish(): void {
    this.#control.send({ say: "finish", peer: this.#number });
  }

  reset(): void {
    this.#control.send({ say: "reset", peer: this.#number });
  }
}
