import type { BoardKind } from "../../src/boards/kind.ts";
import type { BoardPlatform, ListenerClass, TCPClass, UDPClass } from "../../src/platform.ts";
import type { Peer, PeerPort, Target } from "../target.ts";
import type { Control } from "./control.ts";
import type { ToBoard } from "./messages.ts";

/** A wait of this time has timed out. */
const PATIENCE_MS = 5_000;

/** How often a case checks what it waits for. */
const POLL_MS = 5;

/**
 * Longer than lwIP waits to offer again segments that arrived before their connection was accepted (250 ms), and
 * than ten of the simulator's polls (20 ms).
 */
const QUIET_MS = 300;

/** A case needs something that a program on the board cannot see or do: no failure of the board. */
export class OutOfReach extends Error {
  readonly result: "part" | "skip";

  constructor(result: "part" | "skip", message: string) {
    super(message);
    this.result = result;
  }
}

/** The board that this program runs on. Its peers are played by the host. */
export class RemoteTarget implements Target {
  readonly TCP: TCPClass;
  readonly Listener: ListenerClass;
  readonly UDP: UDPClass;
  readonly numbers: BoardKind;
  /** The program runs, so nothing has stopped the board. */
  readonly fatal = undefined;
  readonly #address: string;
  readonly #clock: BoardPlatform["clock"];
  readonly #control: Pick<Control, "send">;
  readonly #answers = new Map<number, (port: number) => void>();
  readonly #arrivals = new Map<number, Peer[]>();
  readonly #peers = new Map<number, RemotePeer>();
  #lastRequest = 0;
  #connected = 0;

  constructor(parts: {
    TCP: TCPClass;
    Listener: ListenerClass;
    UDP: UDPClass;
    clock: BoardPlatform["clock"];
    numbers: BoardKind;
    /** The address of the host, as the board sees it. */
    address: string;
    control: Pick<Control, "send">;
  }) {
    this.TCP = parts.TCP;
    this.Listener = parts.Listener;
    this.UDP = parts.UDP;
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
    this.#arrivals.set(this.#lastRequest + 1, peers);
    return { address: this.#address, port: await this.#ask("listen"), peers };
  }

  async refusing(): Promise<{ address: string; port: number }> {
    return { address: this.#address, port: await this.#ask("refuse") };
  }

  async echoing(): Promise<{ address: string; port: number }> {
    return { address: this.#address, port: await this.#ask("echo") };
  }

  connect(port: number): Peer {
    const peer = -++this.#connected; // those of accepted connections are positive
    this.#control.send({ type: "connect", peer, port });
    return this.#peer(peer);
  }

  /** Requests are carried out before the first mark returns, and their events arrive before the second. */
  async quiet(): Promise<void> {
    await this.#ask("mark");
    await this.#pause(QUIET_MS);
    await this.#ask("mark");
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = this.#clock.now() + PATIENCE_MS;
    while (!holds()) {
      if (this.#clock.now() > deadline) throw new Error(`timed out: ${what}`);
      await this.#pause(POLL_MS);
    }
  }

  /** News from the host. */
  received(message: ToBoard, text: string): void {
    switch (message.type) {
      case "answer":
        this.#answers.get(message.ask)?.(message.port);
        break;
      case "connected":
        this.#arrivals.get(message.ask)?.push(this.#peer(message.peer));
        break;
      case "port":
        this.#peers.get(message.peer)!.port = message.port;
        break;
      case "received":
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

  async #ask(type: "listen" | "refuse" | "echo" | "mark"): Promise<number> {
    const ask = ++this.#lastRequest;
    let answer: number | undefined;
    this.#answers.set(ask, port => {
      answer = port;
    });
    this.#control.send({ type, ask });
    await this.until(`the host's answer to "${type}"`, () => answer !== undefined);
    return answer!;
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => this.#clock.after(ms, resolve));
  }
}

/** A peer as the host reports it. */
class RemotePeer implements Peer {
  received = "";
  readonly pieces: string[] = [];
  ending: Peer["ending"] = "none";
  /** 0 until the host has reported it. */
  port = 0;
  readonly #number: number;
  readonly #control: Pick<Control, "send">;

  constructor(number: number, control: Pick<Control, "send">) {
    this.#number = number;
    this.#control = control;
  }

  hear(piece: string): void {
    this.received += piece;
    this.pieces.push(piece);
  }

  send(text: string): void {
    this.#control.send({ type: "send", peer: this.#number, bytes: text.length }, text);
  }

  finish(): void {
    this.#control.send({ type: "finish", peer: this.#number });
  }

  reset(): void {
    this.#control.send({ type: "reset", peer: this.#number });
  }
}
