import { STRATEGIES } from "../../firmware/src/balancer/strategy.ts";
import { ourBoard } from "../kit/emulated-lab.ts";
import { clients } from "./generate-clients.ts";
import { FAULTS, MODES_OF_PORTS, OF_THE_BOARD, type Part, STORM_MS, type World } from "./plan.ts";
import { Dice } from "./prng.ts";

const FAULTS_MAX = 8;

/** Of our board; some have half of it. */
const HEAP_BYTES = ourBoard().heapBytes;

/** The world of a seed: the same one each time. */
export function draw(seed: number): World {
  const dice = new Dice(seed * 2 + 1);
  const names = ["a", "b", "c", "d", "e", "f"].slice(0, dice.oneOf([1, 1, 2, 2, 3, 4, 5, 6]));
  return {
    seed,
    parts: [
      ...settings(dice),
      ...names.map(
        (name): Part => ({
          kind: "backend",
          name,
          keepMs: dice.oneOf([300, 4_100, 60_000]),
          restMs: dice.chance(0.2) ? dice.between(1, 10) : 0,
          receiveWindow: dice.oneOf([2_048, 8_192, 65_535]),
          maxSessions: dice.chance(0.1) ? dice.between(1, 3) : undefined,
        }),
      ),
      ...weather(dice, names),
      ...faults(dice, names),
      ...clients(dice),
      ...changes(dice),
    ],
  };
}

function settings(dice: Dice): Part[] {
  const parts: Part[] = [];
  const set = (key: string, value: unknown) => {
    if (value !== undefined) parts.push({ kind: "setting", key, value });
  };
  if (dice.chance(0.3)) {
    const heapBytes = dice.oneOf([HEAP_BYTES, HEAP_BYTES, HEAP_BYTES / 2]);
    parts.push({ kind: "board", connectionsMax: dice.between(16, 35), heapBytes });
  }
  if (dice.chance(0.3)) set("sessionsMax", dice.between(1, 6));
  if (dice.chance(0.3)) set("queueMax", dice.between(0, 6));
  set("retries", dice.oneOf([undefined, 0, 1, 4]));
  set("connectTimeoutMs", dice.oneOf([undefined, 700, 1_500]));
  set("responseTimeoutMs", dice.oneOf([2_000, 5_000]));
  set("idleTimeoutMs", dice.oneOf([3_000, 8_000]));
  set("tunnelTimeoutMs", dice.oneOf([4_000, 12_000]));
  set("queueTimeoutMs", dice.oneOf([undefined, 500]));
  set("headTimeoutMs", dice.oneOf([undefined, 2_000]));
  set("keepAliveTimeoutMs", dice.oneOf([undefined, 1_000]));
  if (dice.chance(0.2)) set("bodyBytesMax", 3_000);
  if (dice.chance(0.4)) set("balance", dice.oneOf(Object.keys(STRATEGIES)));
  if (dice.chance(0.3)) set("sticky", dice.oneOf(["cookie", "source"]));
  if (dice.chance(0.3)) {
    set("health", {
      check: dice.oneOf(["tcp", "http"]),
      intervalMs: dice.oneOf([2_000, 5_000]),
      timeoutMs: 1_000,
      rise: dice.between(1, 2),
      fall: dice.between(1, 3),
      observe: dice.oneOf(["none", "layer4", "layer7"]),
    });
  }
  const keywords = [
    { keyword: "END", from: "client" },
    { keyword: "STOP", from: "backend" },
  ];
  set("inspect", dice.chance(0.5) ? keywords : []);
  return parts;
}

const CHANGES_MAX = 6;

/** What an operator does meanwhile: about every third world has one. */
function changes(dice: Dice): Part[] {
  if (!dice.chance(0.35)) return [];
  const kinds = dice.someOf(CHANGES, 0.4);
  return Array.from({ length: dice.between(1, CHANGES_MAX) }, (_, id): Part => {
    const kind = dice.oneOf(kinds);
    const does = kind === "state" || kind === "reboot" ? kind : "document";
    return {
      kind: "change",
      id,
      atMs: dice.upTo(STORM_MS),
      does: does === "document" && dice.chance(0.2) ? "lend" : does,
      settings: changedSettings(dice, kind),
      leavesOut: kind === "backend",
      confirms: dice.chance(0.6),
      backend: dice.upTo(6),
      state: dice.oneOf(["ready", "drain", "maint"]),
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

function changedSettings(dice: Dice, kind: (typeof CHANGES)[number]): Record<string, unknown> {
  const listeners = (...ports: number[]) =>
    ports.map(port => ({ port, mode: MODES_OF_PORTS.get(port) }));
  switch (kind) {
    case "harmless":
      return { retries: dice.between(0, 4), queueTimeoutMs: dice.oneOf([500, 3_000]) };
    case "places":
      return { sessionsMax: dice.between(1, 12), queueMax: dice.between(0, 6) };
    case "ports":
      return {
        listeners: listeners(...dice.oneOf([[80], [82, 80], [80, 81, 82], [81, 82, 90]])),
      };
    case "other ports":
      return {
        listeners: listeners(...dice.oneOf([[90], [90, 91, 80], [90, 91, 82]])),
        ...(dice.chance(0.5) ? { adminPort: 9000 } : {}),
      };
    case "admin port":
      return { adminPort: dice.oneOf([0, 8404, 9000, 9000]) };
    case "balance":
      return { balance: dice.oneOf(Object.keys(STRATEGIES)) };
    case "nonsense":
      return dice.oneOf([
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

function weather(dice: Dice, names: readonly string[]): Part[] {
  if (dice.chance(0.2)) return [];
  const kinds = dice.someOf(["latencyMs", "jitterMs", "loss", "bytesPerSecond"] as const, 0.4);
  return ["board", "clients", ...names].flatMap((host): Part[] => {
    if (dice.chance(0.4)) return [];
    const settings = {
      ...(kinds.includes("latencyMs") ? { latencyMs: dice.between(1, 40) } : {}),
      ...(kinds.includes("jitterMs") ? { jitterMs: dice.between(1, 30) } : {}),
      ...(kinds.includes("loss") ? { loss: dice.oneOf([0.005, 0.02, 0.08]) } : {}),
      ...(kinds.includes("bytesPerSecond")
        ? { bytesPerSecond: dice.oneOf([40_000, 200_000, 1_000_000]) }
        : {}),
    };
    return [{ kind: "weather", host, settings }];
  });
}

function faults(dice: Dice, names: readonly string[]): Part[] {
  if (dice.chance(0.35)) return [];
  const kinds = dice.someOf(FAULTS, 0.3);
  return Array.from({ length: dice.between(1, FAULTS_MAX) }).flatMap(() => {
    const what = dice.oneOf(kinds);
    const atMs = dice.upTo(STORM_MS);
    const lastsMs = what === "stand-still" ? dice.between(10, 1_500) : dice.between(50, 8_000);
    // Now and then it is the same with all backends: nobody is left to turn to.
    const backends = dice.chance(0.3) ? names : [dice.oneOf(names)];
    const hosts = OF_THE_BOARD.includes(what) ? ["board"] : backends;
    return hosts.map((host): Part => ({ kind: "fault", what, host, atMs, lastsMs }));
  });
}
