import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Network, seeded } from "net-mock-socket";
import { buildCountedBoard } from "../lwip/board.ts";
import { buildProgram, cannotBuild } from "../lwip/build.ts";
import { BOARD_ADDRESS, PEER_ADDRESS } from "../lwip/engine-network.ts";
import { PeerNetwork } from "../lwip/peer-network.ts";
import type { PeerSocket } from "../lwip/peer-socket.ts";
import { FORWARD } from "../lwip/programs.ts";
import { Board } from "../src/board.ts";
import { VirtualClock } from "../src/clock.ts";
import type { Engine } from "../xs/engine.ts";
import { type XsProgram, xsProgram } from "../xs/firmware.ts";
import type { HeapSize } from "../xs/machine.ts";
import { ourBoard } from "./bench.ts";
import { type FunctionCost, functionCosts } from "./callgrind.ts";

/** Programs under callgrind: their instructions are the same each time, on the same kind of processor. */

const HEADER = "/usr/include/valgrind/callgrind.h";

/** Why no instructions can be counted here; `undefined` when they can. */
export function cannotCount(): string | undefined {
  const why = cannotBuild("counted");
  if (why !== undefined) return why;
  try {
    execFileSync("valgrind", ["--version"], { stdio: "ignore" });
  } catch {
    return "no valgrind (Debian: apt install valgrind)";
  }
  return existsSync(HEADER) ? undefined : `no ${HEADER} (Debian: apt install valgrind)`;
}

const BACKEND_PORT = 8080;

/** Nothing is collected while it counts. */
const ROOMY: HeapSize = { slots: 512 * 1024, chunkBytes: 16 * 1024 * 1024 };

/** Time for the last acknowledgements: every window is whole again. */
const SETTLE_MS = 1000;

/** A stretch of work. */
export interface Stretch {
  readonly computrons: number;
  readonly functions: readonly FunctionCost[];
}

/** All programs that are counted: their folder of profiles, and the words that run them. */
export class Counter {
  readonly #say: (line: string) => void;
  #folder = mkdtempSync(path.join(tmpdir(), "hot-potato-callgrind-"));
  #engine: Engine | undefined;

  /** `say` gets lines about the progress of builds. */
  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  #under(file: string): string[] {
    return [
      "valgrind",
      "--quiet",
      `--log-file=${path.join(this.#folder, `${file}.log`)}`,
      "--tool=callgrind",
      "--instr-atstart=no",
      "--compress-strings=no",
      `--callgrind-out-file=${path.join(this.#folder, file)}`,
    ];
  }

  /** The engine of all boards, which are copies of it once it has loaded a program. */
  async engine(): Promise<Engine> {
    this.#engine ??= {
      ...(await buildCountedBoard(this.#say)),
      under: this.#under("board"),
    };
    return this.#engine;
  }

  /** The content of the board's `number`-th file. */
  profile(number: number): FunctionCost[] {
    return this.#read(`board.${number}`, this.#engine!.program);
  }

  /** Sends so many KiB through a pipe without an engine, one number after the other. */
  async forward(...kib: readonly number[]): Promise<FunctionCost[][]> {
    const program = await buildProgram(FORWARD, this.#say);
    const [command, ...words] = [...this.#under("forward"), program, ...kib.map(String)];
    execFileSync(command, words, { stdio: ["ignore", "ignore", "inherit"] });
    return kib.map((_, i) => this.#read(`forward.${i + 1}`, program));
  }

  #read(name: string, program: string): FunctionCost[] {
    const file = path.join(this.#folder, name);
    if (!existsSync(file)) throw new Error(`budget: callgrind wrote no ${name}; ${this.#log()}`);
    const profile = readFileSync(file, "utf8");
    rmSync(file);
    return functionCosts(profile, program);
  }

  #log(): string {
    const logs = readdirSync(this.#folder).filter(name => name.endsWith(".log"));
    return logs.map(name => readFileSync(path.join(this.#folder, name), "utf8")).join(" ");
  }

  /**
   * Engines that end write a last file by its path: the folder has another name before it is removed, so that none
   * is created in it meanwhile. They say so to their log only.
   */
  end(): void {
    const gone = `${this.#folder}-gone`;
    renameSync(this.#folder, gone);
    rmSync(gone, { recursive: true });
  }
}

export interface CountedBoardOptions {
  /** Settings of the proxy; its backend is the board's. */
  settings?: object;
  /** By default one in which nothing is collected while it counts. */
  heap?: HeapSize | "chip";
}

/** The board of our settings on target `lwip`, under callgrind; one backend, and clients. */
export class CountedBoard {
  readonly clock = new VirtualClock();
  #counter: Counter;
  #peers: PeerNetwork;
  #board: Board;
  #program: XsProgram;
  #lines: string[] = [];
  #counted = 0;

  constructor(
    counter: Counter,
    engine: Engine,
    serve: (socket: PeerSocket) => void,
    { settings = {}, heap = ROOMY }: CountedBoardOptions = {},
  ) {
    this.#counter = counter;
    this.#peers = new PeerNetwork(engine, this.clock);
    this.#board = new Board({
      kind: ourBoard(),
      clock: this.clock,
      wire: new Network({ clock: this.clock }).host("board"), // nothing is plugged into this network
      address: BOARD_ADDRESS,
      random: seeded(1),
      onLine: line => this.#lines.push(line),
    });
    const server = this.#peers.createServer({ allowHalfOpen: true, noDelay: true });
    server.on("connection", (socket: PeerSocket) => {
      socket.on("error", () => {}); // a client that closes may reset it
      serve(socket);
    });
    server.listen({ port: BACKEND_PORT });
    const document = {
      backends: [{ address: PEER_ADDRESS, port: BACKEND_PORT }],
      health: { check: "none" },
      clientSessionsMax: 12,
      ...settings,
    };
    this.#program = xsProgram("proxy", { document }, heap, this.#peers);
  }

  /** Bytes of a window of the board. */
  get windowBytes(): number {
    return this.#board.kind.receiveWindowBytes;
  }

  /** Boots, and lets the board join its network. */
  async start(): Promise<this> {
    this.#board.boot(this.#program.boot);
    await this.pass(this.#board.kind.joinMs + 100);
    this.#count();
    return this;
  }

  connect(): PeerSocket {
    const client = this.#peers.connect({
      host: BOARD_ADDRESS,
      port: 80,
      allowHalfOpen: false,
      noDelay: true,
    });
    return client.on("error", () => {}); // the board ends under it
  }

  async until(holds: () => boolean): Promise<void> {
    const held = await this.clock.run({ until: holds });
    this.#living();
    if (!held) throw new Error(`budget: a wait timed out; ${this.#lines.slice(-3).join(" / ")}`);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.run({ ms });
    this.#living();
  }

  /** Counts `work`, until every byte of it is acknowledged. */
  async stretch(work: () => Promise<void>): Promise<Stretch> {
    this.#count();
    const before = this.#program.machine.figures().computrons;
    await work();
    await this.pass(SETTLE_MS);
    const after = this.#program.machine.figures().computrons;
    return { computrons: (after - before) >>> 0, functions: this.#count() };
  }

  end(): void {
    this.#board.unplug();
  }

  /** Instructions since the last call. */
  #count(): FunctionCost[] {
    this.#program.machine.network("count");
    return this.#counter.profile(++this.#counted);
  }

  #living(): void {
    if (this.#board.fatal !== undefined) throw new Error(`budget: ${this.#lines.at(-1)}`);
  }
}
