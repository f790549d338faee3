import { Client, type Reply, type RequestOptions } from "../../backends/src/client.ts";
import { type MachineOptions, ScriptedMachine } from "../../backends/src/machine.ts";
import type { DnsServer } from "../../emulator/src/dns-server.ts";
import type { Status } from "../../firmware/src/admin/status.ts";
import type { Config } from "../../firmware/src/config/settings.ts";
import type { LogLine } from "../../firmware/tools/log-line.ts";
import { disagreements, type Visit } from "./cross-check.ts";
import { CLIENT_SESSIONS_MAX } from "./emulated-lab.ts";
import type { Journal, Wanted } from "./journal.ts";
import { type BackendScript, ScriptedBackend } from "./scripted-backend.ts";
import type { Need, NetworkFaults, TestBed } from "./target.ts";

/** Settings of a backend in the configuration, beyond name and address. */
export type BackendSettings = Given<Omit<Config["backends"][number], "name" | "address" | "port">>;

/** Settings of gateway.json, all optional; backends and machines are the lab's. */
export type ProxySettings = Given<Omit<Config, "backends" | "machines">>;

/** Settings of a machine in the configuration, beyond its name and MAC address. */
type MachineSettings = Given<Omit<Config["machines"][number], "name" | "mac">>;

/** How a machine behaves; see `ScriptedMachine`. `button`: the pin of the board that its power button is wired to. */
type MachineScript = Omit<MachineOptions, "name" | "mac" | "host" | "clock" | "onNote"> & {
  readonly button?: number;
};

/** First bytes of the MAC addresses of machines. */
const MAC_START = "24:0a:c4:00:01:";

type Given<T> = T extends readonly (infer Item)[]
  ? readonly Given<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]?: Given<T[Key]> }
    : T;

/** The declarations of a scenario. */
export interface Declared {
  readonly needs: readonly Need[];
  /** Names of the figures that it measures. */
  readonly measures: readonly string[];
}

/** Limits of the board, for scenarios. */
export interface ScenarioBoard {
  /** Limits of sessions and of queued clients, from the board's `ready` event. */
  readonly sessionsMax: number;
  readonly queueMax: number;
  /** Most bytes that it buffers of one connection, in each direction. */
  readonly sendBufferBytes: number;
  readonly receiveWindowBytes: number;
  /** Resets it; resolves when it serves again. Needs "reset". */
  reset(): Promise<void>;
}

/**
 * The parameter of a scenario: first create backends and clients (`backend`, `client`), then start the board
 * (`proxy`), then act and check.
 */
