import type { Undo } from "net-mock-socket";
import type { LabBackend } from "../kit/emulated-lab.ts";
import type { Observations } from "./observations.ts";
import type { FaultName, FaultPart } from "./plan.ts";

/** Answers to a SYN that `lost-answer` takes. */
const ANSWERS_LOST = 3;

/** How late `late-packets` makes a packet. */
const LATE_MS = 35;

/** Begins faults and ends them, each at its time, and those still active at the end of the active phase. */
export class Faults {
  #seen: Observations;
  #backends: ReadonlyMap<string, LabBackend>;
  /** Active faults, by fault and host: one of a kind at a time. */
  #going = new Map<string, Undo>();

  constructor(seen: Observations, backends: ReadonlyMap<string, LabBackend>) {
    this.#seen = seen;
    this.#backends = backends;
  }

  schedule(fault: FaultPart): void {
    if (fault.host !== "board" && !this.#backends.has(fault.host)) return;
    const { clock } = this.#seen.lab;
    clock.after(fault.atMs, () => {
      // A host that is down cannot go down again.
      const down = ["crash", "quit", "power", "reset-button"].includes(fault.what);
      const key = `${down ? "down" : fault.what} ${fault.host}`;
      if (this.#going.has(key)) return;
      const undo = this.#begin(fault);
      if (undo === undefined) return;
      this.#going.set(key, undo);
      clock.after(fault.lastsMs, () => this.#end(key));
    });
  }

  endAll(): void {
    for (const key of [...this.#going.keys()]) this.#end(key);
    this.#seen.lab.network.heal();
  }

  #end(key: string): void {
    const undo = this.#going.get(key);
    this.#going.delete(key);
    undo?.();
  }

  #begin({ what, host, lastsMs }: FaultPart): Undo | undefined {
    const { lab } = this.#seen;
    const { network } = lab;
    const begin: Record<FaultName, () => Undo | undefined> = {
      refuse: () => network.refuse(host),
      "black-hole": () => network.blackHole(host),
      reset: () => {
        network.resetConnections(host);
        return undefined;
      },
      vanish: () => network.vanish(host),
      crash: () => {
        const back = network.crash(host);
        return () => {
          back();
          this.#backends.get(host)!.start();
        };
      },
      quit: () => {
        const backend = this.#backends.get(host)!;
        backend.stop();
        return () => backend.start();
      },
      cut: () => network.cut("board", host),
      "cut-to": () => network.cutOneWay("board", host),
      "cut-from": () => network.cutOneWay(host, "board"),
      hold: () => network.hold("board", host),
      clog: () => network.clog(host),
      "late-packets": () => {
        let packets = 0;
        return network.rule(({ from, to }) =>
          (from.name === host || to.name === host) && packets++ % 3 === 0
            ? { delayMs: LATE_MS }
            : "pass",
        );
      },
      "lost-answer": () => {
        let left = ANSWERS_LOST;
        return network.rule(({ kind, from }) =>
          kind === "SYN-ACK" && from.name === host && left-- > 0 ? "drop" : "pass",
        );
      },
      "reset-data": () => {
        let packets = 0;
        return network.rule(({ kind, from }) =>
          kind === "DATA" && from.name === host && ++packets % 20 === 0 ? "reset" : "pass",
        );
      },
      "no-pool": () => network.exhaustPool(host),
      // A board that cannot open its listeners for lack of memory crashes, and boots again.
      "no-heap": () =>
        lab.board.wifi.address === undefined ? undefined : lab.board.stack.exhaustHeap(),
      "no-buffers": () => network.exhaustBuffers(host),
      wifi: () => {
        const fromMs = lab.clock.now();
        this.#seen.outages.push({ fromMs, toMs: fromMs + lastsMs });
        lab.wifiDrop(lastsMs);
        return undefined;
      },
      "inbound-loss": () => network.blackHole("board"),
      power: () => {
        const back = lab.powerLoss();
        return back;
      },
      "reset-button": () => {
        lab.board.reset();
        return undefined;
      },
      "task-stall": () => {
        lab.board.tasks.stall(lastsMs);
        return undefined;
      },
    };
    return begin[what]();
  }
}
