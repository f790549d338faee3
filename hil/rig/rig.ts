import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Scenario } from "../kit/scenario.ts";
import type { Attachment, AttachmentOptions } from "./attachment.ts";
import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import { INJECTABLE_FAULTS } from "./inject.ts";
import { measurements, worse } from "./limits.ts";
import { parseEvent } from "./line.ts";
import { lock } from "./lock.ts";
import { Recorder } from "./recorder.ts";
import { RigTarget } from "./rig-target.ts";
import { AFTERWARDS, exitCode, type Run, type ScenarioResult } from "./run.ts";
import { Runner } from "./runner.ts";

/** In a soak, reports are written this often: a run of eight hours may be cut off at any moment. */
const CHECKPOINT_MS = 300_000;

/** An address that has not come by then will not come: joining, DHCP, and all that a second time. */
const ONLINE_MS = 60_000;

/** The series of free heap, and the figure of its lowest value. */
const HEAP = "heap";
const HEAP_FLOOR = "heap floor";

export interface RigOptions {
  readonly scenarios: readonly Scenario[];
  /** Each so often. */
  readonly repeat: number;
  /** Or plays all of them again and again for this long. */
  readonly soakMs: number | undefined;
  /** How long a scenario may take. */
  readonly patienceMs: number;
  /** Where the log and the reports are kept. */
  readonly folder: string;
  /** A name of `INJECTABLE_FAULTS`. */
  readonly inject: string | undefined;
  readonly commit: string | undefined;
  /** Gives the board its firmware, before anything is played; true where it had another one. */
  readonly bringUp?: (board: RigBoard) => Promise<boolean>;
  /** Ends the run; what was not reached is said to be so. */
  readonly signal: AbortSignal;
}

/** What a person sees while it runs, and what is kept of it. */
export interface RunObserver {
  begin(title: string): void;
  /** A line of the board. */
  line(text: string): void;
  result(result: ScenarioResult): void;
  soak(elapsedMs: number, totalMs: number, text: string): void;
  /** The run so far; again and again in a soak, and at its end. */
  keep(run: Run): void;
}

/** Plays scenarios on one board, from its first byte to the verdict. */
export class Rig {
  #options: RigOptions;
  #log: string;
  #observer: RunObserver;
  #desk: Attachment;
  #runner: Runner;
  #recorder = new Recorder();
  #startedAt = new Date().toISOString();
  #left: Scenario[] = [];
  #rounds = 0;
  #keptMs = 0;
  /** Figures of the running scenario. */
  #taken = new Map<string, number>();
  /** InjectableFault that is still to be done, and then how to stop it. */
  #inject: (() => void) | undefined;
  #stopFault = () => {};

