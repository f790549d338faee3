import type { Host } from "./host.ts";
import type { Packet } from "./packet.ts";

/**
 * What a rule says of a packet. `reset`: both ends of its connection are told that it is gone; a
 * datagram has no connection, and is lost.
 */
export type Verdict = "pass" | "drop" | "reset" | { readonly delayMs: number };

/** Looks at every packet that leaves for another host. */
export type Rule = (packet: Packet) => Verdict;

/** Ends what it was returned for; afterwards it does nothing. */
export type Undo = () => void;

/** A fault knows one verdict more: the packet waits until the fault is over. */
export interface Fault {
  judge(packet: Packet): Verdict | "hold";
  /** Does it also take the packets that are under way already? */
  readonly cuts: boolean;
  /** It has no place for another connection. */
  readonly exhausts?: Host;
}

export const between = (a: Host, b: Host) => (packet: Packet) =>
  (packet.from === a && packet.to === b) || (packet.from === b && packet.to === a);

export const oneWay = (a: Host, b: Host) => (packet: Packet) =>
  packet.from === a && packet.to === b;

export const touching = (host: Host) => (packet: Packet) =>
  packet.from === host || packet.to === host;

/** What is wrong with the network at present. The first verdict that is not `pass` counts. */
export class Faults {
  #faults = new Set<Fault>();
  #begun: () => void;
  #ended: () => void;

  /** `begun` and `ended` are told of each fault. */
  constructor(begun: () => void, ended: () => void) {
    this.#begun = begun;
    this.#ended = ended;
  }

  get none(): boolean {
    return this.#faults.size === 0;
  }

  add(fault: Fault): Undo {
    this.#faults.add(fault);
    this.#begun();
    return () => {
      if (this.#faults.delete(fault)) this.#ended();
    };
  }

  clear(): void {
    if (this.none) return;
    this.#faults.clear();
    this.#ended();
  }

  judge(packet: Packet): Verdict | "hold" {
    for (const fault of this.#faults) {
      const verdict = fault.judge(packet);
      if (verdict !== "pass") return verdict;
    }
    return "pass";
  }

  exhausts(host: Host): boolean {
    for (const fault of this.#faults) if (fault.exhausts === host) return true;
    return false;
  }

  /** Is a packet that is under way lost? */
  takes(packet: Packet): boolean {
    for (const fault of this.#faults) {
      if (fault.cuts && fault.judge(packet) === "drop") return true;
    }
    return false;
  }
}
