import type { BackendSettings } from "../config/settings.ts";
import { Backend } from "./backend.ts";
import type { HealthRules } from "./health.ts";

/** The rules of a configuration that says nothing. */
export const RULES: HealthRules = {
  rise: 2,
  fall: 3,
  start: "up",
  ejectAfter: 3,
  slowStartMs: 0,
};

/** Backends a, b, c, … with what is given, and defaults for the rest. */
export function settingsAt(index: number, given: Partial<BackendSettings> = {}): BackendSettings {
  return {
    name: index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`,
    address: `10.0.0.${index + 1}`,
    port: 8080,
    weight: 1,
    backup: false,
    maxSessions: undefined,
    state: "ready",
    keepAlive: undefined,
    settleMs: 0,
    proxyProtocol: "none",
    ...given,
  };
}

export function backendAt(
  index: number,
  given: Partial<BackendSettings> = {},
  rules: Partial<HealthRules> = {},
): Backend {
  return new Backend(index, settingsAt(index, given), { ...RULES, ...rules }, { count: 0 });
}
