import type { Outcome } from "../../../firmware/src/admin/outcome.ts";
import { STRATEGIES } from "../../../firmware/src/balancer/strategies.ts";
import { BOOT_MAX_S, BOOT_MIN_S, type DemoMachine, MACHINE_FAULTS } from "./demo-machine.ts";
import { Sampler } from "./sampler.ts";
import { PageServer, type Wish } from "./server.ts";
import { type DemoBackend, FAULTS, type Fault, LATENCY_MAX_MS } from "./servers.ts";
import { AMOUNT_MAX, GENERATORS_MAX, Generator, MODES, PROTOCOLS } from "./traffic.ts";
import type { Watched } from "./watched.ts";

/** Lines that a new page gets. */
const LINES_MAX = 200;

/** Interval at which new lines go to the pages; lines beyond the limit are counted. */
const LINES_INTERVAL_MS = 250;
const PARCEL_LINES_MAX = 100;

export interface WorkbenchParts {
  /** 0 for any free port. */
  readonly port: number;
  readonly watched: Watched;
  /** The demo backends, which can be stopped, slowed down and broken. */
  readonly servers: readonly DemoBackend[];
  /** The machines that they are on, which sleep; none: the servers are always awake. */
  readonly machines: readonly DemoMachine[];
}

/** A board, its demo backends and load generators, and a page to watch and change them. */
export class Workbench {
  #watched: Watched;
  #servers: readonly DemoBackend[];
  #machines: readonly DemoMachine[];
  #generators: Generator[] = [];
  #lastGenerator = 0;
  #server: PageServer;
  #sampler: Sampler;
  #lines: string[] = [];
  /** Lines not yet sent to the pages, and how many more there were. */
  #news: string[] = [];
  #skipped = 0;
  #telling: NodeJS.Timeout;

