import { type GivenSettings, overlay } from "../config/build-settings.ts";
import { type Configuration, readConfig } from "../config/config.ts";
import type { ConfigStore } from "../config/config-store.ts";
import { parseJsonBounded } from "../config/reader.ts";
import type { TextStore } from "../config/storage.ts";
import type { Report } from "../log/event.ts";
import type { StartConfig } from "./active-document.ts";
import { TOKEN_KEY } from "./token.ts";

/** The settings of previous builds: for each one the last value that was not empty. */
export const GIVEN_KEY = "build-settings";

const SETTINGS = Object.freeze(["document", "backends", "port", "token"] as const);

export interface StartConfigParts {
  /** Absent where nothing is kept. */
  readonly store: TextStore | undefined;
  readonly configStore: ConfigStore | undefined;
  readonly builtIn: Configuration;
  /** Laid over `builtIn` already. */
  readonly given: GivenSettings;
  readonly reset: string | undefined;
  readonly report: Report;
}

/**
 * Chooses the configuration to start with: the saved one before the built-in one. Settings that are new in this build
 * override the saved configuration once; what is configured later takes precedence again.
 */
export function startConfigOf(parts: StartConfigParts): StartConfig {
  const { configStore, report, reset } = parts;
  const kept = configStore?.start(reset);
  let rolledBack: string | undefined;
  if (kept?.fellBack) {
    rolledBack = "boot-loop";
    report({ level: "W", on: "config", what: "rolled-back", why: rolledBack });
  }
  if (kept?.dropped !== undefined) {
    rolledBack = kept.dropped;
    report({ level: "W", on: "config", what: "dropped", why: rolledBack, reset });
  }
  const before = {
    document: kept?.document,
    next: kept?.next,
    failed: kept?.failed,
    rolledBack: rolledBack ?? kept?.failedWhy,
  };
  const changes = changesOf(parts);
  if (changes === undefined) return chosen(parts, before, {});
  if (before.document !== undefined || (changes.token && parts.store?.read(TOKEN_KEY))) {
    report({ level: "I", on: "config", what: "build-settings", keys: Object.keys(changes).join() });
  }
  const startConfig = chosen(parts, before, changes);
  if (startConfig.source !== "not-saved") takeOver(parts, changes);
  return startConfig;
}

interface Kept {
  readonly document: object | undefined;
  /** Accepted for this start. */
  readonly next: object | undefined;
  /** The board has fallen back from it. */
  readonly failed: object | undefined;
  readonly rolledBack: string | undefined;
}

function chosen(parts: StartConfigParts, kept: Kept, changes: GivenSettings): StartConfig {
  const { configStore, report } = parts;
  const active = withoutNext(parts, kept, changes);
  if (kept.next === undefined) return active;
  configStore!.saveNext(undefined); // it is tried once, whatever the result
  if (changes.document !== undefined) return active;
  const next = checked(overlay(kept.next, changes), report);
  if (next === undefined) return active;
  return { ...next, source: "trial", previous: active, rolledBack: kept.rolledBack };
}

/** The configuration to use unless another one was accepted for this start. */
function withoutNext(
  { builtIn, configStore, report }: StartConfigParts,
  { document, failed, rolledBack }: Kept,
  changes: GivenSettings,
): StartConfig {
  if (document === undefined) {
    if (changes.document !== undefined && failed !== undefined) {
      configStore!.forget(); // the operator has decided with the build
      return { ...builtIn, source: "built-in", rolledBack: undefined };
    }
    const suspended = failed !== undefined && opens(failed, builtIn);
    return { ...builtIn, source: "built-in", rolledBack, failed, suspended };
  }
  const { token, ...laidOver } = changes;
  if (Object.keys(laidOver).length === 0) {
    const flash = checked(document, report);
    if (flash !== undefined) {
      const suspended = failed !== undefined && opens(failed, flash);
      return { ...flash, source: "flash", rolledBack, failed, suspended };
    }
    const suspended = opens(document, builtIn);
    return { ...builtIn, source: "built-in", rolledBack: "invalid", failed: document, suspended };
  }
  const mixed =
    laidOver.document === undefined ? checked(overlay(document, laidOver), report) : builtIn;
  const counts = mixed ?? builtIn;
  const error = configStore!.save(counts.document);
  const source = error === undefined ? "flash" : "not-saved";
  if (mixed !== undefined) return { ...counts, source, rolledBack };
  const suspended = opens(document, counts);
  if (suspended) configStore!.markFailed("build-settings");
  return { ...counts, source, rolledBack: "build-settings", failed: document, suspended };
}

/** True if the other configuration would give clients access that the routes of `document` deny. */
function opens(document: object, { config }: Configuration): boolean {
  const { routes } = document as { routes?: unknown };
  return Array.isArray(routes) && routes.length > 0 && config.routes.length === 0;
}

/** A saved document, if this firmware accepts it: another version may have written it. */
function checked(document: object, report: Report): Configuration | undefined {
  const outcome = readConfig(document);
  if ("config" in outcome) return outcome;
  for (const error of outcome.complaints) {
    report({ level: "E", on: "config", what: "refused", error });
  }
  return undefined;
}

/** The settings that are new in this build; `undefined` if there are none. */
function changesOf({ store, given }: StartConfigParts): GivenSettings | undefined {
  if (store === undefined) return undefined;
  const before = givenBefore(store);
  const changes = SETTINGS.flatMap(key => {
    const value = given[key];
    return !value || value === before[key] ? [] : [[key, value]];
  });
  return changes.length === 0 ? undefined : Object.fromEntries(changes);
}

/** Records `changes`, so that they are not new at the next start; a saved token is replaced. */
function takeOver({ store }: StartConfigParts, changes: GivenSettings): void {
  const { token } = changes;
  if (token !== undefined && store!.read(TOKEN_KEY) !== undefined) store!.write(TOKEN_KEY, token);
  store!.write(GIVEN_KEY, JSON.stringify({ ...givenBefore(store!), ...changes }));
}

function givenBefore(store: TextStore): GivenSettings {
  const text = store.read(GIVEN_KEY);
  if (text === undefined) return {};
  try {
    const value = parseJsonBounded(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // no JSON: reported below
  }
  store.ignore(GIVEN_KEY, "is not a list of settings");
  return {};
}
