import { Journal } from "./journal.ts";
import type { Scenario } from "./scenario.ts";
import { StoryLab } from "./story-lab.ts";
import { type Stage, type Target, Unsuited } from "./target.ts";

/** How a story went that did not fail: nothing, or why it was not played. */
export interface Played {
  readonly skipped?: string;
}

/** Between two looks at whether the board has come to rest. */
const LOOK_MS = 20;

/** For a session to see that its client has left; less than `idleTimeoutMs` and `tunnelTimeoutMs`. */
const PARTING_MS = 20_000;

/**
 * Plays a story on a target. It must end in time, and then the board must be as it was before: no
 * session, socket or alarm is left, it lives, and its log tells of no fault. Throws what failed, with
 * the last of what happened.
 */
export async function play(scenario: Scenario, target: Target): Promise<Played> {
  const lacking = scenario.needs.filter(need => !target.offers.includes(need));
  if (lacking.length > 0) return { skipped: `${target.name} has no ${lacking.join(" and no ")}` };

  let journal: Journal | undefined;
  const stage = target.stage(line => journal?.line(line));
  journal = new Journal(stage.clock);
  const lab = new StoryLab(stage, journal, scenario.needs);
  try {
    const story = scenario.story(lab);
    if (!(await stage.drive(story, target.patienceMs))) {
      throw new Error(`the story did not end within ${target.patienceMs} ms; ${waitsFor(journal)}`);
    }
    await story;
    lab.part();
    await partedFromAll(stage);
    lab.clear();
    await comeToRest(stage, target.patienceMs);
    checkFaults(journal, scenario.faults);
    if (lab.broken.length > 0) throw new Error(lab.broken.join("\n"));
    return {};
  } catch (error) {
    if (error instanceof Unsuited) return { skipped: error.message };
    throw withTrace(error, journal.trace(stage.packets()));
  } finally {
    lab.clear();
    stage.close();
  }
}

function waitsFor({ waits }: Journal): string {
  if (waits.size === 0) return "it waits for something that the lab does not know";
  return `it waits for ${[...waits].join(", for ")}`;
}

/**
 * Sessions must end because their clients have left: with the backends gone, or some minutes later, a
 * forgotten one would be over, too.
 */
async function partedFromAll(stage: Stage): Promise<void> {
  if (await comesTrue(stage, PARTING_MS, () => stage.sessions === 0)) return;
  throw new Error(`when its clients had left, the board still had ${stage.sessions} sessions`);
}

async function comesTrue(stage: Stage, patienceMs: number, holds: () => boolean): Promise<boolean> {
  let over = false;
  const found = new Promise<void>(resolve => {
    const look = () => {
      if (holds()) resolve();
      else if (!over) stage.clock.after(LOOK_MS, look);
    };
    look();
  });
  const came = await stage.drive(found, patienceMs);
  over = true;
  return came;
}

async function comeToRest(stage: Stage, patienceMs: number): Promise<void> {
  if (!(await comesTrue(stage, patienceMs, () => stage.left().length === 0))) {
    throw new Error(`when all had left, the board still had ${stage.left().join(", ")}`);
  }
}

function checkFaults(journal: Journal, expected: readonly RegExp[]): void {
  const unexpected = journal.faults.filter(line => !expected.some(fault => fault.test(line)));
  if (unexpected.length > 0) throw new Error(`the log tells of a fault: ${unexpected.join("\n")}`);
  const missing = expected.filter(fault => !journal.faults.some(line => fault.test(line)));
  if (missing.length > 0) throw new Error(`the log does not tell of ${missing.join(", ")}`);
}

/** The same error, so that it still points to its line of the story. */
function withTrace(thrown: unknown, trace: string): Error {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  error.message += `\n\nWhat happened, in milliseconds of the target's time:\n${trace}`;
  return error;
}
