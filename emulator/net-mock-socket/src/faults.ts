import type { HostIdentity, Packet } from "./packet.ts";

/** The action of a rule on a packet. `reset` resets both ends of its connection; a datagram is lost then. */
export type PacketAction = "pass" | "drop" | "reset" | { readonly delayMs: number };

/** Looks at every packet that leaves for another host. */
export type Rule = (packet: Packet) => PacketAction;

/** Ends the fault that it was returned for. A second call does nothing. */
export type Undo = () => void;

/** Like a rule, but a fault may also `hold` a packet until it is over. */
export interface Fault {
  judge(packet: Packet): PacketAction | "hold";
  /** True: packets that are in flight already are lost as well. */
  readonly cuts: boolean;
  /** A host that has no place for another connection. */
  readonly exhausts?: HostIdentity;
}

export const between = (a: HostIdentity, b: HostIdentity) => (packet: Packet) =>
  (packet.from === a && packet.to === b) || (packet.from === b && packet.to === a);

export const oneWay = (a: HostIdentity, b: HostIdentity) => (packet: Packet) =>
  packet.from === a && packet.to === b;

export const touching = (host: HostIdentity) => (packet: Packet) =>
  packet.from === host || packet.to === host;

/** The faults of the network at present. The first verdict that is not `pass` counts. */
export class Faults {
  #faults = new Set<Fault>();
  #onBegin: () => void;
  #onEnd: () => void;

  constructor(onBegin: () => void, onEnd: () => void) {
    this.#onBegin = onBegin;
    this.#onEnd = onEnd;
  }

  get none(): boolean {
    return this.#faults.size === 0;
  }

  add(fault: Fault): Undo {
    this.#faults.add(fault);
    this.#onBegin();
    return () => {
      if (this.#faults.delete(fault)) this.#onEnd();
    };
  }

  clear(): void {
    if (this.none) return;
    this.#faults.clear();
    this.#onEnd();
  }

  judge(packet: Packet): PacketAction | "hold" {
    for (const fault of this.#faults) {
      const verdict = fault.judge(packet);
      if (verdict !== "pass") return verdict;
    }
    return "pass";
  }

  exhausts(host: HostIdentity): boolean {
    for (const fault of this.#faults) if (fault.exhausts === host) return true;
    return false;
  }

  /** True: a packet in flight is lost. */
  cutsOff(packet: Packet): boolean {
    for (const fault of this.#faults) {
      if (fault.cuts && fault.judge(packet) === "drop") return true;
    }
    return false;
  }
}
