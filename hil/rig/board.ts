import { appendFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { type Incident, Incidents } from "./incidents.ts";
import { SerialLink, type SerialLinkOptions } from "./serial-link.ts";
import { type Mark, Transcript, type TranscriptClock } from "./transcript.ts";

/** How far a board has come, each state with those before it. */
export const STATES = ["off", "booted", "online", "serving"] as const;
export type BoardState = (typeof STATES)[number];

/** What each state is known by. */
const SIGNS: Record<Exclude<BoardState, "off">, RegExp> = {
  booted: /^I \(\d+\) boot: /,
  online: /^I \(\d+\) net: ip=(\S+)/,
  serving: /^I \(\d+\) proxy: ready /,
};

/** How long each may take from the one before: Wi-Fi is the slow one (join, DHCP, a second try). */
const PATIENCE_MS: Record<Exclude<BoardState, "off">, number> = {
  booted: 10_000,
  online: 60_000,
  serving: 5_000,
};

/** Without one line for so long a board that should be talking has fallen silent. */
export const SILENCE_MS = 90_000;

/** How long a pulled cable may stay out. */
const REPLUG_MS = 30_000;

export interface BoardOptions extends Pick<SerialLinkOptions, "binding" | "path"> {
  /** Where all that it writes is kept. */
  readonly log?: string;
  /** How long a pulled cable may stay out. */
  readonly replugMs?: number;
  onIncident(incident: Incident): void;
}

const realClock: TranscriptClock = {
  now: () => performance.now(),
  after: (ms, task) => {
    const timeout = setTimeout(task, ms);
    return () => clearTimeout(timeout);
  },
};

/** A board on its serial line: what it wrote, what became of it, and how to bring it further. */
export class RigBoard {
  readonly transcript = new Transcript(realClock);
  readonly incidents: Incidents;
  readonly link: SerialLink;
  /** Its IP address, as it said last. */
  address: string | undefined;
  /** The cable is out and has not come back. */
  lost = false;
  #options: BoardOptions;
  #since: Mark = 0;
  #state: BoardState = "off";
  #replugging: Promise<void> = Promise.resolve();

  constructor(options: BoardOptions) {
    this.#options = options;
    this.transcript.file = options.log;
    this.incidents = new Incidents(options.onIncident);
    this.transcript.watch(({ text, ms }) => this.#read(text, ms));
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

  /** Opens the line. The board runs on as it is. */
  async attach(): Promise<void> {
    await this.link.connect();
  }

  async release(): Promise<void> {
    await this.link.close();
  }

  /** Restarts it, on purpose. */
  async reset(): Promise<void> {
    this.incidents.announceReset();
    this.#since = this.transcript.mark();
    this.#state = "off";
    this.address = undefined;
    await this.link.reset();
  }

  /** Brings it to `wanted` and leaves it alone when it is there; fails with all that it said. */
  async to(wanted: BoardState): Promise<void> {
    if (wanted === "off" || STATES.indexOf(this.#state) >= STATES.indexOf(wanted)) return;
    if (this.#state === "off") await this.reset();
    for (const state of STATES.slice(1, STATES.indexOf(wanted) + 1) as Exclude<
      BoardState,
      "off"
    >[]) {
      if (STATES.indexOf(this.#state) >= STATES.indexOf(state)) continue;
      await this.transcript.expect(SIGNS[state], {
        withinMs: PATIENCE_MS[state],
        since: this.#since,
        never: [/waiting for download/, /net: no-ssid/],
      });
    }
  }

  #read(text: string, ms: number): void {
    this.incidents.line(text, ms);
    if (SIGNS.booted.test(text)) {
      this.#state = "booted";
    } else if (SIGNS.serving.test(text)) {
      this.#state = "serving";
    } else {
      const online = SIGNS.online.exec(text);
      if (online === null) return;
      this.address = online[1];
      if (this.#state === "booted") this.#state = "online";
    }
  }

  /** Waits until a pulled cable is back, or has been out for too long. */
  async replugged(): Promise<void> {
    await this.#replugging;
  }

  #lost(): void {
    this.#state = "off";
    this.#replugging = this.link.reconnect(this.#options.replugMs ?? REPLUG_MS).then(back => {
      this.lost = !back;
    });
    this.incidents.note("port-lost", this.#options.path, realClock.now());
  }
}
