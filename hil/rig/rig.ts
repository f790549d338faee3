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

/** Interval at which a soak writes its reports: a run of eight hours may be cut off at any moment. */
const CHECKPOINT_MS = 300_000;

/** Longest time until the board has an IP address: join and DHCP, with one retry. */
const ONLINE_MS = 60_000;

/** The series of free heap, and the measurement of its lowest value. */
const HEAP = "heap";
const HEAP_FLOOR = "heap floor";

export interface RigOptions {
  readonly scenarios: readonly Scenario[];
  /** Rounds of each scenario. */
  readonly repeat: number;
  /** Length of a soak, which plays all of them again and again instead. */
  readonly soakMs: number | undefined;
  /** Longest time for a scenario. */
  readonly patienceMs: number;
  /** Folder for the log and the reports. */
  readonly folder: string;
  /** Name of the fault to inject, one of `INJECTABLE_FAULTS`. */
  readonly inject: string | undefined;
  readonly commit: string | undefined;
  /** Flashes the board before the run if needed; true if it had another firmware. */
  readonly bringUp?: (board: RigBoard) => Promise<boolean>;
  /** Ends the run; scenarios that were not reached are reported so. */
  readonly signal: AbortSignal;
}

/** Listeners of a run, for its display and its reports. */
export interface RunObserver {
  begin(title: string): void;
  /** A line of the board. */
  line(text: string): void;
  result(result: ScenarioResult): void;
  soak(elapsedMs: number, totalMs: number, text: string): void;
  /** Called with the run so far: repeatedly in a soak, and at its end. */
  keep(run: Run): void;
}

/** Runs scenarios on one board, from attaching it to the verdict. */
export class Rig {
  #options: RigOptions;
  #log: string;
  #observer: RunObserver;
  #attachment: Attachment;
  #runner: Runner;
  #recorder = new Recorder();
  #startedAt = new Date().toISOString();
  #left: Scenario[] = [];
  #rounds = 0;
  #keptMs = 0;
  /** Measurements of the running scenario. */
  #taken = new Map<string, number>();
  /** Injects the fault; afterwards it ends a fault that goes on. */
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
    this.#attachment = setUp({
      log: this.#log,
      onlineMs: Math.min(patienceMs, ONLINE_MS),
      onLine: line => this.#received(line),
      onIncident: seen => {
        // Incidents have the time of the transcript, which began later than the run.
        const { board } = this.#attachment;
        const laterMs = board === undefined ? 0 : this.#recorder.now() - board.transcript.nowMs;
        const incident = { ...seen, ms: seen.ms + laterMs };
        this.#recorder.moment("rig", `${incident.kind}: ${incident.text}`);
        this.#runner.incident(incident);
      },
    });
    const { device, board, emulated } = this.#attachment;
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
      onResult: result => this.#onResult(result),
    });
  }

  /** Rejects if another run uses the board, or its port cannot be opened. */
  async run(): Promise<Run> {
    const { signal, folder } = this.#options;
    const unlock = lock(this.#attachment.identity);
    mkdirSync(folder, { recursive: true });
    rmSync(this.#log, { force: true }); // of the previous run
    const stop = () => this.#runner.end(String(signal.reason));
    signal.addEventListener("abort", stop);
    try {
      const { board } = this.#attachment;
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
      this.#attachment.emulated?.unplug();
      unlock();
    }
    const run = this.#soFar();
    this.#observer.keep(run);
    return run;
  }

  /** Releases the board. If it is gone, it cannot be left as it was found, but the results count. */
  async #release(): Promise<void> {
    const atMs = this.#recorder.now();
    try {
      await this.#attachment.device.release();
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
      const why = `${board.link.path} was gone before the board was flashed`;
      throw new BoardError("rig", `${why}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #attach(board: RigBoard): Promise<void> {
    try {
      await board.attach();
    } catch (error) {
      const { path } = this.#attachment.device.played();
      const why = `${path} does not open: ${(error as Error).message}`;
      const help = `npm run hil -- doctor --port ${path} shows what would help`;
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
      // A scenario that cannot be played on this board is skipped once: it would be skipped some hundred times
      // a second.
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
    // The fault is injected when the scenario has had its first session or request.
    const inject = this.#inject;
    this.#inject = undefined;
    inject?.();
  }

  #onResult(result: ScenarioResult): void {
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

  /** Keeps the worst value of a repeated measurement, except those taken over a broken cable. */
  #count({ verdict }: ScenarioResult): void {
    const { figures } = this.#recorder;
    const { kind } = this.#attachment.device.played();
    for (const [name, value] of this.#taken) {
      if (verdict === "rig-error") continue;
      figures.set(name, worse(kind, name, figures.get(name) ?? value, value));
    }
    this.#taken.clear();
  }

  #soFar(): Run {
    const { scenarios, commit } = this.#options;
    const { results, more, figures, moments, series } = this.#recorder;
    const board = this.#attachment.device.played();
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

/**
 * The run's lowest heap is that of all scenarios, as in its chart, not only that of the scenario that measures
 * it.
 */
function withHeapFloor(
  figures: ReadonlyMap<string, number>,
  recorder: Recorder,
): ReadonlyMap<string, number> {
  const measured = figures.get(HEAP_FLOOR);
  if (measured === undefined) return figures;
  const seen = recorder.lowest(HEAP) ?? measured;
  return new Map([...figures, [HEAP_FLOOR, Math.min(measured, seen)]]);
}
