import net from "node:net";
import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import { ADMIN_PORT } from "../../emulator/proxy/workbench/admin-client.ts";
import { RealClock } from "../../emulator/src/clock.ts";
import { reservePort } from "../../emulator/src/reserved-port.ts";
import type { Status } from "../../firmware/src/admin/status.ts";
import { parseLine } from "../../firmware/tools/log-line.ts";
import { driveInRealTime } from "../kit/real-time.ts";
import type { Computer, GatewayDocument, Leftovers, Need, Target, TestBed } from "../kit/target.ts";
import type { Device } from "./device.ts";
import { addressTowards } from "./own-address.ts";

/** Interval of status requests: each is a connection for the board, too. */
const POLL_MS = 100;

/** The firmware's default port. */
export const PROXY_PORT = 80;

/** The board's log line when it serves with another configuration. */
const READY = /^I \(\d+\) proxy: ready /;

/** The board's log line when its serial line was too slow for others. */
const DROPPED = /^W \(\d+\) log: dropped /;

export interface RigTargetOptions {
  /** Longest time for a scenario. */
  readonly patienceMs: number;
  /** Called with each measurement of a scenario. */
  onFigure(name: string, value: number): void;
  /** Called with each status of the board that is read. */
  onStatus(status: Status): void;
}

/** A board under test, on a serial line or in the network: scenarios are played on it over real TCP. */
export class RigTarget implements Target {
  #device: Device;
  #options: RigTargetOptions;
  /** This computer's address, as the board sees it. */
  #ownAddress = "";

  constructor(device: Device, options: RigTargetOptions) {
    this.#device = device;
    this.#options = options;
  }

  get patienceMs(): number {
    return this.#options.patienceMs;
  }

  get name(): string {
    return `the ${this.#device.played().kind} board`;
  }

  get offers(): readonly Need[] {
    return this.#device.offers;
  }

  /** Brings the board to the state in which scenarios begin. */
  async ready(): Promise<void> {
    await this.#device.ready();
    this.#ownAddress = await addressTowards(this.#device.addressOf(ADMIN_PORT));
  }

  /** Sets up one scenario; call `ready` first. */
  setUp(onLine: (line: string) => void): TestBed {
    return new RigTestBed(this.#device, this.#ownAddress, onLine, this.#options);
  }
}

class RigTestBed implements TestBed {
  readonly clock = new RealClock();
  readonly limits = mendedBoard();
  readonly pollMs = POLL_MS;
  readonly measure: TestBed["measure"];
  readonly reset: TestBed["reset"];
  readonly type: TestBed["type"];
  #device: Device;
  #ownAddress: string;
  #onStatus: RigTargetOptions["onStatus"];
  #document: GatewayDocument | undefined;
  #onLine: (line: string) => void;
  #hear: (line: string) => void;
  /** Lines of the scenario, since its configuration is in force. */
  #heard = new Set<string>();
  /** Lines that the board has given when it was asked; the serial line may still bring them. */
  #asked = new Set<string>();
  #readyMs = Number.POSITIVE_INFINITY;

  constructor(
    device: Device,
    ownAddress: string,
    onLine: (line: string) => void,
    { onFigure, onStatus }: RigTargetOptions,
  ) {
    this.#device = device;
    this.#ownAddress = ownAddress;
    this.measure = onFigure;
    this.#onStatus = onStatus;
    this.type = device.type?.bind(device);
    if (device.reset !== undefined) this.reset = () => this.#reset();
    this.#onLine = onLine;
    // A serial line is slow: lines of the previous scenario may arrive after this one has begun.
    let begun = false;
    this.#hear = line => {
      if (this.#document !== undefined && READY.test(line)) {
        begun = true;
        this.#heard.clear();
        this.#asked.clear();
        this.#readyMs = msOf(line);
      }
      if (begun && !this.#asked.delete(line)) this.#tell(line);
      if (begun && DROPPED.test(line)) void this.#askForDropped();
    };
    device.onEvent = this.#hear;
  }

  #tell(line: string): void {
    this.#heard.add(line);
    this.#onLine(line);
  }

  /** The board may still have lines that it will not send: the newest ones wait longest for the serial line. */
  async #askForDropped(): Promise<void> {
    let lines: readonly string[];
    try {
      lines = await this.#device.admin.newEvents();
    } catch {
      return; // a board that does not answer: the scenario waits for its events
    }
    if (this.#device.onEvent !== this.#hear) return; // the scenario has ended
    for (const line of lines) {
      if (this.#heard.has(line) || msOf(line) < this.#readyMs) continue;
      this.#asked.add(line);
      this.#tell(line);
    }
  }

  get proxyAddress(): { host: string; port: number } {
    return this.#device.addressOf(this.#document?.listeners?.[0]?.port ?? PROXY_PORT);
  }

  computer(): Computer {
    const address = this.#ownAddress;
    return { net, address, reservePort: () => reservePort(address) };
  }

  async boot(document: GatewayDocument): Promise<void> {
    this.#document = document;
    this.#document = await this.#device.configure(document);
  }

  async #reset(): Promise<void> {
    await this.#device.reset!();
    await this.#device.configure(this.#document!);
  }

  drive(scenario: Promise<unknown>, patienceMs: number): Promise<boolean> {
    return driveInRealTime(scenario, patienceMs);
  }

  async status(): Promise<Status> {
    const status = await this.#device.admin.status();
    this.#onStatus(status);
    return status;
  }

  async leftovers(): Promise<Leftovers> {
    const { sessions, queued, sockets, backends } = await this.status();
    const counts = {
      sessions,
      "waiting for a slot or a backend": queued,
      connections: sockets.used,
      "sessions of backends": backends.reduce((sum, backend) => sum + backend.sessions, 0),
    };
    const leaks = Object.entries(counts).flatMap(([what, count]) =>
      count > 0 ? `${count} ${what}` : [],
    );
    return { sessions, leaks };
  }

  packets(): readonly string[] {
    return []; // they belong to the kernel
  }

  close(): void {
    // An interrupted scenario may close after the next one has begun.
    if (this.#device.onEvent === this.#hear) this.#device.onEvent = () => {};
  }
}

/** The board's time of a line of its log. */
function msOf(line: string): number {
  return parseLine(line)?.ms ?? Number.NEGATIVE_INFINITY;
}
