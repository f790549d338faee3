import { SECRET_KEYS } from "../config/settings.ts";

/** Shown instead of a secret; in a document that is put back it means "unchanged". */
export const SECRET = "********";

/** The parts of a document that have secrets. A document that was saved by another firmware may have other values there. */
interface WithSecrets {
  readonly stickyKey?: unknown;
  readonly machines?: unknown;
  readonly setAtRunTime?: unknown;
}

interface Machine {
  readonly name?: unknown;
  readonly secureOn?: unknown;
  readonly sleep?: unknown;
}

/** A copy of the document in which no secret is left. */
export function withoutSecrets(document: WithSecrets): object {
  const { machines } = document;
  const masked = masks(document);
  return Array.isArray(machines) ? { ...masked, machines: machines.map(maskedMachine) } : masked;
}

/** Undoes what reading the document in force has changed: restores its secrets, and removes `setAtRunTime`. */
export function withSecrets(given: WithSecrets, inForce: WithSecrets): object {
  const { setAtRunTime, ...document } = given;
  const { machines } = document;
  const restored = restore(document, inForce);
  return Array.isArray(machines)
    ? {
        ...restored,
        machines: machines.map((machine, at) => restoredMachine(machine, at, inForce)),
      }
    : restored;
}

function maskedMachine(machine: unknown): unknown {
  if (!isObject<Machine>(machine)) return machine;
  const { sleep } = machine;
  return isObject(sleep) ? { ...masks(machine), sleep: masks(sleep) } : masks(machine);
}

/** The machine with the secrets of the one of the same name, or, where it was renamed, in the same place. */
function restoredMachine(machine: unknown, at: number, { machines }: WithSecrets): unknown {
  if (!isObject<Machine>(machine) || !Array.isArray(machines)) return machine;
  const same = machines.find(other => isObject<Machine>(other) && other.name === machine.name);
  const before: unknown = same ?? machines[at];
  if (!isObject<Machine>(before)) return machine;
  const { sleep } = machine;
  const restored = restore(machine, before);
  return isObject(sleep) && isObject(before.sleep)
    ? { ...restored, sleep: restore(sleep, before.sleep) }
    : restored;
}

/** The object with its secrets masked; itself if it has none. */
function masks<T extends object>(value: T): T {
  let masked = value;
  for (const key of SECRET_KEYS) if (key in value) masked = { ...masked, [key]: SECRET };
  return masked;
}

/** The object with those secrets of `before` that are masked in it. */
function restore<T extends object>(value: T, before: object): T {
  let restored = value;
  for (const key of SECRET_KEYS) {
    const secrets = before as Record<string, unknown>;
    if ((value as Record<string, unknown>)[key] !== SECRET || secrets[key] === undefined) continue;
    restored = { ...restored, [key]: secrets[key] };
  }
  return restored;
}

function isObject<T extends object>(value: unknown): value is T {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True if the words of a change of the configuration, the key and its value, may hold a secret. */
export function maySetSecret(words: readonly string[]): boolean {
  const line = words.join(" ").toLowerCase();
  return SECRET_WORDS.some(word => line.includes(word));
}

/** Parts of the keys that have secrets, or hold them. */
const SECRET_WORDS: readonly string[] = Object.freeze(["sticky", "secure", "header", "sleep"]);
