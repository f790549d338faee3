import { readObject } from "../config/config-store.ts";
import { ADMIN_STATES, type AdminState } from "../config/settings.ts";
import type { TextStore } from "../config/storage.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import type { Source } from "./active-document.ts";

/** Key in flash of the states that were set at run time. */
export const STATES_KEY = "states";

/** By backend: its state in the document when it was set, and the state that was set. */
type States = Record<string, readonly [inDocument: AdminState, state: AdminState]>;

/** A setting of a backend that differs from the document since a change at run time. */
export interface RunTimeChange {
  readonly backend: string;
  readonly key: "state" | "weight";
  readonly document: string | number;
  readonly now: string | number;
}

export function changeText({ backend, key, document, now }: RunTimeChange): string {
  return `${backend}: ${key} ${now} (document: ${document})`;
}

/** The differences from the document in force, in its order. */
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

/** Restores the saved states of backends whose state in the document is the one that they were changed from. */
export function restoreStates(proxy: ReverseProxy, store: TextStore | undefined): void {
  const states = store === undefined ? {} : storedStates(store);
  for (const [index, { name, state }] of proxy.config.backends.entries()) {
    const saved = Object.hasOwn(states, name) ? states[name] : undefined;
    if (saved?.[0] === state) proxy.setState(proxy.pool.backends[index], saved[1]);
  }
}

/**
 * Saves the states that differ from the document, except under one that ends with the next reset. Returns an error if
 * flash failed.
 */
export function saveStates(
  proxy: ReverseProxy,
  store: TextStore | undefined,
  source: Source,
): string | undefined {
  if (store === undefined || source === "until-reset") return undefined;
  const states: Record<string, States[string]> = {};
  for (const [index, { name, state }] of proxy.config.backends.entries()) {
    const now = proxy.pool.backends[index].state;
    if (now !== state) states[name] = [state, now];
  }
  const text = JSON.stringify(states);
  if ((store.read(STATES_KEY) ?? "{}") === text) return undefined;
  return store.write(STATES_KEY, text);
}

/** The states in flash. */
function storedStates(store: TextStore): States {
  const error = "is not a list of states";
  const states = readObject(store, STATES_KEY, error) ?? {};
  const isState = (value: unknown) => ADMIN_STATES.includes(value as AdminState);
  const valid = (pair: unknown) => Array.isArray(pair) && pair.length === 2 && pair.every(isState);
  if (Object.values(states).every(valid)) return states as States;
  store.ignore(STATES_KEY, error);
  return {};
}