  constructor(
    setUp: (surroundings: AttachmentOptions) => Attachment,
    options: RigOptions,
    observer: RunObserver,
  ) {
    const { folder, patienceMs, inject } = options;
    this.#options = options;
    this.#observer = observer;
    this.#log = join(folder, "serial.log");
    this.#desk = setUp({
      log: this.#log,
      onlineMs: Math.min(patienceMs, ONLINE_MS),
      onLine: line => this.#received(line),
      onIncident: seen => {
        // A board has stamped it by the time of its line.
        const { board } = this.#desk;
        const laterMs = board === undefined ? 0 : this.#recorder.now() - board.transcript.nowMs;
        const incident = { ...seen, ms: seen.ms + laterMs };
        this.#recorder.moment("rig", `${incident.kind}: ${incident.text}`);
        this.#runner.incident(incident);
      },
    });
    const { device, board, emulated } = this.#desk;
    const injectFault = inject === undefined ? undefined : INJECTABLE_FAULTS[inject].inject;
    if (injectFault !== undefined) {
      this.#inject = () => {
        this.#stopFault = injectFault(emulated!) ?? this.#stopFault;
      };
    }
    const target = new RigTarget(device, {
      patienceMs,
      onFigure: (name, value) => this.#taken.set(name, value),
      onStatus: ({ heap }) => {
        if (heap !== null) this.#recorder.point(HEAP, "bytes", heap);
      },
    });
    this.#runner = new Runner({
      target,
      board,
      device,
      recorder: this.#recorder,
      onBegin: title => observer.begin(title),
      onResult: result => this.#came(result),
    });
  }

  /** Rejects when the board is somebody else's, or its port cannot be opened. */
  async run(): Promise<Run> {
    const { signal, folder } = this.#options;
    const unlock = lock(this.#desk.identity);
    mkdirSync(folder, { recursive: true });
    rmSync(this.#log, { force: true }); // of the run before
    const stop = () => this.#runner.end(String(signal.reason));
    signal.addEventListener("abort", stop);
    try {
      const { board } = this.#desk;
      if (board !== undefined) {
        await this.#attach(board);
        if (await this.#bringUp(board)) this.#runner.forget();
        if (signal.aborted) stop();
      }
      await this.#runner.run(() => this.#next());
    } finally {
      signal.removeEventListener("abort", stop);
      this.#stopFault();
      await this.#release();
      this.#desk.emulated?.unplug();
      unlock();
    }
    const run = this.#soFar();
    this.#observer.keep(run);
    return run;
  }

  /** A board that is gone by now cannot be left as it was found; what was played counts all the same. */
  async #release(): Promise<void> {
    const atMs = this.#recorder.now();
    try {
      await this.#desk.device.release();
    } catch (error) {
      const result: ScenarioResult = {
        ...{ theme: AFTERWARDS, title: "the board is left as it was found", verdict: "rig-error" },
        ...{ atMs, ms: this.#recorder.now() - atMs, incidents: [], sessions: {} },
        why: `the board keeps what the last scenario gave it until it is reset: ${(error as Error).message}`,
      };
      this.#recorder.result(result);
      this.#observer.result(result);
    }
  }

  async #bringUp(board: RigBoard): Promise<boolean> {
    try {
      return (await this.#options.bringUp?.(board)) === true;
    } catch (error) {
      if (board.link.open || error instanceof BoardError) throw error;
      const why = `${board.link.path} was gone before the board had its firmware`;
      throw new BoardError("rig", `${why}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #attach(board: RigBoard): Promise<void> {
    try {
      await board.attach();
    } catch (error) {
      const { path } = this.#desk.device.played();
      const why = `${path} does not open: ${(error as Error).message}`;
      const help = `npm run hil -- doctor --port ${path} says what would help`;
      throw new BoardError("rig", `${why}\n${help}`, { cause: error });
    }
  }

  #next(): Scenario | undefined {
    const { soakMs, scenarios, repeat, signal } = this.#options;
    if (soakMs === undefined) {
      if (this.#left.length === 0 && this.#rounds++ < repeat) this.#left = [...scenarios];
      return this.#left.shift();
    }
    if (this.#recorder.now() >= soakMs || signal.aborted || this.#runner.ended) return undefined;
    if (this.#left.length === 0) {
      // What cannot be played here takes no time: it would be skipped some hundred times a second.
      const { results } = this.#recorder;
      const skipped = new Set(
        results.flatMap(({ verdict, title }) => (verdict === "skipped" ? title : [])),
      );
      this.#left = scenarios.filter(({ title }) => !skipped.has(title));
    }
    return this.#left.shift();
  }

  #received(line: string): void {
    this.#recorder.moment("serial", line);
    this.#observer.line(line);
    const event = parseEvent(line);
    if (event?.on !== "session" && event?.on !== "http") return;
    // A scenario is well under way.
    const inject = this.#inject;
    this.#inject = undefined;
    inject?.();
  }

  #came(result: ScenarioResult): void {
    const { soakMs } = this.#options;
    this.#count(result);
    this.#observer.result(result);
    if (soakMs === undefined) return;
    const nowMs = this.#recorder.now();
    this.#observer.soak(Math.min(nowMs, soakMs), soakMs, result.title);
    if (nowMs - this.#keptMs < CHECKPOINT_MS) return;
    this.#keptMs = nowMs;
    this.#observer.keep(this.#soFar());
  }

  /** A figure that is measured again and again counts as it was worst, but not on a broken cable. */
  #count({ verdict }: ScenarioResult): void {
    const { figures } = this.#recorder;
    const { kind } = this.#desk.device.played();
    for (const [name, value] of this.#taken) {
      if (verdict === "rig-error") continue;
      figures.set(name, worse(kind, name, figures.get(name) ?? value, value));
    }
    this.#taken.clear();
  }

  #soFar(): Run {
    const { scenarios, commit } = this.#options;
    const { results, more, figures, moments, series } = this.#recorder;
    const board = this.#desk.device.played();
    const played = new Set(
      results
        .filter(({ verdict }) => verdict !== "skipped" && verdict !== "not-reached")
        .map(({ title }) => title),
    );
    const expected = scenarios
      .filter(({ title }) => played.has(title))
      .flatMap(({ measures }) => measures);
    const taken = measurements(board.kind, expected, withHeapFloor(figures, this.#recorder));
    return {
      format: 1,
      board,
      startedAt: this.#startedAt,
      ms: this.#recorder.now(),
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      commit,
      exitCode: exitCode(results, taken, { boardLost: this.#runner.lost }),
      results: [...results],
      more: { ...more },
      measurements: taken,
      series: [...series],
      moments: [...moments],
    };
  }
}

/** The lowest heap of a run is that of all its scenarios, as its chart has it, and not only of the one that measures. */
function withHeapFloor(
  figures: ReadonlyMap<string, number>,
  recorder: Recorder,
): ReadonlyMap<string, number> {
  const measured = figures.get(HEAP_FLOOR);
  if (measured === undefined) return figures;
  const seen = recorder.lowest(HEAP) ?? measured;
  return new Map([...figures, [HEAP_FLOOR, Math.min(measured, seen)]]);
}
