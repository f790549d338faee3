import { Network, seeded } from "net-mock-socket";
import type { MachineHost } from "../../backends/src/machine.ts";
import { WAKE_PORTS } from "../../backends/src/magic-packet.ts";
import { BOARD_ADDRESS, PEER_ADDRESS } from "../../emulator/lwip/engine-network.ts";
import { PeerNetwork } from "../../emulator/lwip/peer-network.ts";
import { configurationOf, FirmwareBoard, ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { BroadcastDomain } from "../../emulator/src/io/broadcast-domain.ts";
import type { Engine } from "../../emulator/xs/engine.ts";
import { xsFirmware } from "../../emulator/xs/firmware.ts";
import { leaks } from "./leaks.ts";
import type { Computer, GatewayDocument, Leftovers, Target, TestBed } from "./target.ts";

/** Longer than any time-out of the proxy and of lwIP. */
const PATIENCE_MS = 900_000;

/** Between two looks at whether the board has come to rest: each asks the engine, and TIME_WAIT takes minutes. */
const POLL_MS = 1000;

/** The firmware on the chip's engine, with its own sockets over the chip's TCP stack, in virtual time. */
export function lwipTarget(engine: Engine): Target {
  return {
    name: "lwip",
    offers: ["reset", "half-close", "machines", "buttons"],
    patienceMs: PATIENCE_MS,
    setUp: onLine => new LwipTestBed(engine, onLine),
  };
}

/** Addresses of machines begin so. */
const MACHINES_START = "10.0.1.";

class LwipTestBed implements TestBed {
  readonly clock = new VirtualClock();
  readonly limits = ourBoard();
  readonly proxyAddress = { host: BOARD_ADDRESS, port: 80 };
  readonly pollMs = POLL_MS;
  #peers: PeerNetwork;
  #board: FirmwareBoard;
  #ready = () => {};
  /** The addresses of machines, by name. */
  #machines = new Map<string, string>();
  /** The machines' sockets for broadcasts: the peer's lwIP has one for each port. */
  #broadcasts = new BroadcastDomain();
  /** After the boot. */
  #alarms = 0;
  #blocks = 0;

  constructor(engine: Engine, onLine: (line: string) => void) {
    this.#peers = new PeerNetwork(engine, this.clock);
    this.#board = new FirmwareBoard({
      kind: this.limits,
      clock: this.clock,
      wire: new Network({ clock: this.clock }).host("board"), // nothing is plugged into this network
      address: BOARD_ADDRESS,
      random: seeded(1),
      heldBytes: () => this.#peers.heldBytes,
      onLine: line => {
        onLine(line);
        if (line.includes(" proxy: ready ")) this.#ready();
      },
    });
  }

  computer(name: string): Computer {
    const peers = this.#peers;
    return {
      net: {
        connect: options => peers.connect(options, PEER_ADDRESS), // not from that of a machine
        createServer: options => peers.createServer(options),
      },
      address: this.#machines.get(name) ?? PEER_ADDRESS,
      reservePort: async () => ({ port: this.#peers.freePort(), release() {} }),
    };
  }

  /** A machine has an address of its own, to which every packet is lost while it sleeps. Broadcasts reach all machines. */
  machineHost(name: string): MachineHost {
    const peers = this.#peers;
    const address = MACHINES_START + (this.#machines.size + 1);
    this.#machines.set(name, address);
    peers.computer(address);
    const setLoss = (lossPermille: number) => {
      for (const way of ["to the peer", "to the board"] as const) {
        peers.setWeather(address, way, { lossPermille });
      }
    };
    if (this.#machines.size === 1) this.listenForBroadcasts();
    const { createSocket } = this.#broadcasts;
    return {
      net: { createServer: options => peers.createServer(options), createSocket },
      silence: () => {
        setLoss(1000);
        return () => setLoss(0);
      },
    };
  }

  private listenForBroadcasts(): void {
    for (const port of WAKE_PORTS) {
      const socket = this.#peers.createSocket("udp4");
      socket.on("message", (bytes: Buffer) => this.#broadcasts.send(bytes, port));
      socket.bind(port);
    }
  }

  connectPin(gpio: number, press: (level: number) => void): void {
    this.#board.pins.connect(gpio, press);
  }

  boot(document: GatewayDocument): Promise<void> {
    this.proxyAddress.port = document.listeners?.[0]?.port ?? this.proxyAddress.port;
    return this.#serving(() =>
      this.#board.bootFirmware(configurationOf(document), {}, (configuration, options) =>
        xsFirmware(configuration, options, this.#peers),
      ),
    );
  }

  reset(): Promise<void> {
    return this.#serving(() => this.#board.reset());
  }

  drive(scenario: Promise<unknown>, patienceMs: number): Promise<boolean> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    scenario.then(end, end);
    return this.clock.run({ until: () => ended, ms: patienceMs });
  }

  /** Also lwIP's memory: not a block of it may be left. */
  leftovers(): Leftovers {
    const { app } = this.#board;
    if (app === undefined) return { sessions: 0, leaks: [] };
    const { objects, connections, blocks } = this.#peers.state;
    const held = leaks(this.#board, app, this.#alarms, { objects, connections, remembered: 0 });
    const more = blocks - this.#blocks;
    return {
      sessions: app.proxy.sessions,
      leaks: more > 0 ? [...held, `${more} blocks of lwIP's memory`] : held,
    };
  }

  packets(): readonly string[] {
    return []; // LWIP_TRACE=1 prints them
  }

  close(): void {
    this.#board.unplug();
  }

  async #serving(start: () => void): Promise<void> {
    await new Promise<void>(resolve => {
      this.#ready = resolve;
      start();
    });
    this.#alarms = this.#board.alarms;
    this.#blocks = this.#peers.state.blocks;
  }
}