export class ScenarioLab {
  readonly wifi = {
    /** Drops the board's Wi-Fi for `ms`. Needs "simulated-network". */
    drop: (ms: number): void => {
      this.#use("simulated-network");
      this.#note(`the Wi-Fi drops for ${ms} ms`);
      this.#testBed.wifiDrop!(ms);
    },
  };
  readonly dhcp = {
    /** The lease of the board is due, and the DHCP server gives it another address. Needs "dhcp". */
    renew: (address: string): void => {
      this.#use("dhcp");
      this.#note(`DHCP gives the board ${address}`);
      this.#testBed.renewLease!(address);
    },
  };
  /** Measurements that were recorded. */
  readonly measured = new Set<string>();
  #testBed: TestBed;
  #journal: Journal;
  #declared: Declared;
  #backends: { backend: ScriptedBackend; settings: BackendSettings }[] = [];
  /** Backends by host name, and the servers at their addresses. */
  #named: {
    hostName: string;
    servers: readonly ScriptedBackend[];
    settings: BackendSettings & { name: string };
  }[] = [];
  #machines: { machine: ScriptedMachine; settings: MachineSettings }[] = [];
  #clients: Client[] = [];

  constructor(testBed: TestBed, journal: Journal, declared: Declared) {
    this.#testBed = testBed;
    this.#journal = journal;
    this.#declared = declared;
  }

  /** A backend; `settings` is what the configuration says of it beyond its address. */
  backend(
    name: string,
    script: BackendScript = {},
    settings: BackendSettings = {},
  ): ScriptedBackend {
    const { clock } = this.#testBed;
    const machine = this.#machines.find(({ machine: { name } }) => name === settings.machine);
    const computer = this.#testBed.computer(machine?.machine.name ?? name);
    const parts = { computer, clock, journal: this.#journal };
    const refuses = machine === undefined ? script.refuses : true; // until the machine is awake
    const backend = new ScriptedBackend(name, { ...script, refuses }, parts);
    this.#backends.push({ backend, settings });
    machine?.machine.services.push(backend);
    return backend;
  }

  /**
   * A machine that sleeps until the board wakes it. Backends whose settings name it as their `machine` run on it. Needs "machines".
   */
  machine(
    name: string,
    { button, ...script }: MachineScript = {},
    settings: MachineSettings = {},
  ): ScriptedMachine {
    this.#use("machines");
    const mac = MAC_START + this.#machines.length.toString(16).padStart(2, "0");
    const machine = new ScriptedMachine({
      ...script,
      ...{ name, mac, clock: this.#testBed.clock },
      host: this.#testBed.machineHost!(name),
      onNote: what => this.#note(`${name} ${what}`),
    });
    if (button !== undefined) {
      this.#use("buttons");
      this.#testBed.connectPin!(button, level => machine.button(level));
    }
    this.#machines.push({ machine, settings });
    return machine;
  }

  /**
   * A backend of the configuration whose address is a host name. `servers` are lab backends, which are not listed in the
   * configuration then; `dns.set` says which of their addresses the name has. Needs "dns".
   */
  named(
    hostName: string,
    servers: readonly ScriptedBackend[],
    settings: BackendSettings & { name: string },
  ): void {
    this.#use("dns");
    this.#named.push({ hostName, servers, settings });
  }

  /** The board's DNS server. Needs "dns". */
  get dns(): DnsServer {
    this.#use("dns");
    return this.#testBed.dns!;
  }

  /** A client with its own connection, on this host where the target has several, that finds the board at this address. */
  client(host = "client", boardAddress?: string): Client {
    const { net, address } = this.#testBed.computer(host);
    const client = new Client({
      name: `${host} ${this.#clients.length + 1}`,
      net,
      address,
      clock: this.#testBed.clock,
      journal: this.#journal,
      server: () => {
        const { host, port } = this.#testBed.proxyAddress;
        return { host: boardAddress ?? host, port };
      },
    });
    this.#clients.push(client);
    return client;
  }

  /** Another host has this name and address by multicast DNS, and defends the name. Needs "dhcp". */
  occupy(name: string, address: string): void {
    this.#use("dhcp");
    this.#testBed.occupy!(name, address);
  }

  /** The address that multicast DNS has for a name. Needs "dhcp". */
  resolve(name: string): Promise<string> {
    this.#use("dhcp");
    return this.#journal.waiting(`the address of ${name}`, (resolve, reject) => {
      this.#testBed.resolve!(name).then(resolve, reject);
    });
  }

  clients(count: number): Client[] {
    return Array.from({ length: count }, () => this.client());
  }

  /** Starts the board in front of the backends. Health checks are off unless the settings ask for them or the lab has machines. */
  async proxy(settings: ProxySettings = {}): Promise<void> {
    for (const { backend } of this.#backends) await backend.enter();
    const isNamed = (backend: ScriptedBackend) =>
      this.#named.some(({ servers }) => servers.includes(backend));
    const backends = [
      ...this.#backends
        .filter(({ backend }) => !isNamed(backend))
        .map(({ backend: { name, address, port }, settings }) => ({
          ...{ name, address, port },
          ...settings,
        })),
      ...this.#named.map(({ hostName, servers: [{ port }], settings }) => ({
        ...{ address: hostName, port },
        ...settings,
      })),
    ];
    const machines = this.#machines.map(({ machine: { name, mac }, settings }) => ({
      ...{ name, mac },
      ...settings,
    }));
    const document = {
      // Without checks no machine would be found awake.
      ...(machines.length > 0 ? { machines, health: {} } : { health: { check: "none" } }),
      clientSessionsMax: CLIENT_SESSIONS_MAX, // all clients may be on one computer
      ...settings,
      backends,
    };
    await this.#testBed.boot(document);
    await this.until({ on: "proxy", what: "ready" });
  }

  get board(): ScenarioBoard {
    const ready = this.logged({ on: "proxy", what: "ready" }).at(-1);
    if (ready === undefined) throw new Error("lab.board: there is none before lab.proxy()");
    const { sendBufferBytes, receiveWindowBytes } = this.#testBed.limits;
    return {
      sessionsMax: Number(ready.values.sessionsMax),
      queueMax: Number(ready.values.queueMax),
      sendBufferBytes,
      receiveWindowBytes,
      reset: async () => {
        this.#use("reset");
        this.#note("the board is reset");
        await this.#testBed.reset!();
        await this.until({ on: "proxy", what: "ready" });
      },
    };
  }

  /** One request on a new connection, which is closed afterwards. */
  async get(path: string, { headers = {}, ...options }: RequestOptions = {}): Promise<Reply> {
    const client = this.client();
    try {
      return await client.request(path, {
        ...options,
        headers: { Connection: "close", ...headers },
      });
    } finally {
      client.leave();
    }
  }

  /** Waits until the board has no session. */
  async sessionsClosed(): Promise<void> {
    const { clock, pollMs } = this.#testBed;
    while ((await this.#testBed.leftovers()).sessions > 0) {
      await new Promise<void>(resolve => clock.after(pollMs, resolve));
    }
  }

  /** Waits for the next matching event of the log after the one that was awaited last. */
  until(wanted: Wanted): Promise<LogLine> {
    return this.#journal.until(wanted);
  }

  /** Matching events of the log so far. */
  logged(wanted: Wanted): LogLine[] {
    return this.#journal.all(wanted);
  }

  /** The target's time. */
  get nowMs(): number {
    return this.#testBed.clock.now();
  }

  /** Runs a task later: `lab.later(10_000, lab.network.cut("board", "red"))` cuts now and repairs then. */
  later(ms: number, task: () => void): void {
    this.#testBed.clock.after(ms, task);
  }

  /** The board's counters. Needs "status". */
  status(): Promise<Status> {
    this.#use("status");
    return this.#testBed.status!();
  }

  /** Sends a command to the board's console; resolves with the lines of its answer. Needs "serial". */
  type(command: string): Promise<readonly string[]> {
    this.#use("serial");
    return this.#testBed.type!(command);
  }

  /** Records a measurement that the scenario has declared. Needs "budgets". */
  measure(name: string, value: number): void {
    this.#use("budgets");
    if (!this.#declared.measures.includes(name)) {
      throw new Error(`this scenario measures "${name}": add { measures: ["${name}"] }`);
    }
    this.measured.add(name);
    this.#testBed.measure!(name, value);
  }

  /** Cross-checks these visits with backends, log and counters; returns each disagreement. Needs "status". */
  async disagreements(visits: readonly Visit[], before: Status): Promise<string[]> {
    await this.#journal.untilAll(visits.length, { on: "session", what: "end" });
    return disagreements({
      visits,
      backends: this.#backends.map(({ backend }) => backend),
      log: this.logged({ on: "session", what: "end" }),
      before,
      after: await this.status(),
    });
  }

  /** Links and faults. Needs "simulated-network". */
  get network(): NetworkFaults {
    this.#use("simulated-network");
    return this.#testBed.network!;
  }

  /** Invalid requests that backends received. */
  get broken(): string[] {
    return this.#backends.flatMap(({ backend: { name, broken } }) =>
      broken === undefined ? [] : [`${name} was sent what is no request: ${broken}`],
    );
  }

  /** Ends all faults, and closes the clients. */
  closeClients(): void {
    this.#testBed.network?.heal();
    for (const client of this.#clients) client.leave();
  }

  /** Also stops the backends. */
  tearDown(): void {
    this.closeClients();
    for (const { machine } of this.#machines) machine.leave();
    for (const { backend } of this.#backends) backend.leave();
  }

  #note(what: string): void {
    this.#journal.note(what);
  }

  /** A scenario that has not declared a need would fail on targets that lack it. */
  #use(need: Need): void {
    if (this.#declared.needs.includes(need)) return;
    throw new Error(
      `this scenario uses ${need}: declare it with scenario(title, { needs: ["${need}"] }, …)`,
    );
  }
}
