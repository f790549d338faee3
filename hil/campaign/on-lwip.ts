import { Network, seeded, type Undo } from "net-mock-socket";
import { Server } from "../../backends/src/serve.ts";
import type { Socket } from "../../backends/src/steps.ts";
import { BOARD_ADDRESS } from "../../emulator/lwip/engine-network.ts";
import { PeerNetwork } from "../../emulator/lwip/peer-network.ts";
import type { Direction, Weather } from "../../emulator/lwip/weather.ts";
import { configurationOf, FirmwareBoard, ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import type { Engine } from "../../emulator/xs/engine.ts";
import { xsFirmware } from "../../emulator/xs/firmware.ts";
import { whole } from "../../emulator/xs/remote.ts";
import type { App } from "../../firmware/src/app.ts";
import { type LogLine, parseLine } from "../../firmware/tools/log-line.ts";
import { CLIENT_SESSIONS_MAX } from "../kit/emulated-lab.ts";
import { HOST_GOALS } from "./coverage.ts";
import type {
  BeginFault,
  CampaignBackend,
  CampaignHost,
  CampaignLab,
  CampaignNetwork,
} from "./lab.ts";
import { type FaultName, type LinkPart, only, type Part, type RunPlan } from "./plan.ts";

/** One-way latency of a good Wi-Fi, as in the simulated network. */
const LATENCY_MS = 2;

/** `late-packets`: every third packet, up to so late. */
const LATE = { reorderPermille: 333, reorderMs: 35 };

/** `reset-data`: each twentieth packet of the backend. */
const RESET_DATA = { resetPermille: 50 };

const LOST = { lossPermille: 1000 };

/** Part of a weather, for both directions or for one. */
interface Effect {
  readonly direction?: Direction;
  readonly weather: Weather;
}

const DIRECTIONS: readonly Direction[] = ["to the peer", "to the board"];

/**
 * The firmware on the chip's engine, with its own sockets over the chip's TCP stack. Its plans lack what this board and its wire
 * cannot have: `playable` leaves it out.
 */
export class LwipCampaignLab implements CampaignLab {
  readonly clock = new VirtualClock();
  /** Each check asks the engine. */
  readonly pollMs = 250;
  readonly packets = []; // LWIP_TRACE=1 prints them
  readonly lines: string[] = [];
  readonly network: LwipNetwork;
  readonly board: FirmwareBoard;
  #peers: PeerNetwork;
  #backends: object[] = [];
  /** After the boot: alarms, and blocks of lwIP's memory. */
  #atRest = { alarms: 0, blocks: 0 };
  #hash = "";

  constructor(engine: Engine, plan: RunPlan) {
    this.#peers = new PeerNetwork(engine, this.clock, plan.seed);
    this.network = new LwipNetwork(this.#peers);
    const [limits] = only(plan, "board");
    const ours = ourBoard("own");
    this.#peers.controlBlocksMax = limits?.connectionsMax ?? ours.connectionsMax;
    this.board = new FirmwareBoard({
      kind: { ...ours, ...limits },
      clock: this.clock,
      wire: new Network({ clock: this.clock }).host("board"), // nothing is plugged into this network
      address: BOARD_ADDRESS,
      random: seeded(plan.seed),
      heldBytes: () => this.#peers.heldBytes,
      onLine: line => this.lines.push(line),
    });
  }

  get app(): App | undefined {
    return this.board.app;
  }

  copyOf<T>(value: T): T {
    return whole(value);
  }

  events(on: string, what?: string): LogLine[] {
    return this.lines
      .flatMap(line => parseLine(line) ?? [])
      .filter(e => e.on === on && e.what === what);
  }

  backend(name: string, serve: (socket: Socket) => void, settings: object): CampaignBackend {
    const { address, net } = this.network.host(name);
    const port = this.#peers.freePort();
    this.#backends.push({ name, address, port, ...settings });
    const server = new Server(net, serve);
    this.network.servers.set(name, server);
    const backend = { start: () => void server.listen(port), stop: () => void server.stop() };
    backend.start();
    return backend;
  }

  async serve(settings: object): Promise<void> {
    const document = {
      backends: this.#backends,
      health: { check: "none" },
      clientSessionsMax: CLIENT_SESSIONS_MAX,
      ...settings,
    };
    this.board.bootFirmware(configurationOf(document), {}, (configuration, options) =>
      xsFirmware(configuration, options, this.#peers),
    );
    await this.clock.run({ until: () => this.events("proxy", "ready").length > 0 });
    this.#atRest = { alarms: this.board.alarms, blocks: this.#peers.state.blocks };
  }

  faults(backends: ReadonlyMap<string, CampaignBackend>): Partial<Record<FaultName, BeginFault>> {
    const { network, board } = this;
    const lost = (direction?: Direction) => (host: string) =>
      network.add(host, { direction, weather: LOST });
    return {
      refuse: host => {
        const server = network.servers.get(host)!;
        const { port } = server;
        server.refuse();
        return () => void server.listen(port);
      },
      "black-hole": lost("to the peer"),
      reset: host => {
        network.reset(host);
        return undefined;
      },
      vanish: lost(),
      crash: host => {
        const back = network.add(host, { weather: LOST });
        network.reset(host); // no packet of it arrives
        network.servers.get(host)!.refuse();
        return () => {
          back();
          backends.get(host)!.start();
        };
      },
      quit: host => {
        const backend = backends.get(host)!;
        backend.stop();
        return () => backend.start();
      },
      cut: lost(),
      "cut-to": lost("to the peer"),
      "cut-from": lost("to the board"),
      "late-packets": host => network.add(host, { weather: LATE }),
      "reset-data": host => network.add(host, { direction: "to the board", weather: RESET_DATA }),
      "no-heap": () => {
        if (board.wifi.address === undefined) return undefined;
        const stack = this.#peers.exhaustMemory();
        const heap = board.stack.exhaustHeap();
        return () => {
          heap();
          stack();
        };
      },
      "no-buffers": () => network.add("board", { direction: "to the board", weather: LOST }),
      wifi: (_host, lastsMs) => {
        board.wifi.drop(lastsMs);
        return undefined;
      },
      "inbound-loss": () => network.add("board", { direction: "to the board", weather: LOST }),
      power: () => {
        board.unplug();
        return () => board.powerOn();
      },
      "reset-button": () => {
        board.reset();
        return undefined;
      },
    };
  }

  get sockets(): CampaignLab["sockets"] {
    const { objects, connections } = this.#peers.state;
    // The packets of a boot are lost with it: what the checks see of them goes into the hash.
    this.#hash = fold(this.#hash, this.#peers.hash ?? "");
    return { objects, controlBlocks: connections };
  }

  connections(): string[] {
    return this.#peers.open.map(({ localPort, connecting }) => `peer ${localPort} ${connecting}`);
  }

  leftovers(): string[] {
    const { objects, connections, blocks } = this.#peers.state;
    const counts = [
      ["a socket object is left", objects],
      ["a control block is left", connections],
      ["an alarm is left", this.board.alarms - this.#atRest.alarms],
      ["a block of lwIP's memory is left", blocks - this.#atRest.blocks],
    ] as const;
    return counts.flatMap(([what, count]) => (count <= 0 ? [] : what));
  }

  get hash(): string {
    return this.#hash;
  }

  end(): void {
    this.board.unplug();
  }
}

/** FNV-1a, 64 bits, of the hash so far and of what follows it. */
function fold(hash: string, next: string): string {
  let sum = 0xcbf29ce484222325n;
  for (const character of hash + next) {
    sum = BigInt.asUintN(64, (sum ^ BigInt(character.charCodeAt(0))) * 0x100000001b3n);
  }
  return sum.toString(16);
}

interface LwipHost extends CampaignHost {
  readonly net: Pick<PeerNetwork, "connect" | "createServer">;
}

/** Hosts of the peer's lwIP, each with an address, and the weather between each of them and the board. */
class LwipNetwork implements CampaignNetwork {
  readonly servers = new Map<string, Server>();
  #peers: PeerNetwork;
  #hosts = new Map<string, LwipHost>();
  #links = new Map<string, Effect>();
  #faults = new Map<string, Set<Effect>>();

  constructor(peers: PeerNetwork) {
    this.#peers = peers;
  }

  host(name: string): LwipHost {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const address = `10.0.1.${this.#hosts.size + 1}`;
    const net = this.#peers.computer(address);
    const host: LwipHost = {
      address,
      net,
      connect: ({ port, allowHalfOpen = false }) =>
        net.connect({ host: BOARD_ADDRESS, port, allowHalfOpen, noDelay: true }),
    };
    this.#hosts.set(name, host);
    this.#apply(name);
    return host;
  }

  find(name: string): object | undefined {
    return name === "board" ? this : this.#hosts.get(name);
  }

  link(name: string, { latencyMs = 0, jitterMs = 0, loss = 0 }: LinkPart["settings"]): void {
    const weather = {
      delayMinMs: latencyMs,
      delayMaxMs: latencyMs + jitterMs,
      lossPermille: loss * 1000,
    };
    this.#links.set(name, { weather });
    this.#apply(name);
  }

  vanish(name: string): Undo {
    return this.add(name, { weather: LOST });
  }

  /** A fault of a host, or of the board: of all its packets. */
  add(name: string, effect: Effect): Undo {
    const faults = this.#faults.get(name) ?? new Set();
    this.#faults.set(name, faults.add(effect));
    this.#apply(name);
    return () => {
      faults.delete(effect);
      this.#apply(name);
    };
  }

  heal(): void {
    for (const [name, faults] of this.#faults) {
      faults.clear();
      this.#apply(name);
    }
  }

  /** Resets the connections of a backend. */
  reset(name: string): void {
    for (const socket of this.servers.get(name)!.sockets) socket.resetAndDestroy();
  }

  #apply(name: string): void {
    for (const [host, { address }] of this.#hosts) {
      if (name !== "board" && name !== host) continue;
      for (const direction of DIRECTIONS)
        this.#peers.setWeather(address, direction, this.#weatherOf(host, direction));
    }
  }

  /** All effects on the packets of a host together. */
  #weatherOf(name: string, direction: Direction): Weather {
    const effects = ["board", name].flatMap(of => [
      ...(this.#links.get(of) === undefined ? [] : [this.#links.get(of)!]),
      ...(this.#faults.get(of) ?? []),
    ]);
    const weathers = effects
      .filter(effect => effect.direction === undefined || effect.direction === direction)
      .map(({ weather }) => weather);
    const sum = (of: keyof Weather) => weathers.reduce((all, each) => all + (each[of] ?? 0), 0);
    const most = (of: keyof Weather) => Math.max(0, ...weathers.map(each => each[of] ?? 0));
    return {
      delayMinMs: LATENCY_MS + sum("delayMinMs"),
      delayMaxMs: LATENCY_MS + sum("delayMaxMs"),
      lossPermille: Math.min(1000, sum("lossPermille")),
      reorderPermille: most("reorderPermille"),
      reorderMs: most("reorderMs"),
      resetPermille: most("resetPermille"),
    };
  }
}

/** Faults that need packets to be held, looked into or paced, or the board's task. */
const NOT_ON_LWIP: readonly FaultName[] = ["hold", "clog", "lost-answer", "no-pool", "task-stall"];

/**
 * Rare branches that are not taken there: its plans have no machines and no names, ports are closed at once, so no document waits for the next start, and a
 * connection that is lost in the queue of a listener is forgotten before it is accepted.
 */
export const GOALS_NOT_ON_LWIP: readonly string[] = [
  "a document waited for the next start",
  "a connection that could not be accepted",
  ...HOST_GOALS,
];

/** The part as it can be played on lwIP, if it can. */
function playablePart(part: Part): Part | undefined {
  if (part.kind === "fault") return NOT_ON_LWIP.includes(part.what) ? undefined : part;
  if (["machine", "power", "name", "dns"].includes(part.kind)) return undefined;
  // The program on XS cannot restart its board.
  if (part.kind === "change") return part.does === "reboot" ? { ...part, does: "nothing" } : part;
  if (part.kind === "link") {
    const { bytesPerSecond, ...settings } = part.settings;
    return { ...part, settings };
  }
  if (part.kind !== "board") return part;
  return { ...part, connectionsMax: Math.min(part.connectionsMax, ourBoard("own").connectionsMax) };
}

/**
 * A plan without what the board on lwIP and its wire cannot have. Windows of clients and backends are lwIP's own there, too.
 */
export function playable({ seed, parts }: RunPlan): RunPlan {
  return { seed, parts: parts.flatMap(part => playablePart(part) ?? []) };
}