  private constructor({ watched, servers, machines }: WorkbenchParts) {
    this.#watched = watched;
    this.#servers = servers;
    this.#machines = machines;
    this.#server = new PageServer({
      actions: {
        backend: wish => this.#backend(wish),
        balance: ({ balance }) => this.#guarded(() => watched.setBalance(String(balance))),
        server: wish => this.#serverOf(wish),
        "machine-change": ({ name, ...change }) =>
          this.#guarded(() => watched.changeMachine(String(name), change)),
        "machine-power": wish => this.#power(wish),
        traffic: wish => this.#traffic(wish),
        "traffic-end": ({ id }) => this.#endTraffic(id),
        board: wish => this.#board(wish),
      },
      hello: () => this.#hello(),
      onAlone: () => {
        for (const generator of this.#generators) generator.end("the page was closed");
      },
    });
    this.#sampler = new Sampler(watched, () => this.#server.broadcast("sample", this.#now()));
    this.#telling = setInterval(() => this.#tellLines(), LINES_INTERVAL_MS);
  }

  /** Rejects with what `listen` reports, such as EADDRINUSE. */
  static async open(parts: WorkbenchParts): Promise<Workbench> {
    const workbench = new Workbench(parts);
    await workbench.#server.listen(parts.port);
    return workbench;
  }

  get url(): string {
    return this.#server.url;
  }

  /** The board has printed a line. */
  log(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    if (this.#news.length < PARCEL_LINES_MAX) this.#news.push(line);
    else this.#skipped++;
  }

  stop(): void {
    clearInterval(this.#telling);
    this.#sampler.stop();
    for (const generator of this.#generators) generator.end("the workbench was closed");
    this.#server.stop();
  }

  // Messages to the pages

  #hello(): object {
    const { title, readOnly, switches } = this.#watched;
    return {
      title,
      readOnly: readOnly ?? null,
      switches: switches !== undefined,
      balances: Object.keys(STRATEGIES),
      faults: FAULTS,
      machineFaults: MACHINE_FAULTS,
      latencyMaxMs: LATENCY_MAX_MS,
      amountMax: AMOUNT_MAX,
      points: this.#sampler.points,
      lines: this.#lines,
      now: this.#now(),
    };
  }

  #now(): object {
    return {
      ...this.#sampler.last,
      demo: Object.fromEntries(this.#servers.map(({ name, state }) => [name, state])),
      machines: Object.fromEntries(this.#machines.map(({ name, state }) => [name, state])),
      traffic: this.#generators.map(({ state }) => state),
    };
  }

  #tellLines(): void {
    if (this.#news.length === 0) return;
    this.#server.broadcast("lines", { lines: this.#news, skipped: this.#skipped });
    this.#news = [];
    this.#skipped = 0;
  }

  // Requests of pages

  #guarded(change: () => Promise<Outcome>): Promise<Outcome> | Outcome {
    const { readOnly } = this.#watched;
    return readOnly === undefined ? change() : { complaints: [readOnly] };
  }

  #backend({ name, state, weight }: Wish): Promise<Outcome> | Outcome {
    return this.#guarded(() =>
      state === undefined
        ? this.#watched.setWeight(String(name), Number(weight))
        : this.#watched.setState(String(name), String(state)),
    );
  }

  async #serverOf({ name, running, latencyMs, fault }: Wish): Promise<Outcome> {
    const server = this.#servers.find(known => known.name === name);
    if (server === undefined) return { complaints: [`no server "${name}" is a demo backend`] };
    const machine = this.#machines.find(({ backend }) => backend === server);
    if (running !== undefined && machine !== undefined) {
      return { complaints: [`${name} runs while the machine ${machine.name} is awake`] };
    }
    if (latencyMs !== undefined) {
      const ms = Number(latencyMs);
      if (!(Number.isInteger(ms) && ms >= 0 && ms <= LATENCY_MAX_MS)) {
        return { complaints: [`latencyMs: is ${latencyMs}; wanted 0 to ${LATENCY_MAX_MS}`] };
      }
      server.latencyMs = ms;
    }
    try {
      if (fault !== undefined) {
        if (!FAULTS.includes(fault as Fault)) {
          return { complaints: [`fault: is "${fault}"; wanted ${FAULTS.join(", ")}`] };
        }
        await server.setFault(fault as Fault);
      }
      if (running === true) await server.start();
      if (running === false) await server.stop();
    } catch (error) {
      return { complaints: [(error as Error).message] }; // the port is taken
    }
    return { done: `${name} is set` };
  }

  #power({ name, press, fault, bootS }: Wish): Outcome {
    const machine = this.#machines.find(known => known.name === name);
    if (machine === undefined) return { complaints: [`no machine "${name}" is a demo machine`] };
    if (bootS !== undefined) {
      const seconds = Number(bootS);
      if (!(Number.isInteger(seconds) && seconds >= BOOT_MIN_S && seconds <= BOOT_MAX_S)) {
        return { complaints: [`bootS: is ${bootS}; wanted ${BOOT_MIN_S} to ${BOOT_MAX_S}`] };
      }
      machine.setBoot(seconds * 1000);
    }
    if (fault !== undefined) {
      const known = MACHINE_FAULTS.find(word => word === fault);
      if (known === undefined) {
        return { complaints: [`fault: is "${fault}"; wanted ${MACHINE_FAULTS.join(", ")}`] };
      }
      machine.setFault(known);
    }
    if (press === true) machine.press();
    return { done: `${name} is set` };
  }

  #traffic({ protocol, mode, amount }: Wish): Outcome {
    const known = PROTOCOLS.find(word => word === protocol);
    const how = MODES.find(word => word === mode);
    if (known === undefined || how === undefined) {
      return { complaints: [`wanted ${PROTOCOLS.join(" or ")}, ${MODES.join(" or ")}`] };
    }
    const count = Number(amount);
    if (!(Number.isInteger(count) && count >= 1 && count <= AMOUNT_MAX[how])) {
      return { complaints: [`amount: is ${amount}; wanted 1 to ${AMOUNT_MAX[how]}`] };
    }
    const running = this.#generators.filter(({ ended }) => !ended);
    if (running.length >= GENERATORS_MAX) {
      return { complaints: [`${GENERATORS_MAX} run already; stop one of them first`] };
    }
    const id = ++this.#lastGenerator;
    const wish = { protocol: known, mode: how, amount: count };
    this.#generators = [...running, new Generator(id, wish, this.#watched.listener)];
    return { done: "it runs" };
  }

  #endTraffic(id: unknown): Outcome {
    const generator = this.#generators.find(known => known.id === id);
    if (generator === undefined) return { complaints: [`no generator ${id}`] };
    generator.end("stopped");
    return { done: "it has stopped" };
  }

  #board({ wifi, reset }: Wish): Outcome {
    const { switches } = this.#watched;
    if (switches === undefined)
      return { complaints: ["only an emulated board has these switches"] };
    if (typeof wifi === "boolean") switches.wifi(wifi);
    if (reset === true) switches.reset();
    return { done: "done" };
  }
}
