import { ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { STRATEGIES } from "../../firmware/src/balancer/strategies.ts";
import { clients } from "./generate-clients.ts";
import { names as hostNames, machines } from "./generate-hosts.ts";
import {
  ACTIVE_MS,
  FAULTS,
  MODES_OF_PORTS,
  OF_THE_BOARD,
  type Part,
  type RunPlan,
} from "./plan.ts";
import { Prng } from "./prng.ts";

const FAULTS_MAX = 8;

/** Heap of our board; some plans have half of it. */
const HEAP_BYTES = ourBoard().heapBytes;

/** The plan of a seed; the same seed gives the same plan. */
export function generate(seed: number): RunPlan {
  const prng = new Prng(seed * 2 + 1);
  const names = ["a", "b", "c", "d", "e", "f"].slice(0, prng.oneOf([1, 1, 2, 2, 3, 4, 5, 6]));
  return {
    seed,
    parts: [
      ...settings(prng),
      ...names.map(
        (name): Part => ({
          kind: "backend",
          name,
          keepMs: prng.oneOf([300, 4_100, 60_000]),
          restMs: prng.chance(0.2) ? prng.between(1, 10) : 0,
          receiveWindow: prng.oneOf([2_048, 8_192, 65_535]),
          maxSessions: prng.chance(0.1) ? prng.between(1, 3) : undefined,
        }),
      ),
      ...weather(prng, names),
      ...faults(prng, names),
      ...clients(prng),
      ...changes(prng),
      ...machines(prng, names),
      ...hostNames(prng, names),
    ],
  };
}

function settings(prng: Prng): Part[] {
  const parts: Part[] = [];
  const set = (key: string, value: unknown) => {
    if (value !== undefined) parts.push({ kind: "setting", key, value });
  };
  if (prng.chance(0.3)) {
    const heapBytes = prng.oneOf([HEAP_BYTES, HEAP_BYTES, HEAP_BYTES / 2]);
    const connectionsMax = prng.between(16, 35);
    // Without a draw of its own, so that all else of a seed's plan is the same with either.
    const sockets = connectionsMax % 2 === 0 ? "sdk" : "own";
    parts.push({ kind: "board", connectionsMax, heapBytes, sockets });
  }
  if (prng.chance(0.3)) set("sessionsMax", prng.between(1, 6));
  if (prng.chance(0.3)) set("queueMax", prng.between(0, 6));
  set("retries", prng.oneOf([undefined, 0, 1, 4]));
  set("connectTimeoutMs", prng.oneOf([undefined, 700, 1_500]));
  set("responseTimeoutMs", prng.oneOf([2_000, 5_000]));
  set("idleTimeoutMs", prng.oneOf([3_000, 8_000]));
  set("tunnelTimeoutMs", prng.oneOf([4_000, 12_000]));
  set("queueTimeoutMs", prng.oneOf([undefined, 500]));
  set("headTimeoutMs", prng.oneOf([undefined, 2_000]));
  set("keepAliveTimeoutMs", prng.oneOf([undefined, 1_000]));
  if (prng.chance(0.2)) set("bodyBytesMax", 3_000);
  if (prng.chance(0.4)) set("balance", prng.oneOf(Object.keys(STRATEGIES)));
  if (prng.chance(0.3)) set("sticky", prng.oneOf(["cookie", "source"]));
  if (prng.chance(0.3)) {
    set("health", {
      check: prng.oneOf(["tcp", "http"]),
      intervalMs: prng.oneOf([2_000, 5_000]),
      timeoutMs: 1_000,
      rise: prng.between(1, 2),
      fall: prng.between(1, 3),
      observe: prng.oneOf(["none", "layer4", "layer7"]),
    });
  }
  const keywords = [
    { keyword: "END", from: "client" },
    { keyword: "STOP", from: "backend" },
  ];
  set("inspect", prng.chance(0.5) ? keywords : []);
  return parts;
}

const CHANGES_MAX = 6;

/** Changes by an operator: about every third plan has some. */
function changes(prng: Prng): Part[] {
  if (!prng.chance(0.35)) return [];
  const kinds = prng.someOf(CHANGES, 0.4);
  return Array.from({ length: prng.between(1, CHANGES_MAX) }, (_, id): Part => {
    const kind = prng.oneOf(kinds);
    const does = kind === "state" || kind === "reboot" ? kind : "document";
    return {
      kind: "change",
      id,
      atMs: prng.upTo(ACTIVE_MS),
      does: does === "document" && prng.chance(0.2) ? "temporary-document" : does,
      settings: changedSettings(prng, kind),
      leavesOut: kind === "backend",
      confirms: prng.chance(0.6),
      backend: prng.upTo(6),
      state: prng.oneOf(["ready", "drain", "maint"]),
    };
  });
}

const CHANGES = [
  "harmless",
  "places",
  "ports",
  "other ports",
  "admin port",
  "balance",
  "backend",
  "nonsense",
  "state",
  "reboot",
] as const;

function changedSettings(prng: Prng, kind: (typeof CHANGES)[number]): Record<string, unknown> {
  const listeners = (...ports: number[]) =>
    ports.map(port => ({ port, mode: MODES_OF_PORTS.get(port) }));
  switch (kind) {
    case "harmless":
      return { retries: prng.between(0, 4), queueTimeoutMs: prng.oneOf([500, 3_000]) };
    case "places":
      return { sessionsMax: prng.between(1, 12), queueMax: prng.between(0, 6) };
    case "ports":
      return {
        listeners: listeners(...prng.oneOf([[80], [82, 80], [80, 81, 82], [81, 82, 90]])),
      };
    case "other ports":
      return {
        listeners: listeners(...prng.oneOf([[90], [90, 91, 80], [90, 91, 82]])),
        ...(prng.chance(0.5) ? { adminPort: 9000 } : {}),
      };
    case "admin port":
      return { adminPort: prng.oneOf([0, 8404, 9000, 9000]) };
    case "balance":
      return { balance: prng.oneOf(Object.keys(STRATEGIES)) };
    case "nonsense":
      return prng.oneOf([
        { adminPort: 80, listeners: listeners(80) },
        { sessionsMax: 0 },
        { ports: [80] },
        { listeners: listeners(80, 81, 82, 90) },
        { listeners: listeners(80, 80) },
      ]);
    default:
      return {};
  }
}

function weather(prng: Prng, names: readonly string[]): Part[] {
  if (prng.chance(0.2)) return [];
  const kinds = prng.someOf(["latencyMs", "jitterMs", "loss", "bytesPerSecond"] as const, 0.4);
  return ["board", "clients", ...names].flatMap((host): Part[] => {
    if (prng.chance(0.4)) return [];
    const settings = {
      ...(kinds.includes("latencyMs") ? { latencyMs: prng.between(1, 40) } : {}),
      ...(kinds.includes("jitterMs") ? { jitterMs: prng.between(1, 30) } : {}),
      ...(kinds.includes("loss") ? { loss: prng.oneOf([0.005, 0.02, 0.08]) } : {}),
      ...(kinds.includes("bytesPerSecond")
        ? { bytesPerSecond: prng.oneOf([40_000, 200_000, 1_000_000]) }
        : {}),
    };
    return [{ kind: "link", host, settings }];
  });
}

function faults(prng: Prng, names: readonly string[]): Part[] {
  if (prng.chance(0.35)) return [];
  const kinds = prng.someOf(FAULTS, 0.3);
  return Array.from({ length: prng.between(1, FAULTS_MAX) }).flatMap(() => {
    const what = prng.oneOf(kinds);
    const atMs = prng.upTo(ACTIVE_MS);
    const lastsMs = what === "task-stall" ? prng.between(10, 1_500) : prng.between(50, 8_000);
    // Sometimes all backends have it: there is none to retry.
    const backends = prng.chance(0.3) ? names : [prng.oneOf(names)];
    const hosts = OF_THE_BOARD.includes(what) ? ["board"] : backends;
    return hosts.map((host): Part => ({ kind: "fault", what, host, atMs, lastsMs }));
  });
}
