import type { Socket } from "../../backends/src/steps.ts";
import { POWER_RETURN_MS } from "../../firmware/src/machines/machines.ts";
import { serve } from "./backend.ts";
import { change, checkPromises } from "./changes.ts";
import { goalsReached } from "./coverage.ts";
import { Faults } from "./faults.ts";
import { playHostile } from "./hostile-client.ts";
import { playHttp } from "./http-client.ts";
import { checkAlways, checkFinally, checkNothingLeft } from "./invariants.ts";
import type { CampaignLab } from "./lab.ts";
import { nameOf } from "./machines.ts";
import { type ClientObservation, hostOf, Observations } from "./observations.ts";
import { ACTIVE_MS, type ClientPart, ONE_BACKEND, only, PORTS, type RunPlan } from "./plan.ts";
import { playRaw } from "./raw-client.ts";
import { type CampaignTarget, EMULATED } from "./targets.ts";

/**
 * The quiet phase after the active one: longer than any timeout of a plan, and than lwIP and Linux
 * retransmit before they give up.
 */
const QUIET_MS = 240_000;

/** Timeouts of a plan that sets no others: the defaults are longer than the quiet phase. */
const PATIENCE = { idleTimeoutMs: 8_000, tunnelTimeoutMs: 12_000, responseTimeoutMs: 5_000 };

/**
 * How long a client that does not read stays after the active phase. The chip cannot reset a
 * connection, so until then such a client holds the bytes in flight to it.
 */
const STALL_MS = 60_000;

/** The first questions for names have their answers then, unless their servers are bad. */
const NAMES_MS = 1_000;

/** Time for the last sockets to close when the proxy stops, before lwIP begins to forget them. */
const STOP_MS = 10_000;

/** Alarms between two checks: a hundred times as many as a busy run has in its quiet phase. */
const ALARMS_MAX = 1_000_000;

/** The result of a run. */
export interface RunResult {
  readonly plan: RunPlan;
  /** Invariants that did not hold; empty when the run passed. */
  readonly broken: readonly string[];
  /** When the first of them was seen. */
  readonly brokenMs: number | undefined;
  /** Changes that were refused, by their ids. */
  readonly refused: readonly number[];
  /** Coverage goals that were reached, by their names in `coverage.ts`. */
  readonly goalsReached: readonly string[];
  /** Hashes over all packets and over all log lines. */
  readonly hash: string;
  /** Connections that are not closed at the end. */
  readonly connections: readonly string[];
  /** Virtual time: of the active phase, and in all. */
  readonly activeMs: number;
  readonly ms: number;
  /** Real time that the active phase took, in milliseconds. */
  readonly activeRealMs: number;
  readonly lab: CampaignLab;
}

export interface SimulateOptions {
  /** Packets that the trace keeps as text. */
  readonly traceLines?: number;
  /** Where the plan is played. */
  readonly target?: CampaignTarget;
}

