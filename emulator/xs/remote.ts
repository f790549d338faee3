/** The way to something on XS: names and places, from the program's root on. */
export type Path = readonly (string | number)[];

/** What stands at the end of a path; nothing of it for `undefined`. */
export interface Seen {
  readonly value?: unknown;
  readonly kind?: "object" | "function" | "array";
  /** Of an array. */
  readonly items?: readonly Seen[];
}

/** Looks there now; with arguments, calls what stands there. */
export type Look = (path: Path, args?: readonly unknown[]) => Seen;

/**
 * A proxy object for an object on XS: each property is read there when it is used,
 * each method called there. Arguments and results cross as JSON. What is an object once is taken to
 * stay one, so that the way to a property is not gone anew each time.
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

function show(look: Look, path: Path, { kind, value, items }: Seen): unknown {
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
