import { play, unlessAborted } from "../kit/play.ts";
import type { Scenario } from "../kit/scenario.ts";
import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import type { Device } from "./device.ts";
import { HARMLESS, type Incident } from "./incidents.ts";
import type { Recorder } from "./recorder.ts";
import type { RigTarget } from "./rig-target.ts";
import { AFTERWARDS, type ScenarioResult } from "./run.ts";

/** A board that did not come up for so many scenarios running would not for the next one either. */
const UNREADY_MAX = 2;

/** Incidents that break nothing, and are kept with one scenario: a line without its ground makes some a second. */
const HARMLESS_MAX = 20;

const SILENCE = "neither the scenario nor the console got an answer";

export interface RunnerOptions {
  readonly target: Pick<RigTarget, "ready" | "name" | "offers" | "patienceMs" | "setUp">;
  /** On its serial line, where it has one. */
  readonly board:
    | Pick<RigBoard, "lost" | "replugged" | "reset" | "settled" | "incidents">
    | undefined;
  readonly device: Pick<Device, "answers">;
  readonly recorder: Recorder;
  onBegin(title: string): void;
  onResult(result: ScenarioResult): void;
}

/** What the board has shown ends the attempt, whatever its scenario waits for. */
class Interrupted extends Error {
  readonly incident: Incident;

  constructor(incident: Incident) {
    super([`${incident.kind}: ${incident.text}`, ...incident.lines].join("\n"));
    this.incident = incident;
  }
}

/** Somebody has had enough. */
class Ended extends Error {}

/**
 * Plays scenarios on one board, one after the other. What the board gives away on its serial line counts
 * at once: a fault of the firmware fails the running scenario; a fault of the rig is recovered from once,
 * and the scenario begins again. A board that stays lost, that starts again and again, or that does not
 * come up any more, ends the run.
 */
export class Runner {
  #options: RunnerOptions;
  /** Ends the running attempt. */
  #interrupt: ((error: Error) => void) | undefined;
  /** What was seen while nothing was played; the next attempt has it. */
  #pending: Incident | undefined;
  #seen: Incident[] = [];
  /** A failure may have left the board in any state. */
  #unclean = false;
  /** It came to where scenarios begin, in the last attempt; and for how many scenarios it did not. */
  #isUp = false;
  #unready = 0;
  #ended: string | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Why no more is played. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** What was not reached by now is not played any more. */
  end(why: string): void {
    this.#ended ??= why;
    this.#interrupt?.(new Ended(why));
  }

  get lost(): boolean {
    return this.#options.board?.lost === true;
  }

  /** The board has shown something. */
  incident(incident: Incident): void {
    const passing = HARMLESS.includes(incident.kind);
    if (!passing || this.#seen.length < HARMLESS_MAX) this.#seen.push(incident);
    if (incident.kind === "boot-loop") this.#ended = "the board starts again and again";
    if (passing || incident.kind === "silence") return;
    if (this.#interrupt === undefined) this.#pending ??= incident;
    else this.#interrupt(new Interrupted(incident));
  }

  /** What the board has shown so far does not count: it has another firmware now. */
  forget(): void {
    this.#pending = undefined;
    this.#seen = [];
    this.#ended = undefined;
  }

  /** Plays what `next` gives, until there is no more. */
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

  /** What the board shows when the last scenario is over belongs to no scenario, and counts all the same. */
  async #late(): Promise<ScenarioResult | undefined> {
    if (this.#ended !== undefined) return undefined; // by something that has been told
    const { board, recorder } = this.#options;
    const atMs = recorder.now();
    await board?.settled();
    const incident = this.#pending;
    if (incident === undefined) return undefined;
    const recovered = await this.#recovered();
    const verdict =
      incident.blame === "firmware" ? "failed" : recovered ? "flaky" : ("rig-error" as const);
    return {
      ...{ theme: AFTERWARDS, title: "the board stays well when the scenarios are over", verdict },
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
    const scenarios = `for ${UNREADY_MAX} scenarios running`;
    if (this.#seen.some(({ blame }) => blame === "firmware")) {
      this.#options.board?.incidents.note("boot-loop", `no start came to serving, ${scenarios}`);
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
      let ofRig = this.#isOfRig(outcome.error); // before it is asked, and perhaps loses an answer
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

  /** A scenario sees that its board is gone before the board has said why. */
  async #cause(error: unknown): Promise<unknown> {
    if (error instanceof Interrupted || error instanceof Ended) return error;
    await this.#options.board?.settled();
    return this.#meanwhile(error);
  }

  /** What the board has shown by now explains more than the error that came of it. */
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

  /** A scenario that fails without a word may have a board that stands still. */
  async #isSilent(error: unknown): Promise<boolean> {
    const { board, device } = this.#options;
    if (error instanceof Interrupted || error instanceof BoardError || board === undefined)
      return false;
    try {
      if (await device.answers!()) return false;
    } catch (failure) {
      if (this.#pending === undefined) throw failure;
      return false; // its port has gone while it was asked
    }
    board.incidents.note("silence", SILENCE);
    return true;
  }

  /** The firmware is not to blame; nor for what follows from a disturbed line. */
  #isOfRig(error: unknown): boolean {
    if (error instanceof Interrupted) return error.incident.blame === "rig";
    if (error instanceof BoardError) return error.blame === "rig";
    return this.#seen.some(({ kind }) => HARMLESS.includes(kind));
  }

  /** Is there a board to try again on? */
  async #recovered(): Promise<boolean> {
    await this.#options.board?.replugged();
    return !this.lost;
  }
}

function textOf(error: unknown): string {
  if (error instanceof Interrupted || error instanceof BoardError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
