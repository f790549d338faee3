import { play, unlessAborted } from "../kit/play.ts";
import type { Scenario } from "../kit/scenario.ts";
import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import type { Device } from "./device.ts";
import { HARMLESS, type Incident } from "./incidents.ts";
import type { Recorder } from "./recorder.ts";
import type { RigTarget } from "./rig-target.ts";
import { AFTERWARDS, type ScenarioResult } from "./run.ts";

/** The run ends when the board did not come up for this many scenarios in a row. */
const UNREADY_MAX = 2;

/** Harmless incidents that are kept with one scenario: a line without a ground wire makes some a second. */
const HARMLESS_MAX = 20;

const SILENCE = "the board answered neither the scenario nor the console";

export interface RunnerOptions {
  readonly target: Pick<RigTarget, "ready" | "name" | "offers" | "patienceMs" | "setUp">;
  /** The board with a serial line; `undefined` without one. */
  readonly board:
    | Pick<RigBoard, "lost" | "replugged" | "reset" | "settled" | "incidents">
    | undefined;
  readonly device: Pick<Device, "answers">;
  readonly recorder: Recorder;
  onBegin(title: string): void;
  onResult(result: ScenarioResult): void;
}

/** An incident ended the attempt. */
class Interrupted extends Error {
  readonly incident: Incident;

  constructor(incident: Incident) {
    super([`${incident.kind}: ${incident.text}`, ...incident.lines].join("\n"));
    this.incident = incident;
  }
}

/** The user ended the run. */
class Ended extends Error {}

/**
 * Plays scenarios on one board, one after the other. Incidents on its serial line count at once: a fault of the
 * firmware fails the running scenario; after a fault of the rig the scenario starts again, once. A board that
 * stays lost, is in a boot loop, or does not come up any more, ends the run.
 */
export class Runner {
  #options: RunnerOptions;
  /** Ends the running attempt with an error. */
  #interrupt: ((error: Error) => void) | undefined;
  /** An incident between two attempts; it counts for the next one. */
  #pending: Incident | undefined;
  #seen: Incident[] = [];
  /** The last scenario failed and may have left the board in any state. */
  #unclean = false;
  /** Whether the board came up in the last attempt, and for how many scenarios it did not. */
  #isUp = false;
  #unready = 0;
  #ended: string | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Why the run has ended. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Ends the run: scenarios that have not begun are not played. */
  end(why: string): void {
    this.#ended ??= why;
    this.#interrupt?.(new Ended(why));
  }

  get lost(): boolean {
    return this.#options.board?.lost === true;
  }

