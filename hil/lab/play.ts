import { type Host, seeded } from "net-mock-socket";
import { Client } from "../../backends/src/client.ts";
import { reply } from "../../backends/src/http.ts";
import { STRATEGIES } from "../../firmware/src/balancer/strategies.ts";
import { type StrategyName, UNWEIGHTED } from "../../firmware/src/config/settings.ts";
import { type BackendSettings, EmulatedLab } from "../kit/emulated-lab.ts";
import { httpBackend } from "../kit/http-backend.ts";
import type { Experiment, ExperimentBackend } from "./experiments.ts";

export const STRATEGY_NAMES = Object.keys(STRATEGIES) as StrategyName[];

/** One request, measured at its client. */
export interface Sample {
  readonly sentMs: number;
  /** Time until the whole answer had arrived. */
  readonly ms: number;
  /** 0 if the connection was closed without an answer. */
  readonly status: number;
  /** The backend that served it; `undefined` if none did. */
  readonly backend: string | undefined;
}

/** One strategy in one experiment. */
export interface Play {
  readonly strategy: StrategyName;
  readonly samples: readonly Sample[];
}

/** Time for the first health checks before the first request. */
const WARM_UP_MS = 1000;

/** Number of client addresses; more than the board serves at once, as at home. */
const CLIENTS = 16;

/** Virtual time after the last request, for the last ones to end. */
const AFTERMATH_MS = 40_000;

/** Plays `experiment` with `strategy` through the whole emulated board; the same seed gives the same results. */
export async function play(
  experiment: Experiment,
  strategy: StrategyName,
  seed: number,
): Promise<Play> {
  const lab = new EmulatedLab(undefined, { seed });
  const weighted = !UNWEIGHTED.includes(strategy);
  const machines = new Map<string, Machine>();
  for (const [index, settings] of experiment.backends.entries()) {
    const machine = new Machine(lab, settings, seeded(seed * 1000 + index));
    machines.set(settings.name, machine);
    machine.start({
      weight: weighted ? (settings.weight ?? 1) : 1,
      // `first` fills one backend after the other: without a bound all requests go to the first one.
      maxSessions: strategy === "first" ? settings.workers : undefined,
    });
  }
  await lab.serve({
    balance: strategy,
    inspect: [],
    health: { check: "tcp", intervalMs: 2000, timeoutMs: 1000 },
    queueMax: 8,
  });
  await lab.clock.run({ ms: WARM_UP_MS });

  const beginMs = lab.clock.now();
  for (const { atMs, backend, what } of experiment.events) {
    lab.clock.after(atMs, () => machines.get(backend)!.apply(what));
  }
  const clients = new Clients(lab, beginMs, seeded(seed + 1));
  arrivals(lab, experiment, seeded(seed), () => void clients.request());
  await lab.clock.run({ ms: experiment.durationMs + AFTERMATH_MS });
  clients.close();
  await lab.settle();
  if (lab.board.fatal !== undefined) throw new Error(`the board died: ${lab.board.fatal}`);
  return { strategy, samples: clients.samples };
}

/** Calls `request` for each request of the experiment's traffic, at its time. */
function arrivals(
  lab: EmulatedLab,
  experiment: Experiment,
  random: () => number,
  request: () => void,
): void {
  const { perSecond, burst } = experiment.traffic;
  let atMs = 0;
  for (;;) {
    atMs += exponential(1000 / perSecond, random);
    if (atMs >= experiment.durationMs) break;
    lab.clock.after(atMs, request);
  }
  if (burst === undefined) return;
  for (let ms = burst.everyMs; ms < experiment.durationMs; ms += burst.everyMs) {
    for (let i = 0; i < burst.requests; i++) lab.clock.after(ms, request);
  }
}

function exponential(mean: number, random: () => number): number {
  return -mean * Math.log(1 - random());
}

/** A server with a few workers and a queue. */
class Machine {
  #lab: EmulatedLab;
  #settings: ExperimentBackend;
  #random: () => number;
  #slower = 1;
  #busy = 0;
  #queue: (() => void)[] = [];
  #server: { stop(): void; start(): void } | undefined;

  constructor(lab: EmulatedLab, settings: ExperimentBackend, random: () => number) {
    this.#lab = lab;
    this.#settings = settings;
    this.#random = random;
  }

  start(configured: BackendSettings): void {
    const { name } = this.#settings;
    const backend = httpBackend((_, socket) => {
      this.#queue.push(() => {
        if (!socket.destroyed) socket.write(Buffer.from(reply(name)));
      });
      this.#work();
      return undefined;
    });
    this.#server = this.#lab.backend(name, backend.serve, configured);
  }

  apply(what: Experiment["events"][number]["what"]): void {
    if (what === "dies") {
      this.#server!.stop();
      this.#queue = [];
    } else if (what === "returns") {
      this.#server!.start();
    } else {
      this.#slower = what.slower;
    }
  }

  #work(): void {
    if (this.#busy >= this.#settings.workers) return;
    const done = this.#queue.shift();
    if (done === undefined) return;
    this.#busy++;
    const ms = exponential(this.#settings.serviceMs * this.#slower, this.#random);
    this.#lab.clock.after(ms, () => {
      this.#busy--;
      done();
      this.#work();
    });
  }
}

/** Clients that keep idle connections for their next request. */
class Clients {
  readonly samples: Sample[] = [];
  #lab: EmulatedLab;
  #beginMs: number;
  #random: () => number;
  #hosts: Host[];
  #idle: Client[] = [];

  constructor(lab: EmulatedLab, beginMs: number, random: () => number) {
    this.#lab = lab;
    this.#beginMs = beginMs;
    this.#random = random;
    this.#hosts = Array.from({ length: CLIENTS }, (_, i) => lab.network.host(`client${i}`));
  }

  /** A random client sends a request, on its idle connection or on a new one. */
  async request(): Promise<void> {
    const { clock } = this.#lab;
    const host = this.#hosts[Math.floor(this.#random() * CLIENTS)];
    const sentMs = clock.now();
    this.#idle = this.#idle.filter(({ isOpen }) => isOpen);
    const place = this.#idle.findIndex(({ name }) => name === host.name);
    const client = place < 0 ? this.#newClient(host) : this.#idle.splice(place, 1)[0];
    const { status = 0, body, cutShort } = await client.ask("/");
    this.samples.push({
      sentMs: sentMs - this.#beginMs,
      ms: clock.now() - sentMs,
      status: cutShort ? 0 : status,
      backend: status === 200 && !cutShort ? body : undefined,
    });
    this.#idle.push(client);
  }

  close(): void {
    for (const client of this.#idle) client.leave();
  }

  #newClient(host: Host): Client {
    const server = () => ({ host: "board", port: 80 });
    return new Client({ name: host.name, net: host, clock: this.#lab.clock, server });
  }
}
