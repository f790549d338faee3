import type { BackendSettings, HealthSettings } from "../config/settings.ts";
import { Backend } from "./backend.ts";

/** The rules of a configuration that says nothing. */
export const RULES: HealthSettings = {
  check: "tcp",
  path: "/",
  host: undefined,
  status: "200-399",
  body: undefined,
  intervalMs: 5000,
  timeoutMs: 2000,
  observe: "layer4",
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
    health: RULES,
    ...given,
  };
}

export function backendAt(
  index: number,
  given: Partial<BackendSettings> = {},
  rules: Partial<HealthSettings> = {},
): Backend {
  return new Backend(index, settingsAt(index, { health: { ...RULES, ...rules }, ...given }), {
    count: 0,
  });
}
