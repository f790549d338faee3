import { Backend } from "../backend/backend.ts";
import type { Changes } from "../backend/health.ts";
import { HostName } from "../backend/host-name.ts";
import { Machine } from "../backend/machine.ts";
import type { BackendSettings, MachineSettings, StrategyName } from "../config/settings.ts";
import { isHostName } from "../net/address.ts";
import type { Platform } from "../platform.ts";
import { Group } from "./group.ts";
import { BackendQueue } from "./queue.ts";

/** All backends, their groups, and the queue for a backend with room. */
export class Pool {
  readonly backends: readonly Backend[];
  readonly groups: Group[] = [];
  readonly queue: BackendQueue;
  /** The host names of backends; absent where all have IPv4 addresses. */
  declare hosts: HostName[] | undefined;
  /** The machines that may sleep; absent where there are none. */
  declare machines: Machine[] | undefined;
  #parts: Pick<Platform, "clock" | "random">;
  /** Counted for all configurations together, whose sessions live side by side. */
  #shared: { connections: number; readonly changes: Changes };

  constructor(
    settings: readonly BackendSettings[],
    parts: Pick<Platform, "clock" | "random">,
    before?: Pool,
    machines?: readonly MachineSettings[],
  ) {
    this.#parts = parts;
    this.#shared =
      before === undefined ? { connections: 0, changes: { count: 0 } } : before.#shared;
    this.backends = settings.map((own, index) => {
      const same = before?.backends.find(other => isSame(other.settings, own));
      const moved = same ?? (before && movedFrom(before.backends, own, settings));
      return new Backend(index, own, this.#shared.changes, same, moved);
    });
    for (const backend of this.backends) {
      if (isHostName(backend.settings.address)) this.resolves(backend, before);
    }
    if (machines !== undefined && machines.length > 0) this.runOn(machines, before);
    this.queue = before?.queue ?? new BackendQueue(parts.clock);
  }

  /** Gives `backend` its host name, with the addresses that it has already from another backend or configuration. */
  private resolves(backend: Backend, before: Pool | undefined): void {
    const name = backend.settings.address.toLowerCase();
    this.hosts ??= [];
    let host = this.hosts.find(known => known.name === name);
    if (host === undefined) {
      host = before?.hosts?.find(known => known.name === name) ?? new HostName(name);
      this.hosts.push(host);
    }
    backend.host = host;
    if (host.isUnresolved) backend.health.awaitsAddress(this.#parts.clock.now());
  }

  /** Makes the machines, or takes them over from the previous configuration, and gives each backend its own. */
  private runOn(settings: readonly MachineSettings[], before: Pool | undefined): void {
    const nowMs = this.#parts.clock.now();
    this.machines = settings.map(own => {
      const { name, mac } = own;
      const backends = this.backends.filter(backend => backend.settings.machine === name);
      // Without the check, a backend of the first configuration would be up.
      const isAwake = backends.some(({ health }) => health.up && health.code !== undefined);
      const machine =
        before?.machines?.find(known => known.name === name && known.settings.mac === mac) ??
        new Machine(own, this.#shared.changes, nowMs, isAwake);
      machine.settings = own;
      for (const backend of backends) {
        backend.machine = machine;
        if (backend.isAsleep) backend.health.forget(nowMs);
      }
      if (before !== undefined) this.remember(machine, before);
      return machine;
    });
  }

  /** Sessions go on with a backend that is renamed or removed: its machine is in use until they have ended. */
  private remember(machine: Machine, before: Pool): void {
    const known = [...(machine.former ?? [])];
    for (const { machine: own, counters } of before.backends) {
      if (own === machine && !this.backends.some(one => one.counters === counters))
        known.push(counters);
    }
    const former = known.filter(({ sessions }) => sessions > 0);
    machine.former = former.length > 0 ? former : undefined;
  }

  /** Adds a group of the backends of these names, or of all, with a strategy of its own. */
  group(balance: StrategyName, names?: readonly string[], name = ""): Group {
    const backends = this.backends.filter(({ name }) => names?.includes(name) ?? true);
    const group = new Group(backends, balance, this.#parts, { index: this.groups.length, name });
    this.groups.push(group);
    return group;
  }

  /** True if in some group no other backend is available to take over from `backend`. */
  isLastAvailable(backend: Backend, nowMs: number): boolean {
    return this.groups.some(group => group.isLastAvailable(backend, nowMs));
  }

  /** Connections to backends that sessions hold or wait for. */
  get connections(): number {
    return this.#shared.connections;
  }

  /** A session has picked `backend` and is going to connect to it. */
  acquire(backend: Backend): void {
    const counters = backend.counters;
    counters.sessions++;
    counters.sessionsTotal++;
    this.#shared.connections++;
  }

  /** The session's connection to `backend` is closed, or kept as an idle one. */
  release(backend: Backend): void {
    this.#shared.connections--;
    this.vacate(backend);
  }

  /** Frees a slot of `backend` that a session or a check had, after the pause of `settleMs`. */
  vacate(backend: Backend): void {
    const { settleMs } = backend.settings;
    if (settleMs > 0) this.settle(backend, settleMs);
    else this.free(backend);
  }

  /** A function of its own: one with a closure allocates for it, also where none is made. */
  private settle(backend: Backend, ms: number): void {
    this.#parts.clock.after(ms, () => this.free(backend));
  }

  private free(backend: Backend): void {
    backend.counters.sessions--;
    this.queue.wake();
  }
}

function isAt(one: BackendSettings, other: BackendSettings): boolean {
  return one.address === other.address && one.port === other.port;
}

function isSame(one: BackendSettings, other: BackendSettings): boolean {
  return one.name === other.name && isAt(one, other);
}

/**
 * The backend of the previous configuration that `own`, which is one of `all`, replaces: the one at the same address,
 * or else the one of the same name, unless the new configuration has that one elsewhere.
 */
function movedFrom(
  before: readonly Backend[],
  own: BackendSettings,
  all: readonly BackendSettings[],
): Backend | undefined {
  const isFree = ({ settings }: Backend, is: typeof isAt) => !all.some(one => is(settings, one));
  return (
    before.find(other => isAt(other.settings, own) && isFree(other, isSame)) ??
    before.find(other => other.name === own.name && isFree(other, isAt))
  );
}
