import { brief, type Complaints, LEVELS_MAX, suggestion } from "./reader.ts";

/** A value of the configuration: that of the document, or the default. */
export interface KeyValue {
  readonly value: unknown;
  readonly isDefault: boolean;
}

/** Keys without a default, which a configuration lacks where the document does; without the indexes of lists. */
export const OPTIONAL_KEYS: readonly string[] = Object.freeze([
  "backends.maxSessions",
  "backends.keepAlive",
  "backends.machine",
  "backends.health.host",
  "backends.health.body",
  "health.host",
  "health.body",
  "network.address",
  "network.netmask",
  "network.gateway",
  "stickyKey",
  "routes.host",
  "routes.redirect",
  "routes.sni",
  "routes.backends",
  "machines.mac",
  "machines.secureOn",
  "machines.broadcast",
  "machines.wakeFor",
  "machines.wakeFor.protocol",
  "machines.wakeFor.host",
  "machines.wakeFor.path",
  "machines.wakeFor.methods",
  "machines.wakeFor.sni",
  "machines.wakeFor.clients",
  "machines.wakeFor.firstLine",
  "machines.sleep",
  "machines.sleep.header",
  "machines.idleMs",
  "sessionsMax",
  "clientSessionsMax",
]);

/** The value at a path such as `health.intervalMs` or `backends[0].weight`, or what is wrong with the path. */
export function valueAt(document: object, config: object, path: string): KeyValue | Complaints {
  const keys = keysOf(path);
  if ("complaints" in keys) return keys;
  const given = lookUp(document, keys);
  if (given.value !== undefined) return { value: given.value, isDefault: false };
  const { value, missing, among } = lookUp(config, keys);
  if (missing === undefined) return { value, isDefault: true };
  if (missing === keys.at(-1) && OPTIONAL_KEYS.includes(keys.filter(isName).join("."))) {
    return { value: undefined, isDefault: true };
  }
  const known = Object.keys(among ?? {});
  const hint = suggestion(missing, known, `known are ${known.join(", ")}`);
  return complaint(path, `there is no ${brief(missing)}${known.length > 0 ? `; ${hint}` : ""}`);
}

/**
 * A copy of the document in which `path` has another value, or what is wrong with the path. Not recursive, because
 * each call takes some of the engine's stack, which is small on the chip.
 */
export function withValueAt(
  document: object,
  path: string,
  value: unknown,
): { readonly document: object } | Complaints {
  const keys = keysOf(path);
  if ("complaints" in keys) return keys;
  const levels: object[] = [document];
  for (const key of keys.slice(0, -1)) {
    const inner = levels.at(-1)!;
    if (isOutside(inner, key)) return outside(path, inner, key);
    const next = Object.hasOwn(inner, key) ? (inner as Record<string, unknown>)[key] : {};
    if (typeof next !== "object" || next === null) {
      return complaint(path, `${brief(key)} is ${brief(next)}, which has no keys`);
    }
    levels.push(next);
  }
  let copy = value;
  for (const key of keys.reverse()) {
    const level = levels.pop()!;
    if (isOutside(level, key)) return outside(path, level, key);
    copy = Array.isArray(level)
      ? level.map((item, index) => (index === Number(key) ? copy : item))
      : { ...level, [key]: copy };
  }
  return { document: copy as object };
}

/** The keys of a path, the outermost first. */
function keysOf(path: string): string[] | Complaints {
  const keys = path.replaceAll("[", ".").replaceAll("]", "").split(".");
  if (keys.includes("")) {
    return complaint(path, "a key is empty; wanted one such as health.intervalMs");
  }
  if (keys.length > LEVELS_MAX) {
    return complaint(path, `${keys.length} keys inside each other; ${LEVELS_MAX} at most`);
  }
  return keys;
}

/** True if `key` is not an index. */
function isName(key: string): boolean {
  return Number.isNaN(Number(key));
}

/** The value at `keys`, or the first key that is `missing`, and the object that lacks it. */
function lookUp(
  from: object,
  keys: readonly string[],
): { value?: unknown; missing?: string; among?: object } {
  let value: unknown = from;
  for (const key of keys) {
    if (typeof value !== "object" || value === null) return { missing: key };
    if (!Object.hasOwn(value, key)) return { missing: key, among: value };
    value = (value as Record<string, unknown>)[key];
  }
  return { value };
}

/** True if `level` is a list, and `key` is not an index of it. */
function isOutside(level: object, key: string): boolean {
  return Array.isArray(level) && (key === "length" || !Object.hasOwn(level, key));
}

function outside(path: string, level: object, key: string): Complaints {
  const { length } = level as unknown[];
  return complaint(
    path,
    `${brief(key)} is not an index of a list of ${length}; the first is [0]: backends[0].weight`,
  );
}

function complaint(path: string, why: string): Complaints {
  return { complaints: [`config: ${brief(path)}: ${why}`] };
}