/** Runs a plan: an active phase with clients and faults, then a quiet phase in which everything must end. */
export async function simulate(
  plan: RunPlan,
  { traceLines = 0, target = EMULATED }: SimulateOptions = {},
): Promise<RunResult> {
  const lab = target.labOf(plan, traceLines);
  const seen = new Observations(plan, lab);
  const { clock, network } = lab;

  const planned = only(plan, "backend");
  const parts = planned.length > 0 ? planned : [ONE_BACKEND];
  const backends = new Map(
    parts.map(part => {
      network.host(part.name, { receiveWindow: part.receiveWindow });
      const { maxSessions } = part;
      const machine = only(plan, "machine").find(({ backend }) => backend === part.name);
      const name = only(plan, "name").find(({ backend }) => backend === part.name);
      const served = (socket: Socket) => serve(seen, part, socket);
      const backend = lab.backend(part.name, served, {
        ...(maxSessions !== undefined && { maxSessions }),
        ...(machine && { machine: nameOf(machine) }),
        ...(name && seen.names.add(name, served)),
      });
      if (machine !== undefined) seen.machines.add(machine, backend);
      return [part.name, backend];
    }),
  );
  const settings = only(plan, "setting").map(({ key, value }) => [key, value]);
  const listeners = Object.entries(PORTS).map(([mode, port]) => ({ port, mode }));
  await lab.serve({
    ...PATIENCE,
    inspect: [],
    listeners,
    ...seen.machines.settings,
    ...Object.fromEntries(settings),
  });
  if (seen.names.used) await clock.run({ ms: NAMES_MS });
  if (only(plan, "machine").some(({ hasButton }) => hasButton)) {
    await clock.run({ ms: POWER_RETURN_MS });
  }
  seen.activeEndMs = clock.now() + ACTIVE_MS;

  for (const { host, settings } of only(plan, "link")) {
    const hosts = host === "clients" ? only(plan, "client").map(hostOf) : [host];
    for (const name of hosts) if (network.find(name)) network.link(name, settings);
  }
  const faults = new Faults(seen, backends);
  for (const fault of only(plan, "fault")) faults.schedule(fault);
  for (const part of only(plan, "change")) clock.after(part.atMs, () => change(seen, part));
  for (const part of only(plan, "power")) {
    clock.after(part.atMs, () => seen.machines.happens(part));
  }
  for (const part of only(plan, "dns")) clock.after(part.atMs, () => seen.names.begin(part));
  for (const part of only(plan, "client")) {
    clock.after(part.atMs, () => enter(seen, seen.clients.get(part.id)!));
  }

  const startReal = performance.now();
  while (clock.now() < seen.activeEndMs && (await pass(seen, lab.pollMs))) checkAlways(seen);
  const activeRealMs = performance.now() - startReal;
  faults.endAll();
  seen.machines.endAll();
  seen.names.endAll();
  if (await pass(seen, QUIET_MS)) {
    checkFinally(seen);
    await checkPromises(seen);
    lab.app!.stop();
    if (await pass(seen, STOP_MS + lab.board.kind.timeWaitMs)) checkNothingLeft(seen);
  }
  const goals = goalsReached(seen);
  const connections = lab.connections();
  lab.end();
  return {
    plan,
    broken: [...seen.broken.keys()].sort(),
    brokenMs: seen.broken.values().next().value,
    refused: [...seen.effects].flatMap(([id, effect]) => (effect === "refused" ? id : [])),
    goalsReached: goals,
    hash: `${lab.hash}-${hashOf(lab.lines)}`,
    connections,
    activeMs: ACTIVE_MS,
    ms: clock.now(),
    activeRealMs,
    lab,
  };
}

/** Advances time; false when it stands still because alarms never end. */
async function pass(seen: Observations, ms: number): Promise<boolean> {
  const { clock } = seen.lab;
  let alarms = 0;
  const stuck = await clock.run({ ms, until: () => ++alarms > ALARMS_MAX });
  seen.expect(!stuck, "time stands still");
  return !stuck && !seen.broken.has("time stands still");
}

/** Connects a client and plays its part; it may leave before it is served. */
function enter(seen: Observations, observed: ClientObservation): void {
  const { lab } = seen;
  const { part } = observed;
  const host = hostOf(part);
  const socket = lab.network.host(host).connect({
    host: "board",
    port: part.port,
    allowHalfOpen: part.does === "raw" && part.ends === "hasty",
  });
  socket.on("connect", () => {
    observed.openMs = lab.clock.now();
  });
  socket.on("end", () => {
    observed.ended = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    observed.error = error.code;
  });
  socket.on("close", () => {
    observed.closedMs = lab.clock.now();
  });
  act(seen, observed, part, socket);
  if ("reading" in part && part.reading === "stalled") {
    lab.clock.after(ACTIVE_MS + STALL_MS, () => socket.destroy());
  }
  const { leavesEarly } = part;
  if (leavesEarly === undefined) return;
  lab.clock.after(leavesEarly.afterMs, () => {
    if (socket.destroyed || observed.served) return;
    observed.left = true;
    // At the end of the active phase vanished hosts come back, so none vanishes later.
    if (leavesEarly.how === "vanish" && lab.clock.now() < seen.activeEndMs)
      lab.network.vanish(host);
    else if (leavesEarly.how === "end") socket.end();
    else if (leavesEarly.how === "destroy") socket.destroy();
    else socket.resetAndDestroy();
  });
}

function act(
  seen: Observations,
  observed: ClientObservation,
  part: ClientPart,
  socket: Socket,
): void {
  if (part.does === "raw") playRaw(seen, observed, part, socket);
  else if (part.does === "http") playHttp(seen, observed, part, socket);
  else playHostile(seen, observed, part, socket);
}

/** FNV-1a, 32 bits, over the characters of the lines. */
function hashOf(lines: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const line of lines) {
    for (let i = 0; i < line.length; i++) {
      hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    }
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
