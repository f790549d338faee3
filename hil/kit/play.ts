import { Journal } from "./journal.ts";
import type { Scenario } from "./scenario.ts";
import { ScenarioLab } from "./scenario-lab.ts";
import { type Leftovers, NotSupported, type Target, type TestBed } from "./target.ts";

/** The result of a scenario that did not fail; `skipped` says why it was not played. */
export interface PlayResult {
  readonly skipped?: string;
}

export interface PlayOptions {
  /** Called with what clients and backends do. */
  readonly onNote?: (text: string) => void;
  /** Ends the scenario at once; its reason is what `play` rejects with. */
  readonly signal?: AbortSignal;
}

/** Time for a session to notice that its client has closed; less than `idleTimeoutMs` and `tunnelTimeoutMs`. */
const SESSIONS_END_MS = 20_000;

/**
 * Plays a scenario on a target. It must end in time, and leave the board as it was: no session,
 * socket or alarm is left, it runs, and its log has no fault. Throws the failure, with
 * the last events.
 */
export async function play(
  scenario: Scenario,
  target: Target,
  { onNote, signal }: PlayOptions = {},
): Promise<PlayResult> {
  const lacking = scenario.needs.filter(need => !target.offers.includes(need));
  if (lacking.length > 0)
    return { skipped: `${target.name} has no ${lacking.join(" and no ").replaceAll("-", " ")}` };

  let journal: Journal | undefined;
  const testBed = target.setUp(line => journal?.line(line), scenario.needs);
  journal = new Journal(testBed.clock, onNote);
  const lab = new ScenarioLab(testBed, journal, scenario);
  try {
    await unlessAborted(playAndCheck(scenario, testBed, lab, journal, target.patienceMs), signal);
    return {};
  } catch (error) {
    if (error instanceof NotSupported) return { skipped: error.message };
    if (signal?.aborted) throw signal.reason;
    throw withTrace(error, journal.trace(testBed.packets()));
  } finally {
    lab.tearDown();
    testBed.close();
  }
}

async function playAndCheck(
  scenario: Scenario,
  testBed: TestBed,
  lab: ScenarioLab,
  journal: Journal,
  patienceMs: number,
): Promise<void> {
  const played = scenario.body(lab);
  if (!(await testBed.drive(played, patienceMs))) {
    throw new Error(`the scenario did not end within ${patienceMs} ms; ${waitsFor(journal)}`);
  }
  await played;
  lab.closeClients();
  await waitUntilSessionsEnd(testBed);
  lab.tearDown();
  await waitUntilIdle(testBed, patienceMs);
  checkFaults(journal, scenario.faults);
  const unmeasured = scenario.measures.filter(name => !lab.measured.has(name));
  if (unmeasured.length > 0) throw new Error(`not measured: ${unmeasured.join(", ")}`);
  if (lab.broken.length > 0) throw new Error(lab.broken.join("\n"));
}

/** As `task`, but rejects with the signal's reason as soon as there is one. */
export function unlessAborted<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return task;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    task.then(resolve, reject);
  });
}

function waitsFor({ waits }: Journal): string {
  if (waits.size === 0) return "it waits for something that the lab does not know";
  return `it waits for ${[...waits].join(", for ")}`;
}

/**
 * Sessions must end because their clients have closed. This is checked at once, because a forgotten session would also
 * end when the backends stop, or after its timeout.
 */
async function waitUntilSessionsEnd(testBed: TestBed): Promise<void> {
  const { sessions } = await leftoversUntil(
    testBed,
    SESSIONS_END_MS,
    leftovers => leftovers.sessions === 0,
  );
  if (sessions === 0) return;
  throw new Error(`when its clients had left, the board still had ${sessions} sessions`);
}

async function waitUntilIdle(testBed: TestBed, patienceMs: number): Promise<void> {
  const { leaks } = await leftoversUntil(
    testBed,
    patienceMs,
    leftovers => leftovers.leaks.length === 0,
  );
  if (leaks.length === 0) return;
  throw new Error(`when all had left, the board still had ${leaks.join(", ")}`);
}

/** Polls until `holds`, or for `patienceMs`; returns the last result. */
async function leftoversUntil(
  testBed: TestBed,
  patienceMs: number,
  holds: (leftovers: Leftovers) => boolean,
): Promise<Leftovers> {
  let leftovers: Leftovers = { sessions: 0, leaks: ["nothing to say within that time"] };
  let over = false;
  const held = new Promise<void>((resolve, reject) => {
    const look = async () => {
      leftovers = await testBed.leftovers();
      if (holds(leftovers)) resolve();
      else if (!over) testBed.clock.after(testBed.pollMs, () => void look().catch(reject));
    };
    look().catch(reject);
  });
  if (await testBed.drive(held, patienceMs)) await held;
  over = true;
  return leftovers;
}

function checkFaults(journal: Journal, expected: readonly RegExp[]): void {
  const unexpected = journal.faults.filter(line => !expected.some(fault => fault.test(line)));
  if (unexpected.length > 0) throw new Error(`the log reports a fault: ${unexpected.join("\n")}`);
  const missing = expected.filter(fault => !journal.faults.some(line => fault.test(line)));
  if (missing.length > 0) throw new Error(`the log does not report ${missing.join(", ")}`);
}

/** Extends the same error, so that its stack still points to the scenario. */
function withTrace(thrown: unknown, trace: string): Error {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  error.message += `\n\nWhat happened, in milliseconds of the target's time:\n${trace}`;
  return error;
}
