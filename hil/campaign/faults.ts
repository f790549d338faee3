import type { Undo } from "net-mock-socket";
import type { BeginFault, CampaignBackend } from "./lab.ts";
import type { Observations } from "./observations.ts";
import type { FaultName, FaultPart } from "./plan.ts";

/** Begins faults and ends them, each at its time, and those still active at the end of the active phase. */
export class Faults {
  #seen: Observations;
  #backends: ReadonlyMap<string, CampaignBackend>;
  #faults: Partial<Record<FaultName, BeginFault>>;
  /** Active faults, by fault and host: one of a kind at a time. */
  #going = new Map<string, Undo>();

  constructor(seen: Observations, backends: ReadonlyMap<string, CampaignBackend>) {
    this.#seen = seen;
    this.#backends = backends;
    this.#faults = seen.lab.faults(backends);
  }

  schedule(fault: FaultPart): void {
    if (fault.host !== "board" && !this.#backends.has(fault.host)) return;
    const { clock } = this.#seen.lab;
    clock.after(fault.atMs, () => {
      // A host that is down cannot go down again.
      const down = ["crash", "quit", "power", "reset-button"].includes(fault.what);
      // The power of a machine fails by `power` parts only.
      if (["crash", "quit"].includes(fault.what) && this.#seen.machines.has(fault.host)) return;
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
    if (what === "wifi") {
      const fromMs = this.#seen.lab.clock.now();
      this.#seen.outages.push({ fromMs, toMs: fromMs + lastsMs });
    }
    return this.#faults[what]?.(host, lastsMs);
  }
}
