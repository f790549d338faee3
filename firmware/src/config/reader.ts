import { printable } from "../text/quoting.ts";
import { SECRET_KEYS } from "./settings.ts";

/** Everything that is wrong with a text or a value, one sentence each. */
export interface Complaints {
  readonly complaints: readonly string[];
}

/** The default of lists, a constant in flash: a list without items takes no RAM. */
export const NO_ITEMS: readonly never[] = Object.freeze([]);

/** A value of a document and its path, such as `backends[0].port`. */
export interface Key {
  readonly path: string;
  readonly value: unknown;
}

/**
 * Reads a parsed JSON document and collects complaints: each names the key, echoes the value, and says what is
 * expected. The returned values are only valid if there are no complaints.
 */
export class DocumentReader implements Complaints {
  readonly complaints: string[] = [];

  /** Keeps `COMPLAINTS_MAX` complaints and then one that there are more: a document may have thousands of faults. */
  complain(complaint: string): void {
    const { complaints } = this;
    if (complaints.length < COMPLAINTS_MAX) complaints.push(complaint);
    else if (complaints.length === COMPLAINTS_MAX) complaints.push(MORE);
  }

  /** The result lacks the keys that are read as `undefined`: on the chip each would take memory. */
  object<T extends object>(
    { path, value }: Key,
    keys: { [K in keyof T]-?: (key: Key) => T[K] },
  ): T {
    const result: Partial<T> = {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#complain(path || "configuration", value, "an object, { … }");
      return result as T;
    }
    const prefix = path && `${path}.`;
    const known = Object.keys(keys);
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      if (this.complaints.length > COMPLAINTS_MAX) break;
      const hint = suggestion(name, known, `known are ${known.join(", ")}`);
      this.complain(`${prefix}${printable(name, ECHO_MAX)}: no such key; ${hint}`);
    }
    for (const name of known as (keyof T & string)[]) {
      const member = keys[name]({
        path: `${prefix}${name}`,
        value: (value as Record<string, unknown>)[name],
      });
      if (member !== undefined) result[name] = member;
    }
    return result as T;
  }

  list<T>(
    { path, value }: Key,
    fallback: readonly T[] | undefined,
    countMin: number,
    countMax: number,
    item: (item: Key, index: number) => T,
  ): readonly T[] {
    if (value === undefined && fallback) return fallback;
    if (!Array.isArray(value) || value.length < countMin || value.length > countMax) {
      this.#complain(path, value, `a list of ${countMin} to ${countMax}`);
      return [];
    }
    return value.map((entry, index) => item({ path: `${path}[${index}]`, value: entry }, index));
  }

  integer({ path, value }: Key, fallback: number | undefined, min: number, max: number): number {
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    const range = max === Number.POSITIVE_INFINITY ? `from ${min} on` : `from ${min} to ${max}`;
    this.#complain(path, value, `a whole number ${range}`);
    return min;
  }

  /** `form` creates the expression when it is needed: a preloaded one does not work on the chip. */
  text(
    { path, value }: Key,
    fallback: string | undefined,
    form: () => RegExp,
    wanted: string,
  ): string {
    if (value === undefined && fallback !== undefined) return fallback;
    if (isOfForm(value, form)) return value;
    this.#complain(path, value, wanted);
    return "";
  }

  /** As `text`, but no complaint echoes the value. */
  secret({ path, value }: Key, form: () => RegExp, wanted: string): string {
    if (isOfForm(value, form)) return value;
    this.complain(`${path}: is not valid; wanted ${wanted}`);
    return "";
  }

  word<T extends string>({ path, value }: Key, fallback: T, words: readonly T[]): T {
    if (value === undefined) return fallback;
    if (words.includes(value as T)) return value as T;
    const near = typeof value === "string" ? didYouMean(value, words) : undefined;
    const wanted = words.map(word => `"${word}"`).join(", ");
    this.#complain(path, value, near ? `${wanted}; did you mean "${near}"?` : wanted);
    return fallback;
  }

  /** One of some numbers. */
  oneOf<T extends number>({ path, value }: Key, numbers: readonly T[]): T {
    if (numbers.includes(value as T)) return value as T;
    this.#complain(path, value, numbers.join(" or "));
    return numbers[0];
  }

  flag({ path, value }: Key, fallback: boolean): boolean {
    if (value === undefined) return fallback;
    if (typeof value === "boolean") return value;
    this.#complain(path, value, "true or false");
    return fallback;
  }

  optional<T>(key: Key, read: (key: Key) => T): T | undefined {
    return key.value === undefined ? undefined : read(key);
  }

  #complain(path: string, value: unknown, wanted: string): void {
    const got = value === undefined ? "missing" : `is ${brief(value)}`;
    this.complain(`${path}: ${got}; wanted ${wanted}`);
  }
}

function isOfForm(value: unknown, form: () => RegExp): value is string {
  return typeof value === "string" && value.length <= TEXT_MAX && form().test(value);
}

/** Most nested brackets; a configuration has four levels. Each level takes stack, which is small on the chip. */
export const LEVELS_MAX = 16;

/**
 * `JSON.parse`, but throws on brackets nested deeper than `LEVELS_MAX`: for text that is in memory. `JsonParser` (json.ts) reads
 * what arrives in pieces, and says where it is wrong.
 */
export function parseJsonBounded(text: string): unknown {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "\\") i++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") depth--;
    if (depth > LEVELS_MAX) throw new SyntaxError("too deep");
  }
  return JSON.parse(text);
}

/** The value of JSON, or the text itself if it is something else, such as `ewma`. */
export function jsonOrText(text: string): unknown {
  try {
    return parseJsonBounded(text);
  } catch {
    return text;
  }
}

/** Most complaints about one document. */
export const COMPLAINTS_MAX = 8;

/** The last complaint when there are more. */
const MORE = "and more";

/** Longest echo of a value in a complaint, in characters. */
const ECHO_MAX = 60;

/** Longest text in a document, in characters; DNS names have at most 253. */
export const TEXT_MAX = 256;

/** Longer words get no suggestion: the edit distance takes a step for each pair of letters. */
const WORD_MAX = 32;

/** Least letters of the beginning of a word. */
const START_MIN = 3;

/** A value for a complaint, shortened if it is long. One with a secret in it is not shown. */
export function brief(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  const hasSecret = SECRET_KEYS.some(key => text.includes(`"${key}"`));
  const shown = hasSecret ? "(not shown)" : printable(text, ECHO_MAX);
  return typeof value === "string" ? `"${shown}"` : shown;
}

/** The known word most similar to `word`, if at most a third of its letters differ, or else one that begins with it. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? (word.length < START_MIN ? undefined : beginning(word, known));
}

function beginning(word: string, known: readonly string[]): string | undefined {
  const start = word.toLowerCase();
  return known.find(candidate => candidate.toLowerCase().startsWith(start));
}

/** Asks for the known word most similar to `word`; `otherwise` if there is none. */
export function suggestion(word: string, known: readonly string[], otherwise: string): string {
  const near = didYouMean(word, known);
  return near === undefined ? otherwise : `did you mean "${near}"?`;
}

/** Damerau-Levenshtein distance: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row: number[] = [];
  for (let j = 0; j <= b.length; j++) row.push(j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, change));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) next[j] = Math.min(next[j], before[j - 2] + 1);
    }
    before = row;
    row = next;
  }
  return row[b.length];
}