  /** The board had an incident. */
  incident(incident: Incident): void {
    const passing = HARMLESS.includes(incident.kind);
    if (!passing || this.#seen.length < HARMLESS_MAX) this.#seen.push(incident);
    if (incident.kind === "boot-loop") this.#ended = "the board is in a boot loop";
    if (passing || incident.kind === "silence") return;
    if (this.#interrupt === undefined) this.#pending ??= incident;
    else this.#interrupt(new Interrupted(incident));
  }

  /** Forgets the incidents so far: the board has another firmware now. */
  forget(): void {
    this.#pending = undefined;
    this.#seen = [];
    this.#ended = undefined;
  }

  /** Plays what `next` returns, until it returns `undefined`. */
  async run(next: () => Scenario | undefined): Promise<void> {
    const { recorder, onBegin, onResult } = this.#options;
    for (let scenario = next(); scenario !== undefined; scenario = next()) {
      if (this.lost) this.#ended = "the board is lost";
      onBegin(scenario.title);
      recorder.moment("rig", `begins "${scenario.title}"`);
      const result =
        this.#ended === undefined ? await this.#play(scenario) : this.#unreached(scenario);
      recorder.moment("rig", `${result.verdict}: "${scenario.title}"`);
      recorder.result(result);
      onResult(result);
    }
    const late = await this.#late();
    if (late === undefined) return;
    recorder.result(late);
    onResult(late);
  }

  /** Waits for incidents after the last scenario; they belong to no scenario, but count. */
  async #late(): Promise<ScenarioResult | undefined> {
    if (this.#ended !== undefined) return undefined; // the cause has been reported
    const { board, recorder } = this.#options;
    const atMs = recorder.now();
    await board?.settled();
    const incident = this.#pending;
    if (incident === undefined) return undefined;
    const recovered = await this.#recovered();
    const verdict =
      incident.blame === "firmware" ? "failed" : recovered ? "flaky" : ("rig-error" as const);
    return {
      ...{ theme: AFTERWARDS, title: "the board has no incident after the scenarios", verdict },
      ...{ atMs, ms: recorder.now() - atMs, incidents: [incident], sessions: {} },
      why: textOf(new Interrupted(incident)),
    };
  }

  #unreached({ theme, title }: Scenario): ScenarioResult {
    const atMs = this.#options.recorder.now();
    return {
      ...{ theme, title, atMs, ms: 0, incidents: [], sessions: {} },
      verdict: "not-reached",
      why: this.#ended!,
    };
  }

  async #play(scenario: Scenario): Promise<ScenarioResult> {
    const { recorder } = this.#options;
    const { theme, title } = scenario;
    const atMs = recorder.now();
    recorder.takeServed();
    this.#seen = this.#pending === undefined ? [] : [this.#pending];
    const outcome = await this.#attempts(scenario);
    this.#countUnready(outcome.verdict);
    const ms = recorder.now() - atMs;
    const sessions = recorder.takeServed();
    return { theme, title, atMs, ms, incidents: [...this.#seen], sessions, ...outcome };
  }

  #countUnready(verdict: ScenarioResult["verdict"]): void {
    this.#unready = this.#isUp || verdict === "not-reached" ? 0 : this.#unready + 1;
    if (this.#unready < UNREADY_MAX) return;
    const scenarios = `for ${UNREADY_MAX} scenarios in a row`;
    if (this.#seen.some(({ blame }) => blame === "firmware")) {
      this.#options.board?.incidents.note("boot-loop", `no start led to serving, ${scenarios}`);
    }
    this.#ended ??= `the board did not come up, ${scenarios}`;
  }

  async #attempts(scenario: Scenario): Promise<Pick<ScenarioResult, "verdict" | "why">> {
    let fault: string | undefined;
    for (;;) {
      const outcome = await this.#attempt(scenario);
      if (!("error" in outcome)) {
        if (outcome.skipped !== undefined) return { verdict: "skipped", why: outcome.skipped };
        return fault === undefined ? { verdict: "passed" } : { verdict: "flaky", why: fault };
      }
      this.#unclean = true;
      if (outcome.error instanceof Ended) {
        return { verdict: "not-reached", why: outcome.error.message };
      }
      let ofRig = this.#isOfRig(outcome.error); // decided before the console is asked, which may lose an answer
      const silent = await this.#isSilent(outcome.error);
      const error = this.#meanwhile(outcome.error);
      if (error !== outcome.error) ofRig = this.#isOfRig(error);
      const why = silent ? `${SILENCE}\n${textOf(error)}` : textOf(error);
      if (!ofRig) return { verdict: "failed", why };
      if (fault !== undefined || !(await this.#recovered())) return { verdict: "rig-error", why };
      fault = why;
    }
  }

  async #attempt(scenario: Scenario): Promise<{ skipped?: string } | { error: unknown }> {
    const { target, recorder } = this.#options;
    const controller = new AbortController();
    const { signal } = controller;
    this.#interrupt = error => controller.abort(error);
    const pending = this.#pending;
    this.#pending = undefined;
    this.#isUp = false;
    if (pending !== undefined) this.#interrupt(new Interrupted(pending));
    try {
      await unlessAborted(this.#ready(), signal);
      this.#isUp = true;
      return await play(scenario, target, {
        onNote: text => recorder.moment("tcp", text),
        signal,
      });
    } catch (error) {
      this.#interrupt = undefined;
      return { error: await this.#cause(error) };
    } finally {
      this.#interrupt = undefined;
    }
  }

  /** A scenario may see that its board is gone before the board has logged why. */
  async #cause(error: unknown): Promise<unknown> {
    if (error instanceof Interrupted || error instanceof Ended) return error;
    await this.#options.board?.settled();
    return this.#meanwhile(error);
  }

  /** An incident of the board explains more than the error that it caused. */
  #meanwhile(error: unknown): unknown {
    const cause = this.#pending;
    this.#pending = undefined;
    return cause === undefined ? error : new Interrupted(cause);
  }

  async #ready(): Promise<void> {
    if (this.#unclean) await this.#options.board?.reset();
    this.#unclean = false;
    await this.#options.target.ready();
  }

  /** True if the board hangs: a scenario failed without an incident, and the console does not answer. */
  async #isSilent(error: unknown): Promise<boolean> {
    const { board, device } = this.#options;
    if (error instanceof Interrupted || error instanceof BoardError || board === undefined)
      return false;
    try {
      if (await device.answers!()) return false;
    } catch (failure) {
      if (this.#pending === undefined) throw failure;
      return false; // its port has gone meanwhile
    }
    board.incidents.note("silence", SILENCE);
    return true;
  }

  /** True if the rig is to blame, also for what a disturbed line caused. */
  #isOfRig(error: unknown): boolean {
    if (error instanceof Interrupted) return error.incident.blame === "rig";
    if (error instanceof BoardError) return error.blame === "rig";
    return this.#seen.some(({ kind }) => HARMLESS.includes(kind));
  }

  /** True if the board is connected again for another attempt. */
  async #recovered(): Promise<boolean> {
    await this.#options.board?.replugged();
    return !this.lost;
  }
}

function textOf(error: unknown): string {
  if (error instanceof Interrupted || error instanceof BoardError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
