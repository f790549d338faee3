import { Server } from "../../backends/src/serve.ts";
import type { Socket } from "../../backends/src/steps.ts";
import type { DnsServer } from "../../emulator/src/dns-server.ts";
import type { CampaignLab } from "./lab.ts";
import { type DnsPart, type NamePart, only, type RunPlan } from "./plan.ts";

/** An address where no host is. */
const DEAD_ADDRESS = "10.0.99.99";

/** Delay of answers that come late: behind the first query's time, before that of the question. */
const SLOW_MS = 1_400;

/** A backend that has a name. */
interface Named {
  readonly part: NamePart;
  /** Addresses of its host, and of the other one that serves the same. */
  readonly home: string;
  readonly away: string;
}

/** Where backends listen. */
const PORT = 8080;

/** The names of a run, and its DNS server. */
export class RunNames {
  #lab: CampaignLab;
  #dns: DnsServer | undefined;
  #named: Named[] = [];
  /** Active events. */
  #going = new Set<DnsPart>();

  constructor(lab: CampaignLab) {
    this.#lab = lab;
  }

  /** Settings of a backend that has a name; another host serves the same, to which the name may move. */
  add(part: NamePart, serve: (socket: Socket) => void): { address: string } {
    const { network } = this.#lab;
    this.#dns ??= this.#lab.dns!;
    const home = network.host(part.backend).address;
    const other = this.#lab.otherHost!(`${part.backend}-away`);
    void new Server(other.net, serve).listen(PORT);
    this.#named.push({ part, home, away: other.address });
    this.#publish();
    return { address: hostNameOf(part) };
  }

  get used(): boolean {
    return this.#named.length > 0;
  }

  begin(part: DnsPart): void {
    if (!this.used) return;
    this.#going.add(part);
    this.#publish();
    this.#lab.clock.after(part.lastsMs, () => this.#end(part));
  }

  endAll(): void {
    for (const part of this.#going) this.#end(part);
  }

  #end(part: DnsPart): void {
    if (this.#going.delete(part)) this.#publish();
  }

  /** Sets the records and the fault, as all active events say together. */
  #publish(): void {
    const dns = this.#dns!;
    const going = [...this.#going].map(({ what }) => what);
    const isGoing = (what: DnsPart["what"]) => going.includes(what);
    dns.delayMs = isGoing("slow") ? SLOW_MS : 0;
    dns.fault = undefined;
    for (const what of going) {
      if (what !== "slow" && what !== "unknown" && what !== "moved") dns.fault = what;
    }
    for (const { part, home, away } of this.#named) {
      const own = isGoing("moved") ? away : home;
      const addresses = {
        none: [own],
        first: [DEAD_ADDRESS, own],
        last: [own, DEAD_ADDRESS],
      }[part.dead];
      dns.set(hostNameOf(part), isGoing("unknown") ? undefined : addresses, part.ttlS);
    }
  }
}

/** Clients may find no address of a backend. */
export function namesMayFail(plan: RunPlan): boolean {
  return only(plan, "dns").length > 0 || only(plan, "name").some(({ dead }) => dead !== "none");
}

function hostNameOf({ backend }: NamePart): string {
  return `${backend}.home`;
}
