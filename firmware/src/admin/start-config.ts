import { type GivenSettings, overlay } from "../config/build-settings.ts";
import { type Configuration, readConfig } from "../config/config.ts";
import { type ConfigStore, readObject, type StoredConfig } from "../config/config-store.ts";
import type { TextStore } from "../config/storage.ts";
import type { Report } from "../log/event.ts";
import type { Link } from "../platform.ts";
import type { Source, StartConfig } from "./active-document.ts";
import { TOKEN_KEY } from "./token.ts";

/** The settings of previous builds: for each one the last value that was not empty. */
export const GIVEN_KEY = "build-settings";

const SETTINGS = Object.freeze(["document", "backends", "port", "token"] as const);

export interface StartConfigParts {
  /** Absent where nothing is kept. */
  readonly store: TextStore | undefined;
  readonly configStore: ConfigStore | undefined;
  /** Built in, with `given` laid over it. */
  readonly builtIn: Configuration;
  readonly given: GivenSettings;
  readonly reset: string | undefined;
  readonly report: Report;
  readonly link?: Link["kind"];
}

interface Stored extends Partial<StoredConfig> {
  readonly rolledBack: string | undefined;
}

/**
 * Chooses the configuration to start with: the saved one before the built-in one. Settings that are new in this build
 * override the saved configuration once; what is configured later takes precedence again.
 */
export function startConfigOf(parts: StartConfigParts): StartConfig {
  const { configStore, store, report, reset } = parts;
  const found: Partial<StoredConfig> = configStore?.start(reset) ?? {};
  const { document, isBootLoop, trialFailure, failedWhy } = found;
  if (isBootLoop) report({ level: "W", on: "config", what: "rolled-back", why: "boot-loop" });
  if (trialFailure !== undefined) {
    report({ level: "W", on: "config", what: "rolled-back", why: trialFailure, reset });
  }
  const stored = { ...found, rolledBack: trialFailure ?? (isBootLoop ? "boot-loop" : failedWhy) };
  const changes = changesOf(parts);
  const keys = Object.keys(changes);
  if (keys.length === 0) return chosen(parts, stored, changes);
  if (document !== undefined || (changes.token && store?.read(TOKEN_KEY))) {
    report({ level: "I", on: "config", what: "build-settings", keys: keys.join() });
  }
  const startConfig = chosen(parts, stored, changes);
  if (startConfig.source !== "not-saved") takeOver(parts, changes);
  return startConfig;
}

function chosen(parts: StartConfigParts, stored: Stored, changes: GivenSettings): StartConfig {
  const { configStore } = parts;
  const active = withoutNext(parts, stored, changes);
  if (stored.next === undefined) return active;
  configStore!.saveNext(undefined); // it is tried once, whatever the result
  if (changes.document !== undefined) return active;
  const next = checked(overlay(stored.next, changes), parts);
  if (next === undefined) return active;
  return { ...next, source: "trial", previous: active, rolledBack: stored.rolledBack };
}

/** The configuration to use unless another one was accepted for this start. */
function withoutNext(
  parts: StartConfigParts,
  { document, failed, rolledBack }: Stored,
  changes: GivenSettings,
): StartConfig {
  const { builtIn, configStore } = parts;
  if (document === undefined) {
    if (changes.document === undefined || failed === undefined) {
      return startWith(builtIn, "built-in", rolledBack, failed);
    }
    configStore!.forget(); // the operator has decided with the build
    return startWith(builtIn, "built-in", undefined, undefined);
  }
  const { token, ...laidOver } = changes;
  if (Object.keys(laidOver).length === 0) {
    const saved = checked(document, parts);
    return saved === undefined
      ? startWith(builtIn, "built-in", "invalid", document)
      : startWith(saved, "flash", rolledBack, failed);
  }
  const mixed =
    laidOver.document === undefined ? checked(overlay(document, laidOver), parts) : builtIn;
  const error = configStore!.save((mixed ?? builtIn).document);
  const source = error === undefined ? "flash" : "not-saved";
  if (mixed !== undefined) return startWith(mixed, source, rolledBack, undefined);
  const startConfig = startWith(builtIn, source, "build-settings", document);
  if (startConfig.suspended) configStore!.markFailed("build-settings");
  return startConfig;
}

/** Clients get 503 if the configuration would give them access that the routes of the `failed` document deny. */
function startWith(
  configuration: Configuration,
  source: Source,
  rolledBack: string | undefined,
  failed: object | undefined,
): StartConfig {
  const { routes } = (failed ?? {}) as { routes?: unknown };
  const denies = Array.isArray(routes) && routes.length > 0;
  const suspended = denies && configuration.config.routes.length === 0;
  return { ...configuration, source, rolledBack, failed, suspended };
}

/** A saved document, if this firmware accepts it: another version may have written it. */
function checked(
  document: object,
  { report, link }: Pick<StartConfigParts, "report" | "link">,
): Configuration | undefined {
  const outcome = readConfig(document, link);
  if ("config" in outcome) return outcome;
  for (const error of outcome.complaints) {
    report({ level: "E", on: "config", what: "refused", error });
  }
  return undefined;
}

/** The settings that are new in this build. */
function changesOf({ store, given }: StartConfigParts): GivenSettings {
  if (store === undefined) return {};
  const before = givenBefore(store);
  const changes = SETTINGS.flatMap(key => {
    const value = given[key];
    return !value || value === before[key] ? [] : [[key, value]];
  });
  return Object.fromEntries(changes);
}

/** Records `changes`, so that they are not new at the next start; a saved token is replaced. */
function takeOver({ store }: StartConfigParts, changes: GivenSettings): void {
  const { token } = changes;
  if (token !== undefined && store!.read(TOKEN_KEY) !== undefined) store!.write(TOKEN_KEY, token);
  store!.write(GIVEN_KEY, JSON.stringify({ ...givenBefore(store!), ...changes }));
}

function givenBefore(store: TextStore): GivenSettings {
  return readObject(store, GIVEN_KEY, "is not a list of settings") ?? {};
}
