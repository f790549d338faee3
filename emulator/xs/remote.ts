/** A path to a value on XS: names and indexes, from the program's root. */
export type Path = readonly (string | number)[];

/** The value at a path; without fields for `undefined`. */
export interface RemoteValue {
  readonly value?: unknown;
  readonly kind?: "object" | "function" | "array";
  /** Items of an array. */
  readonly items?: readonly RemoteValue[];
}

/** Reads the value at the path; with arguments, calls it. */
export type Look = (path: Path, args?: readonly unknown[]) => RemoteValue;

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
