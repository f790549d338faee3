import { readdirSync } from "node:fs";
import type { ScenarioLab } from "./scenario-lab.ts";
import type { Need } from "./target.ts";

export interface Scenario {
  /** A claim that a user cares about. */
  readonly title: string;
  /** Name of its file, without the ending. */
  readonly theme: string;
  readonly needs: readonly Need[];
  /** Lines of the log that it expects, and that fail any other scenario. */
  readonly faults: readonly RegExp[];
  /** Measurements that it must record, by their names in `hil/rig/limits.ts`. */
  readonly measures: readonly string[];
  readonly body: ScenarioBody;
}

export type ScenarioBody = (lab: ScenarioLab) => Promise<void>;

export interface ScenarioOptions {
  readonly needs?: readonly Need[];
  readonly faults?: readonly RegExp[];
  readonly measures?: readonly string[];
}

const FOLDER = new URL("../scenarios/", import.meta.url);

const scenarios: Scenario[] = [];
let theme = "";

/** Defines a scenario: an async function that knows neither its target nor a test runner. */
export function scenario(title: string, body: ScenarioBody): void;
export function scenario(title: string, options: ScenarioOptions, body: ScenarioBody): void;
export function scenario(
  title: string,
  optionsOrBody: ScenarioOptions | ScenarioBody,
  givenBody?: ScenarioBody,
): void {
  const [options, body] =
    typeof optionsOrBody === "function" ? [{}, optionsOrBody] : [optionsOrBody, givenBody!];
  if (scenarios.some(other => other.title === title)) {
    throw new Error(`scenario "${title}": is used twice; titles must differ`);
  }
  const { needs = [], faults = [], measures = [] } = options;
  scenarios.push({ title, theme, needs, faults, measures, body });
}

/** Every scenario of `hil/scenarios/*.scenario.ts`, theme by theme. */
export async function loadScenarios(): Promise<readonly Scenario[]> {
  const files = readdirSync(FOLDER).filter(name => name.endsWith(".scenario.ts"));
  for (const file of files.sort()) {
    theme = file.slice(0, -".scenario.ts".length);
    await import(new URL(file, FOLDER).href);
  }
  return scenarios;
}
