import type { MockSocket } from "net-mock-socket";
import { ScriptedMachine } from "../../../backends/src/machine.ts";
import { SleepServer, type SleepServerOptions } from "../../../backends/src/sleep-server.ts";
import { machineHost } from "../../../backends/src/testing.ts";
import {
  type BackendSettings,
  collect,
  EmulatedLab,
  type LabBackend,
} from "../../../hil/kit/emulated-lab.ts";
import { type HttpBackend, named } from "../../../hil/kit/http-backend.ts";
import { get } from "../../../hil/kit/http-lab.ts";

// For tests only.

/** A machine of a lab, with a backend of the same name on it. */
export interface SleepingServer {
  readonly machine: ScriptedMachine;
  readonly mac: string;
  readonly backend: LabBackend;
  readonly http: HttpBackend;
}

type Options = Partial<ConstructorParameters<typeof ScriptedMachine>[0]>;

/** Adds a machine, asleep, on a host of its own to `lab`, and to the configuration a backend on it. */
export function sleepingServer(
  lab: EmulatedLab,
  name: string,
  options: Options = {},
  settings: BackendSettings = {},
): SleepingServer {
  const number = name.charCodeAt(0).toString(16).padStart(2, "0");
  const mac = `24:0a:c4:00:00:${number}`;
  const http = named(name);
  const backend = lab.backend(name, http.serve, { machine: name, ...settings });
  backend.stop();
  const host = machineHost(lab.network, name);
  const machine = new ScriptedMachine({ name, mac, host, clock: lab.clock, ...options });
  machine.services.push({ start: async () => backend.start(), stop: () => backend.stop() });
  return { machine, mac, backend, http };
}

/** The port of `sleepServer`. */
export const SLEEP_PORT = 8000;

/** A server on the machine that puts it to sleep when it is asked to. */
export function sleepServer(
  lab: EmulatedLab,
  { machine }: SleepingServer,
  options: Partial<SleepServerOptions> = {},
): SleepServer {
  const network = lab.network.host(machine.name);
  const { clock } = lab;
  const sleep = () => machine.sleep();
  const server = new SleepServer({ network, clock, port: SLEEP_PORT, sleep, ...options });
  machine.services.push(server);
  return server;
}

/** A datagram that a computer of the network received. */
export interface HeardPacket {
  readonly ms: number;
  readonly port: number;
  readonly to: string;
  readonly bytes: Buffer;
}

/** All broadcasts of the board, as a computer of its own sees them. */
export function broadcastsOf(lab: EmulatedLab): HeardPacket[] {
  const heard: HeardPacket[] = [];
  lab.network.host("listener");
  lab.network.rule(({ kind, from, to, toPort: port, group, payload }) => {
    if (kind === "UDP" && from.name === "board" && to.name === "listener" && group !== undefined)
      heard.push({ ms: lab.clock.now(), port, to: group, bytes: payload! });
    return "pass";
  });
  return heard;
}

/** A client's connection with a request on it, and what comes back. */
export interface Asked {
  readonly socket: MockSocket;
  readonly received: { text: string };
  /** The status of its first answer; 0 before it came. */
  readonly status: number;
}

/** A board in front of machines that sleep; each has one service, whose checks are `tcp`. */
export class SleepingLab extends EmulatedLab {
  readonly servers: SleepingServer[] = [];
  readonly broadcasts = broadcastsOf(this);

  add(name: string, options?: Options, settings?: BackendSettings): SleepingServer {
    const server = sleepingServer(this, name, options, settings);
    this.servers.push(server);
    return server;
  }

  /** Boots the board, and waits until the first checks have ended. `machine`: further keys of each machine. */
  async begin(machine: object = {}, settings: object = {}): Promise<void> {
    await this.serve(this.document(machine, settings));
    await this.clock.run({ ms: 3_000 });
  }

  document(machine: object = {}, settings: object = {}): object {
    const machines = this.servers.map(({ machine: { name }, mac }) => ({ name, mac, ...machine }));
    return { machines, health: { check: "tcp" }, ...settings };
  }

  /** Sends a request. */
  get(path = "/"): Asked {
    const socket = this.connect();
    const received = collect(socket);
    socket.write(get(path));
    return {
      socket,
      received,
      get status() {
        return Number(received.text.slice(9, 12));
      },
    };
  }

  /** The changes of machines' states in the log, such as `waking request`, after a name if there are several machines. */
  get states(): string[] {
    return this.lines.flatMap(line => {
      const found = /machine: (waking|awake|asleep|failed) name=(\S+) why=(\S+)/.exec(line);
      if (found === null) return [];
      const [, state, name, why] = found;
      return [`${this.servers.length > 1 ? `${name} ` : ""}${state} ${why}`];
    });
  }
}
