import { appendFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { performance } from "node:perf_hooks";
import { parseLine } from "../../firmware/tools/log-line.ts";
import { BoardError, NoProgram } from "./board-error.ts";
import { type Blame, type Incident, Incidents } from "./incidents.ts";
import { SerialLink, type SerialLinkOptions } from "./serial-link.ts";
import { type Line, type Mark, Transcript, type TranscriptClock, Unmet } from "./transcript.ts";

/**
 * States of a board, from reset to serving; each one includes those before it, except `download`, which is not
 * on this path. `off`: held in reset, or no line received since the reset.
 */
export const STATES = ["off", "download", "booted", "online", "serving"] as const;
export type BoardState = (typeof STATES)[number];

type Goal = Exclude<BoardState, "off" | "download">;

/** For each state on the way to serving: how long it may take, and whose fault it is if it does not come. */
const WAY: Readonly<Record<Goal, { withinMs: number; blame: Blame; why: string }>> = {
  booted: {
    withinMs: 10_000,
    blame: "firmware",
    why: "the board was reset, and our firmware does not come up",
  },
  // Wi-Fi is the slowest part: join and DHCP, with one retry.
  online: {
    withinMs: 60_000,
    blame: "rig",
    why: "the board gets no address: is the Wi-Fi there, are its name and password right? `npm run hil -- doctor` looks closer",
  },
  serving: {
    withinMs: 5_000,
    blame: "firmware",
    why: "the board has an address and does not serve",
  },
};

/**
 * Attempts before the firmware is blamed for not reaching a state: one is not enough, because a disturbed line
 * may have lost the one event that reports it.
 */
const ATTEMPTS = 2;

/** From the reset to the first line of the ROM's loader, which prints at once. */
const LOADER_MS = 3_000;

const BANNER = /rst:0x[0-9a-f]+ \(/;
const DOWNLOAD = /waiting for download/;

/** Longest pause between two lines of a dump; a dump of 4 KB takes a third of a second. */
const QUIET_MS = 300;
const DUMP_MS = 3_000;

/**
 * An unfinished dump is reported after this time: the board has halted, has crashed during the dump, or goes
 * on, as after a task watchdog that only warns.
 */
const UNFINISHED_DUMP_MS = 1_000;

/** Longest time that a pulled cable may stay out. */
const REPLUG_MS = 30_000;

export interface RigBoardOptions extends Pick<SerialLinkOptions, "binding" | "path" | "whereNow"> {
  /** File to which every byte of the board is written. */
  readonly log?: string;
  /** Longest time that a pulled cable may stay out. */
  readonly replugMs?: number;
  /** Longest time until the board has an IP address. */
  readonly onlineMs?: number;
  /** Called with each line, unchanged. */
  onLine?(line: string): void;
  onIncident(incident: Incident): void;
}

const realClock: TranscriptClock = {
  now: () => performance.now(),
  after: (ms, task) => {
    const timeout = setTimeout(task, ms);
    return () => clearTimeout(timeout);
  },
};

/** A board on its serial line: its output, its state, and the way to bring it to a wanted state. */
export class RigBoard {
  readonly transcript = new Transcript(realClock);
  readonly incidents: Incidents;
  readonly link: SerialLink;
  /** IP address, version and build, as the board logged them last. */
  address: string | undefined;
  version: string | undefined;
  build: string | undefined;
  /** Number of times that our firmware has started. */
  boots = 0;
  /** The cable was pulled and has not come back in time. */
  lost = false;
  /** Called with each event of the board's log. */
  onEvent: (line: string) => void = () => {};
  #options: RigBoardOptions;
  #since: Mark = 0;
  #held = false;
  #state: BoardState = "off";
  /** Set when no state can be reached any more without a reset or a person; makes the error. */
  #hopeless: ((cause: Error) => BoardError) | undefined;
  #replugging: Promise<void> = Promise.resolve();
  #unfinishedDump: (() => void) | undefined;

  constructor(options: RigBoardOptions) {
    this.#options = options;
    this.transcript.file = options.log;
    this.incidents = new Incidents(
      () => this.transcript.nowMs,
      incident => {
        if (incident.kind === "no-program") this.#hopeless = noProgram(incident.text);
        options.onIncident(incident);
      },
    );
    this.transcript.watch(line => {
      if (!line.whole) return; // half an event would be counted twice
      options.onLine?.(line.text);
      this.#read(line);
    });
    this.link = new SerialLink({
      ...options,
      onBytes: bytes => {
        if (options.log !== undefined) appendFileSync(options.log, bytes);
        this.transcript.add(bytes);
      },
      onLost: () => this.#lost(),
    });
  }

  get state(): BoardState {
    return this.#state;
  }

  /** Opens the serial line. The board keeps running. */
  async attach(): Promise<void> {
    await this.link.connect();
  }

  /** Closes the serial line. A board that is held in reset is started again. */
  async release(): Promise<void> {
    if (this.#held) await this.reset();
    await this.link.close();
  }

  /** Restarts the board; the start is no incident. */
  async reset(): Promise<void> {
    this.#ends("program");
    await this.link.reset();
  }

  /**
   * Brings the board to `wanted`; does nothing if it is there already. Rejects with `BoardError`, which says
   * whose fault it is and quotes the board's output.
   */
  async to(wanted: BoardState): Promise<void> {
    if (wanted === "off") return this.#hold();
    if (wanted === "download") return this.#download();
    if (reached(this.#state, wanted)) return;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#walk(wanted);
      } catch (error) {
        const firmwareFailed = error instanceof BoardError && error.blame === "firmware";
        const again = firmwareFailed || error instanceof Unreadable;
        if (!again || attempt === ATTEMPTS) throw error;
        await this.reset();
      }
    }
  }

  /** Waits until the output pauses: a dump takes a while at this speed. */
  async settled(): Promise<void> {
    await this.transcript.settled(QUIET_MS, DUMP_MS);
    this.incidents.flush(); // not every dump ends with a start
  }

  /** Waits until a pulled cable is back, or has been out for too long. */
  async replugged(): Promise<void> {
    await this.#replugging;
  }

  async #walk(wanted: Goal): Promise<void> {
    if (!reached(this.#state, "booted")) await this.reset();
    for (const goal of Object.keys(WAY) as Goal[]) {
      if (reached(wanted, goal)) await this.#await(goal);
    }
  }

  /** The running program is about to be ended on purpose. */
  #ends(next: "program" | "loader"): void {
    this.incidents.announceReset(next);
    this.#since = this.transcript.mark();
    this.#held = false;
    this.#state = "off";
    this.#hopeless = undefined;
    this.address = undefined;
  }

  async #hold(): Promise<void> {
    if (this.#held) return;
    this.#needLines();
    this.#ends("program");
    await this.link.hold();
    this.#held = true;
  }

  async #download(): Promise<void> {
    if (this.#state === "download") return;
    this.#needLines();
    this.#ends("loader");
    const since = this.#since;
    await this.link.download();
    try {
      await this.transcript.expect(DOWNLOAD, { withinMs: LOADER_MS, since, whole: true });
    } catch (error) {
      if (!(error instanceof Unmet)) throw error;
      const why = "the board's lines do not bring it into download mode: hold its button BOOT";
      throw new BoardError("rig", `${why}\n${error.message}`, { cause: error });
    }
  }

  #needLines(): void {
    if (!this.link.hasLines) {
      throw new BoardError(
        "rig",
        `${this.link.path} has no control lines: use the board's buttons`,
      );
    }
  }

  /** Waits until `#read`, which alone sets the state, has seen `goal`. */
  async #await(goal: Goal): Promise<void> {
    const { blame, why, ...way } = WAY[goal];
    const withinMs = (goal === "online" ? this.#options.onlineMs : undefined) ?? way.withinMs;
    const since = this.#since;
    try {
      await this.transcript.until(() => reached(this.#state, goal), {
        ...{ withinMs, since, what: `the board to be ${goal}` },
        hopeless: () => this.#hopeless && "it cannot come any more",
      });
    } catch (error) {
      if (!(error instanceof Unmet)) throw error;
      if (this.#hopeless !== undefined) throw this.#hopeless(error);
      const options = { cause: error };
      if (goal === "booted" && this.transcript.mark() === since) {
        const silent = "no output after a reset: check power and cable; is it another board?";
        throw new BoardError("rig", `${silent}\n${error.message}`, options);
      }
      throw new BoardError(blame, `${why}\n${error.message}`, options);
    }
  }

  /** Reads a line of the board. The state changes here and nowhere else. */
  #read({ text, own, event, ms }: Line): void {
    this.incidents.line(text, ms);
    this.#watchDump();
    if (BANNER.test(own)) {
      this.#state = "off";
      this.#since = this.transcript.mark();
    } else if (DOWNLOAD.test(own)) {
      this.#state = "download";
      this.#hopeless = stuckBecause("rig", "the board waits for a download");
    }
    if (event === undefined) return;
    const { on, what, values = {} } = parseLine(event) ?? {};
    // ESP-IDF's bootloader logs as `boot`, too.
    if (on === "boot" && values.version !== undefined) {
      this.#state = "booted";
      this.#hopeless = undefined;
      this.boots++;
      this.version = values.version;
      this.build = values.build;
    } else if (on === "net" && isIPv4(values.ip ?? "")) {
      this.address = values.ip;
      this.#passed("online");
    } else if (on === "net" && what === "no-ssid") {
      this.#hopeless = stuckBecause("rig", WAY.online.why);
    } else if (on === "proxy" && what === "ready") {
      // A start logs the address again, in case this line was lost.
      if (this.address !== undefined) this.#passed("serving");
      else this.#hopeless = unreadable;
    }
    this.onEvent(event);
  }

  #passed(state: Goal): void {
    if (!reached(this.#state, "booted")) this.boots++; // its first line was unreadable
    if (!reached(this.#state, state)) this.#state = state;
  }

  #watchDump(): void {
    if (!this.incidents.gathering) {
      this.#unfinishedDump?.();
      this.#unfinishedDump = undefined;
    } else
      this.#unfinishedDump ??= realClock.after(UNFINISHED_DUMP_MS, () => {
        this.#unfinishedDump = undefined;
        this.incidents.flush();
      });
  }

  #lost(): void {
    this.#state = "off";
    this.#held = false;
    this.#replugging = this.link.reconnect(this.#options.replugMs ?? REPLUG_MS).then(back => {
      this.lost = !back;
    });
    this.incidents.note("port-lost", `${this.link.path} is gone`);
  }
}

/** The event that was waited for came in an unreadable line. */
class Unreadable extends BoardError {}

function unreadable(cause: Error): Unreadable {
  const why = "the line with the board's address was not readable";
  return new Unreadable("rig", `${why}\n${cause.message}`, { cause });
}

function stuckBecause(blame: Blame, why: string): (cause: Error) => BoardError {
  return cause => new BoardError(blame, `${why}\n${cause.message}`, { cause });
}

function noProgram(sign: string): (cause: Error) => NoProgram {
  return cause => {
    const why = `the board has no program in its flash (${sign}): flash it`;
    return new NoProgram(`${why}\n${cause.message}`, { cause });
  };
}

function reached(state: BoardState, goal: Goal): boolean {
  return STATES.indexOf(state) >= STATES.indexOf(goal);
}
