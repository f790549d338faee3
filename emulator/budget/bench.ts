import { readFileSync } from "node:fs";
import { type Host, type MockSocket, Network, seeded } from "net-mock-socket";
import { SCRATCH_BYTES } from "../../firmware/src/net/raw-stream.ts";
import { Board } from "../src/board.ts";
import { esp32 } from "../src/boards/esp32.ts";
import type { BoardKind } from "../src/boards/kind.ts";
import { profileOf } from "../src/boards/profile.ts";
import { VirtualClock } from "../src/clock.ts";
import { DnsServer } from "../src/dns-server.ts";
import { type XsProgram, xsProgram } from "../xs/firmware.ts";
import type { HeapSize } from "../xs/machine.ts";
import type { Path } from "../xs/remote.ts";

/** Costs of a stretch of work. */
export interface Spent {
  readonly computrons: number;
  readonly slots: number;
  readonly chunkBytes: number;
  readonly collections: number;
}

export interface BenchOptions {
  program?: "proxy" | "bare";
  /** Settings of the proxy; its backend is the bench's. */
  settings?: object;
  /** The token of the admin port. */
  token?: string;
  /** Segments and windows are whole pieces of the proxy's buffer, instead of the board's own sizes. */
  wholePieces?: boolean;
  heap?: HeapSize;
  /** The end that sends at the speed of Wi-Fi; the other reads at once. */
  sender?: "client" | "backend";
  /** Number of backends, of one server; one by default. */
  backends?: number;
  /** Backends have host names, with this time to live in seconds. */
  hasNames?: boolean;
  ttlS?: number;
  /** Numbers of another board than that of our settings. */
  kind?: Partial<BoardKind>;
  /** The network carries multicast. */
  multicast?: boolean;
}

const BACKEND_PORT = 8080;

/** Nothing is collected while one figure is measured. */
const ROOMY: HeapSize = { slots: 512 * 1024, chunkBytes: 16 * 1024 * 1024 };

/** About the rate of an ESP32's Wi-Fi: segments arrive one by one, not a window at a time. */
const AIR = { latencyMs: 2, bytesPerSecond: 1_000_000 };

/** The board of our settings with a program on XS, one backend, and clients: the same each time. */
export class Bench {
  readonly clock = new VirtualClock();
  readonly board: Board;
  readonly program: XsProgram;
  #network: Network;
  #kind: BoardKind;
  #lines: string[] = [];
  #dns: DnsServer;

  constructor(
    serve: (socket: MockSocket) => void,
    {
      program = "proxy",
      settings = {},
      token,
      wholePieces = false,
      heap = ROOMY,
      sender = "client",
      backends = 1,
      hasNames = false,
      ttlS,
      kind = {},
      multicast = false,
    }: BenchOptions = {},
  ) {
    const ours = { ...ourBoard(), socketsMended: true, ...kind };
    const whole = {
      segmentBytes: SCRATCH_BYTES,
      receiveWindowBytes: 5 * SCRATCH_BYTES,
      sendBufferBytes: 5 * SCRATCH_BYTES,
    };
    this.#kind = wholePieces ? { ...ours, ...whole } : ours;
    const profile = wholePieces ? { mss: SCRATCH_BYTES } : {};
    const random = seeded(1);
    this.#network = new Network({ clock: this.clock, latencyMs: 0, random });
    const host = this.#network.host("board", profileOf(this.#kind));
    const dns = this.#network.host("dns");
    this.#dns = new DnsServer({ clock: this.clock, host: dns });
    this.board = new Board({
      kind: this.#kind,
      clock: this.clock,
      wire: host,
      dnsServers: hasNames ? [dns.address] : [],
      random,
      multicast,
      onLine: line => this.#lines.push(line),
    });
    const backend = this.#network.host("backend", profile);
    this.#network.host("client", profile);
    this.#network.link(sender, AIR);
    const accept = (socket: MockSocket) => {
      socket.on("error", () => {}); // a client that closes may reset it
      serve(socket);
    };
    const places = Array.from({ length: backends }, (_, i) => ({
      address: hasNames ? `backend-${i}.home` : backend.address,
      port: BACKEND_PORT + i,
    }));
    if (hasNames) for (const { address } of places) this.#dns.set(address, [backend.address], ttlS);
    for (const { port } of places)
      backend.createServer({ allowHalfOpen: true }, accept).listen(port);
    this.program = xsProgram(
      program,
      program === "bare"
        ? { backend: places[0] }
        : {
            document: {
              backends: places,
              health: { check: "none" },
              clientSessionsMax: 12,
              ...settings,
            },
            options: { token },
          },
      heap,
    );
  }

  /** Ports of the board, for each connection. */
  get windowBytes(): number {
    return this.#kind.receiveWindowBytes;
  }

  /** Sessions that the proxy has. */
  get sessions(): number {
    return this.look(["proxy", "sessions"]) as number;
  }

  /** Questions that the DNS server has received. */
  get questions(): number {
    return this.#dns.asked.length;
  }

  /** The value at `path` in the running app, or, with arguments, what it returns. */
  look(path: Path, args?: readonly unknown[]): unknown {
    return JSON.parse(this.program.call("look", { path, args })).value;
  }

  /** Boots, and lets the board join its network. */
  async start(): Promise<this> {
    this.board.boot(this.program.boot);
    await this.clock.run({ ms: this.#kind.joinMs + 100 });
    this.#living();
    return this;
  }

  /** A host of its network. */
  host(name: string): Host {
    return this.#network.host(name);
  }

  connect(port = 80): MockSocket {
    const client = this.#network.host("client");
    return client.connect({ host: "board", port, allowHalfOpen: false });
  }

  /** Runs the clock until it holds. */
  async until(holds: () => boolean): Promise<void> {
    const held = await this.clock.run({ until: holds });
    this.#living();
    if (!held) throw new Error(`budget: a wait timed out; ${this.#lines.slice(-3).join(" / ")}`);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.run({ ms });
    this.#living();
  }

  /** Live memory, after a garbage collection. */
  live(): { slots: number; chunkBytes: number } {
    this.program.machine.collectGarbage();
    const { slots, chunkBytes } = this.program.machine.figures();
    return { slots, chunkBytes };
  }

  /** The cost of `work`; slots and chunk bytes are those allocated, if nothing was collected meanwhile. */
  async spent(work: () => Promise<void>): Promise<Spent> {
    this.program.machine.collectGarbage();
    const before = this.program.machine.figures();
    await work();
    const after = this.program.machine.figures();
    return {
      computrons: (after.computrons - before.computrons) >>> 0, // they count modulo 2 to the 32nd
      slots: after.slots - before.slots,
      chunkBytes: after.chunkBytes - before.chunkBytes,
      collections: after.collections - before.collections,
    };
  }

  end(): void {
    this.board.unplug();
  }

  #living(): void {
    if (this.board.fatal !== undefined) throw new Error(`budget: ${this.#lines.at(-1)}`);
  }
}

/** The board of our settings. */
export function ourBoard(): BoardKind {
  const read = (name: string) =>
    readFileSync(new URL(`../../firmware/${name}`, import.meta.url), "utf8");
  return esp32({
    sdkconfig: read("sdkconfig/sdkconfig.defaults"),
    manifest: read("manifest.json"),
  });
}
