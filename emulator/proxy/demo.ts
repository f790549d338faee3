import type { MachineHost, PowerState } from "../../backends/src/machine.ts";
import type { Config } from "../../firmware/src/config/settings.ts";
import { UsageError } from "../../firmware/tools/command-line.ts";
import { reservePort } from "../src/reserved-port.ts";
import { DEFAULT_HOST, demoBackends } from "./ports.ts";
import { DemoMachine, type PlannedMachine, settingsOf } from "./workbench/demo-machine.ts";
import { DemoBackend } from "./workbench/servers.ts";

const PORTS = [8080, 8081];
/** With the page: one more, so that a strategy has a choice. */
const WORKBENCH_PORTS = [...PORTS, 8082];
/** Names of the machines; later ones have a number. */
const MACHINE_NAMES = ["nas", "tower"];

/** The servers behind the board where the command line names none. */
export interface DemoPlan {
  /** Keys of the configuration. */
  readonly parts: object;
  /** Machines of the backends, one for each; none: the backends are always awake. */
  readonly machines: readonly PlannedMachine[];
}

/** Plans the demo: with boot times, in seconds, as many machines that sleep. `used` are ports that it must not have. */
export async function planDemo(
  bootSeconds: readonly number[],
  withPage: boolean,
  used: readonly (number | undefined)[],
): Promise<DemoPlan> {
  if (bootSeconds.length === 0) {
    const backends = await demoBackends(withPage ? WORKBENCH_PORTS : PORTS, used);
    return { parts: { backends }, machines: [] };
  }
  const machines: PlannedMachine[] = [];
  for (const [i, seconds] of bootSeconds.entries()) {
    machines.push({
      name: MACHINE_NAMES[i] ?? `machine-${i + 1}`,
      // Locally administered (IEEE 802): no card has it.
      mac: `02:00:00:00:00:${(i + 1).toString(16).padStart(2, "0")}`,
      bootMs: seconds * 1000,
      // Nothing listens on them while the machine sleeps, and no other program may get them.
      port: (await reservePort(DEFAULT_HOST)).port,
      sleepPort: (await reservePort(DEFAULT_HOST)).port,
    });
  }
  const backends = machines.map(({ name, port }) => {
    return { address: DEFAULT_HOST, port, machine: name };
  });
  const settings = machines.map(machine => settingsOf(machine, DEFAULT_HOST));
  return { parts: { balance: "first", backends, machines: settings }, machines };
}

/** Servers and machines behind the board, while the command runs. */
export interface Demo {
  readonly servers: readonly DemoBackend[];
  readonly machines: readonly DemoMachine[];
  stop(): Promise<void>;
}

/** Starts the demo of a configuration; servers on machines start when those are awake. */
export async function startDemo(
  { backends }: Config,
  planned: readonly PlannedMachine[],
  net: MachineHost["net"],
  onChange: (machine: PlannedMachine, power: PowerState) => void,
): Promise<Demo> {
  const servers = backends.map(backend => new DemoBackend(backend));
  const machines = planned.map(
    (plan, i) => new DemoMachine(plan, servers[i], net, power => onChange(plan, power)),
  );
  for (const server of servers.slice(machines.length)) await startServer(server);
  return {
    servers,
    machines,
    async stop() {
      for (const machine of machines) machine.stop();
      await Promise.all(servers.map(server => server.stop()));
    },
  };
}

async function startServer(server: DemoBackend): Promise<void> {
  try {
    await server.start();
  } catch (error) {
    throw new UsageError(
      `the demo backend ${server.name} cannot have port ${server.port}: ${(error as Error).message}; ` +
        "free it, or give servers of your own with --backend HOST:PORT",
    );
  }
}
