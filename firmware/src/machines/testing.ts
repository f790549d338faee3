import { ScriptedMachine } from "../../../backends/src/machine.ts";
import { machineHost } from "../../../backends/src/testing.ts";
import type { BackendSettings, EmulatedLab, LabBackend } from "../../../hil/kit/emulated-lab.ts";
import { type HttpBackend, named } from "../../../hil/kit/http-backend.ts";

/** A machine of a lab, with a backend of the same name on it. For tests only. */
export interface SleepingServer {
  readonly machine: ScriptedMachine;
  /** The part of the configuration under `machines`. */
  readonly settings: { readonly name: string; readonly mac: string };
  readonly backend: LabBackend;
  readonly http: HttpBackend;
}

type Options = Partial<ConstructorParameters<typeof ScriptedMachine>[0]>;

/** Adds a machine, asleep, on a host of its own to `lab`, and to the configuration a backend on it. */
export function sleepingServer(
  lab: EmulatedLab,
  name: string,
  options: Options = {},
  backendSettings: BackendSettings = {},
): SleepingServer {
  const number = name.charCodeAt(0).toString(16).padStart(2, "0");
  const mac = `24:0a:c4:00:00:${number}`;
  const http = named(name);
  const backend = lab.backend(name, http.serve, { machine: name, ...backendSettings });
  backend.stop();
  const host = machineHost(lab.network, name);
  const machine = new ScriptedMachine({ name, mac, host, clock: lab.clock, ...options });
  machine.services.push({ start: async () => backend.start(), stop: () => backend.stop() });
  return { machine, settings: { name, mac }, backend, http };
}
