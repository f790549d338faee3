import type { MockSocket } from "net-mock-socket";
import { Lab, mendedBoard } from "../kit/emulated-lab.ts";
import { serve } from "./backends.ts";
import { change, checkPromises } from "./changes.ts";
import { happened } from "./coverage.ts";
import { Faults } from "./faults.ts";
import { playOdd } from "./hostile-client.ts";
import { playHttp } from "./http-client.ts";
import { checkAlways, checkFinally, checkNothingLeft } from "./invariants.ts";
import { Book, type ClientStory, hostOf } from "./observations.ts";
import { type ClientPart, ONE_BACKEND, only, PORTS, STORM_MS, type World } from "./plan.ts";
import { playRaw } from "./raw-client.ts";

/**
 * Time for all to end after the storm: longer than any timeout of a world, and than lwIP and Linux
 * need to give up what is lost.
 */
const QUIET_MS = 240_000;

/** What a world has that says nothing else: the defaults would outlast the quiet time. */
const PATIENCE = { idleTimeoutMs: 8_000, tunnelTimeoutMs: 12_000, responseTimeoutMs: 5_000 };

/**
 * How long after the storm a client that does not read stays at most. The chip cannot reset a
 * connection, so until then such a client holds the bytes that are under way to it.
 */
const STALL_MS = 60_000;

/** Time for the last sockets to close when the proxy is told to stop, before lwIP begins to forget them. */
const STOP_MS = 10_000;

/** How often what must always hold is looked at. */
const LOOK_MS = 25;

/** Alarms between two looks: a hundred times as many as a busy world has in its quiet time. */
const ALARMS_MAX = 1_000_000;

/** What a world came to. */
export interface Outcome {
  readonly world: World;
  /** Invariants that did not hold; none in a world that is as it should be. */
  readonly broken: readonly string[];
  /** When the first of them was seen. */
  readonly brokenMs: number | undefined;
  /** Changes that were refused, by their ids. */
  readonly refused: readonly number[];
  /** Rare things that happened, by the names in `coverage.ts`. */
  readonly happened: readonly string[];
  /** One number over every packet and one over every log line. */
  readonly hash: string;
  /** Virtual time: of the storm, and in all. */
  readonly stormMs: number;
  readonly ms: number;
  /** Real time that the storm took, in milliseconds. */
  readonly stormRealMs: number;
  readonly lab: Lab;
}

export interface PlayOptions {
  /** Packets that the trace keeps as text. */
  readonly traceLines?: number;
}

/** Plays a world: a storm of clients, weather and faults, then a quiet time in which all must end. */
export async function play(world: World, { traceLines = 0 }: PlayOptions = {}): Promise<Outcome> {
  const [board] = only(world, "board");
  const { connectionsMax, heapBytes } = board ?? mendedBoard();
  const kind = { ...mendedBoard(), connectionsMax, heapBytes };
  const lab = new Lab(kind, { engine: "node", seed: world.seed, traceLines });
  const book = new Book(world, lab);
  const { clock, network } = lab;

  const planned = only(world, "backend");
  const parts = planned.length > 0 ? planned : [ONE_BACKEND];
  const backends = new Map(
    parts.map(part => {
      network.host(part.name, { receiveWindow: part.receiveWindow });
      const { maxSessions } = part;
      const settings = maxSessions === undefined ? {} : { maxSessions };
      return [part.name, lab.backend(part.name, socket => serve(book, part, socket), settings)];
    }),
  );
  const settings = only(world, "setting").map(({ key, value }) => [key, value]);
  const listeners = Object.entries(PORTS).map(([mode, port]) => ({ port, mode }));
  await lab.serve({ ...PATIENCE, inspect: [], listeners, ...Object.fromEntries(settings) });
  book.stormEndMs = clock.now() + STORM_MS;

  for (const { host, settings } of only(world, "weather")) {
    const hosts = host === "clients" ? only(world, "client").map(hostOf) : [host];
    for (const name of hosts) if (network.find(name)) network.link(name, settings);
  }
  const faults = new Faults(book, backends);
  for (const fault of only(world, "fault")) faults.plan(fault);
  for (const part of only(world, "change")) clock.after(part.atMs, () => change(book, part));
  for (const part of only(world, "client")) {
    clock.after(part.atMs, () => enter(book, book.clients.get(part.id)!));
  }

  const startReal = performance.now();
  while (clock.now() < book.stormEndMs && (await pass(book, LOOK_MS))) checkAlways(book);
  const stormRealMs = performance.now() - startReal;
  faults.endAll();
  if (await pass(book, QUIET_MS)) {
    checkFinally(book);
    await checkPromises(book);
    lab.app!.stop();
    if (await pass(book, STOP_MS + kind.timeWaitMs)) checkNothingLeft(book);
  }
  return {
    world,
    broken: [...book.broken.keys()].sort(),
    brokenMs: book.broken.values().next().value,
    refused: [...book.effects].flatMap(([id, effect]) => (effect === "refused" ? id : [])),
    happened: happened(book),
    hash: `${network.trace.hash}-${hashOf(lab.lines)}`,
    stormMs: STORM_MS,
    ms: clock.now(),
    stormRealMs,
    lab,
  };
}

/** Lets time pass; false when it stands still, because somebody does something again and again. */
async function pass(book: Book, ms: number): Promise<boolean> {
  const { clock } = book.lab;
  let alarms = 0;
  const stuck = await clock.run({ ms, until: () => ++alarms > ALARMS_MAX });
  book.expect(!stuck, "time stands still");
  return !stuck && !book.broken.has("time stands still");
}

/** A client connects, does what it does, and perhaps leaves before it is served. */
function enter(book: Book, story: ClientStory): void {
  const { lab } = book;
  const { part } = story;
  const host = hostOf(part);
  const socket = lab.network.host(host).connect({
    host: "board",
    port: part.port,
    allowHalfOpen: part.does === "raw" && part.ends === "hasty",
  });
  socket.on("connect", () => {
    story.openMs = lab.clock.now();
  });
  socket.on("end", () => {
    story.ended = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    story.error = error.code;
  });
  socket.on("close", () => {
    story.closedMs = lab.clock.now();
  });
  act(book, story, part, socket);
  if ("reading" in part && part.reading === "stalled") {
    lab.clock.after(STORM_MS + STALL_MS, () => socket.destroy());
  }
  const { leaves } = part;
  if (leaves === undefined) return;
  lab.clock.after(leaves.afterMs, () => {
    if (socket.destroyed || story.served) return;
    story.left = true;
    // The storm's end brings back whoever vanished, and nobody vanishes later.
    if (leaves.how === "vanish" && lab.clock.now() < book.stormEndMs) lab.network.vanish(host);
    else if (leaves.how === "end") socket.end();
    else if (leaves.how === "destroy") socket.destroy();
    else socket.resetAndDestroy();
  });
}

function act(book: Book, story: ClientStory, part: ClientPart, socket: MockSocket): void {
  if (part.does === "raw") playRaw(book, story, part, socket);
  else if (part.does === "http") playHttp(book, story, part, socket);
  else playOdd(book, story, part, socket);
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
