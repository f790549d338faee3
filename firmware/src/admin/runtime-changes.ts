import { parseJsonBounded } from "../config/reader.ts";
import { ADMIN_STATES, type AdminState } from "../config/settings.ts";
import type { TextStore } from "../config/storage.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";

/** Where flash keeps the states that were set at run time. */
export const STATES_KEY = "states";

/** By backend: what the document said when the state was set, and the state. */
type States = Record<string, readonly [inDocument: AdminState, state: AdminState]>;

/** A setting of a backend that was changed at run time: what runs differs from the document. */
export interface RunTimeChange {
  readonly backend: string;
  readonly key: "state" | "weight";
  readonly document: string | number;
  readonly now: string | number;
}

/** The difference of what runs to the document, in the document's order. */
export function runTimeChanges({ config, pool }: ReverseProxy): RunTimeChange[] {
  const changes: RunTimeChange[] = [];
  for (const [index, { name, state, weight }] of config.backends.entries()) {
    const now = pool.backends[index];
    if (now.state !== state) {
      changes.push({ backend: name, key: "state", document: state, now: now.state });
    }
    if (now.weight !== weight) {
      changes.push({ backend: name, key: "weight", document: weight, now: now.weight });
    }
  }
  return changes;
}

/** States that were set before the restart, where the document still says what it said then. */
export function restoreStates(proxy: ReverseProxy, store: TextStore): void {
  const states = storedStates(store);
  for (const [index, { name, state }] of proxy.config.backends.entries()) {
    const kept = Object.hasOwn(states, name) ? states[name] : undefined;
    if (kept?.[0] === state) proxy.setState(proxy.pool.backends[index], kept[1]);
  }
}

/** Keeps the states that differ from the document. Returns why flash has not taken them; `undefined`: it has. */
export function saveStates(proxy: ReverseProxy, store: TextStore): string | undefined {
  const states: Record<string, States[string]> = {};
  for (const [index, { name, state }] of proxy.config.backends.entries()) {
    const now = proxy.pool.backends[index].state;
    if (now !== state) states[name] = [state, now];
  }
  const text = JSON.stringify(states);
  if ((store.read(STATES_KEY) ?? "{}") === text) return undefined;
  return store.write(STATES_KEY, text);
}

/** The states that flash keeps. */
function storedStates(store: TextStore): States {
  const text = store.read(STATES_KEY);
  if (text === undefined) return {};
  try {
    const states = parseJsonBounded(text) as Record<string, unknown>;
    const isState = (value: unknown) => ADMIN_STATES.includes(value as AdminState);
    const valid = (pair: unknown) =>
      Array.isArray(pair) && pair.length === 2 && pair.every(isState);
    if (Object.values(states).every(valid)) return states as States;
  } catch {
    // no JSON: reported below
  }
  store.ignore(STATES_KEY, "is not a list of states");
  return {};
}
