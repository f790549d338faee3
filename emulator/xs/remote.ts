/** A path to a value on XS: names and indexes, from the program's root. */
export type Path = readonly (string | number)[];

/** The value at a path; without fields for `undefined`. */
export interface RemoteValue {
  readonly value?: unknown;
  readonly kind?: "object" | "function" | "array";
  /** Items of an array. */
  readonly items?: readonly RemoteValue[];
}

/** Reads the value at the path; with arguments, calls it; `whole`: an object with all that it holds, as JSON keeps it. */
export type Look = (path: Path, args?: readonly unknown[], whole?: boolean) => RemoteValue;

/** Where a remote object has the function that reads all of it. */
const WHOLE = Symbol("whole");

/** A copy of a value, as JSON keeps it; all of a remote object at once. */
export function whole<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  const read = (value as { [WHOLE]?: () => T })[WHOLE];
  return read === undefined ? JSON.parse(JSON.stringify(value)) : read();
}

/**
 * A proxy for an object on XS: each property is read there when it is used, each method called there. Arguments
 * and results cross as JSON. The kind of a property is read once.
 */
export function remote(look: Look, path: Path = []): object {
  const objects = new Map<string, object>();
  return new Proxy(
    {},
    {
      get(_target, name) {
        if (name === WHOLE) return () => look(path, undefined, true).value;
        // `await` and printing read these.
        if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
        const known = objects.get(name);
        if (known !== undefined) return known;
        const seen = look([...path, name]);
        const shown = show(look, [...path, name], seen);
        if (seen.kind === "object") objects.set(name, shown as object);
        return shown;
      },
    },
  );
}

function show(look: Look, path: Path, { kind, value, items }: RemoteValue): unknown {
  switch (kind) {
    case "object":
      return remote(look, path);
    case "array":
      return items!.map((item, place) => show(look, [...path, place], item));
    case "function":
      return (...args: unknown[]) => look(path, args).value;
    default:
      return value;
  }
}
