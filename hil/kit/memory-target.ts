import type { MachineHost } from "../../backends/src/machine.ts";
import { machineHost } from "../../backends/src/testing.ts";
import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import type { BoardKind } from "../../emulator/src/boards/kind.ts";
import { type Status, statusOf } from "../../firmware/src/admin/status.ts";
import { EmulatedLab, ENGINE } from "./emulated-lab.ts";
import { leaks } from "./leaks.ts";
import { MdnsPeer } from "./mdns-peer.ts";
import type { Computer, GatewayDocument, Leftovers, Need, Target, TestBed } from "./target.ts";

/** Longer than any of the proxy's time-outs: such time passes as fast as the computer can. */
const PATIENCE_MS = 900_000;

/** Between two looks at whether the board has come to rest. */
const POLL_MS = 20;

/** The first port of each host. */
const BACKEND_PORT = 8080;

/** An emulated board on a simulated network, in virtual time. The same seed plays the same. */
export function memoryTarget({ seed = 1, kind = mendedBoard() } = {}): Target {
  const offers: Need[] = ["simulated-network", "dns", "reset", "dhcp", "machines", "buttons"];
  if (ENGINE === "node") offers.push("status"); // an engine behind a pipe shows nothing of the program's insides
  if (kind.sockets === "own") offers.push("half-close");
  return {
    name: "memory",
    offers,
    patienceMs: PATIENCE_MS,
    setUp: (onLine, needs = []) => new MemoryTestBed(kind, seed, onLine, needs.includes("dhcp")),
  };
}

class MemoryTestBed implements TestBed {
  readonly proxyAddress = { host: "board", port: 80 };
  readonly pollMs = POLL_MS;
  #bench: EmulatedLab;
  #ready = () => {};
  #alarms = 0;
  /** By host. */
  #nextPorts = new Map<string, number>();

  constructor(kind: BoardKind, seed: number, onLine: (line: string) => void, hasDhcp: boolean) {
    this.#bench = new EmulatedLab(kind, {
      seed,
      dhcp: hasDhcp,
      multicast: hasDhcp,
      onLine: line => {
        onLine(line);
        if (line.includes(" proxy: ready ")) this.#ready();
      },
    });
  }

  get clock() {
    return this.#bench.clock;
  }

  get limits() {
    return this.#bench.board.kind;
  }

  get dns() {
    return this.#bench.dns;
  }

  get network() {
    return this.#bench.network;
  }

  computer(name: string): Computer {
    const host = this.#bench.network.host(name);
    const reservePort = async () => {
      const port = this.#nextPorts.get(name) ?? BACKEND_PORT;
      this.#nextPorts.set(name, port + 1);
      return { port, release() {} };
    };
    return { net: host, address: host.address, reservePort };
  }

  machineHost(name: string): MachineHost {
    return machineHost(this.network, name);
  }

  connectPin(gpio: number, press: (level: number) => void): void {
    this.#bench.board.pins.connect(gpio, press);
  }

  boot(document: GatewayDocument): Promise<void> {
    this.proxyAddress.port = document.listeners?.[0]?.port ?? this.proxyAddress.port;
    return this.#serving(() => this.#bench.boot(document));
  }

  reset(): Promise<void> {
    return this.#serving(() => this.#bench.board.reset());
  }

  wifiDrop(ms: number): void {
    this.#bench.wifiDrop(ms);
  }

  renewLease(address: string): void {
    this.#bench.renewAddress(address);
  }

  occupy(name: string, address: string): void {
    new MdnsPeer(this.network, `owner of ${name}`).own(name, address);
  }

  resolve(name: string): Promise<string> {
    return new Promise(resolve => {
      const peer = new MdnsPeer(this.network, `resolver of ${name} ${this.clock.now()}`);
      peer.ask(name, "A");
      const look = () => {
        const [address] = peer.addressesOf(name);
        if (address === undefined) this.clock.after(POLL_MS, look);
        else resolve(address);
      };
      look();
    });
  }

  /** Rings alarm after alarm; between two of them all that can go on in Node goes on. */
  drive(scenario: Promise<unknown>, patienceMs: number): Promise<boolean> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    scenario.then(end, end);
    return this.clock.run({ until: () => ended, ms: patienceMs });
  }

  async status(): Promise<Status> {
    return statusOf(this.#bench.app!.runtime);
  }

  leftovers(): Leftovers {
    const { board, app } = this.#bench;
    if (app === undefined) return { sessions: 0, leaks: [] };
    return { sessions: app.proxy.sessions, leaks: leaks(board, app, this.#alarms) };
  }

  packets(): readonly string[] {
    return this.#bench.network.trace.lines;
  }

  close(): void {} // its clock is not advanced any more

  async #serving(start: () => void): Promise<void> {
    await new Promise<void>(resolve => {
      this.#ready = resolve;
      start();
    });
    this.#alarms = this.#bench.board.alarms;
  }
}
