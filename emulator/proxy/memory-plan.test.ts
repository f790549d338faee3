import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readConfig } from "../../firmware/src/config/config.ts";
import { BACKENDS_MAX } from "../../firmware/src/config/settings.ts";
import {
  budget,
  LISTENING_SOCKETS_MAX,
  REFUSALS_MAX,
} from "../../firmware/src/net/connection-budget.ts";
import { MEMORY_RESERVE_BYTES, MEMORY_SHED_BYTES } from "../../firmware/src/net/memory-reserve.ts";
import { SESSION_BYTES_MAX } from "../../firmware/src/proxy/memory-guard.ts";
import {
  connectionHeapBytes,
  creationOf,
  fixedLines,
  SLOT_BYTES,
} from "../src/boards/chip-memory.ts";
import { queueLength, settingsOf } from "../src/boards/esp32.ts";
import type { LinkKind } from "../src/boards/kind.ts";
import { buildFiles, ourBoard } from "./firmware-board.ts";
import {
  framesOf,
  machinesBytes,
  oneWaySessionBytes,
  ordinaryBytes,
  planTable,
  sessionsCarried,
  smallPieces,
  stuckSessionBytes,
  xsAtRest,
  xsNeed,
} from "./memory-plan.ts";

const read = (file: string) =>
  readFileSync(new URL(`../../firmware/${file}`, import.meta.url), "utf8");

const BUDGETS = JSON.parse(read("budgets.json"));

function configuration() {
  const outcome = readConfig(JSON.parse(read("gateway.json")));
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return outcome;
}

/** The plan of the board with this link. */
function planOf(link: LinkKind) {
  const { sdkconfig, manifest: text } = buildFiles(link);
  const manifest = JSON.parse(text);
  const set = settingsOf(sdkconfig);
  const xs = creationOf(manifest.creation);
  const eventQueue = queueLength(manifest);
  const lines = fixedLines(set, xs, eventQueue, link);
  const { connectionsMax } = manifest.config;
  const { sessionsMax, queueMax } = budget(connectionsMax, configuration().config);
  const sharing = {
    connectionsMax: connectionsMax - LISTENING_SOCKETS_MAX,
    served: sessionsMax,
    waiting: queueMax + REFUSALS_MAX,
    reserveBytes: MEMORY_RESERVE_BYTES,
    frames: framesOf(set, link),
  };
  const heapBytes = connectionHeapBytes(lines);
  const carried = (sessionBytes: number) => sessionsCarried(sessionBytes, heapBytes, sharing);
  return {
    ...{ link, set, xs, eventQueue, lines, sharing, heapBytes, sessionsMax },
    oneWay: carried(oneWaySessionBytes(set)),
    stuck: carried(stuckSessionBytes(set)),
  };
}

const WIFI = planOf("wifi");
const ETHERNET = planOf("ethernet");
const { set: SET, xs: XS, lines: LINES, sharing: SHARING, sessionsMax } = WIFI;

/** The tables of a chapter of the README. */
function tableOf(heading: string): { text: string; table: string } {
  const readme = read("README.md");
  const [, rest] = readme.split(`\n${heading}\n`);
  const [text] = rest.split(/\n##+ /);
  return {
    text,
    table: text
      .split("\n")
      .filter(line => line.startsWith("|"))
      .join("\n"),
  };
}

test("there are as many listening sockets as lwIP has", () => {
  expect(LISTENING_SOCKETS_MAX).toBe(SET.LWIP_MAX_LISTENING_TCP);
});

test("the plan in the README is the computed one", () => {
  const { text: plan, table } = tableOf("## Memory plan");
  expect(table).toBe(planTable(SET, LINES, SHARING));
  const { stuck, oneWay } = WIFI;
  const needed = Math.round((sessionsMax * stuckSessionBytes(SET)) / 1024);
  expect(plan).toContain(`**${sessionsMax} sessions** whose peers read`);
  expect(plan).toContain(`**${oneWay} sessions** are supported when all of them download`);
  expect(plan).toContain(
    `**${stuck} sessions** are supported when neither clients nor backends read`,
  );
  expect(plan).toContain(`${needed} KB, more than`);
  const backendKB = (BUDGETS["backend.slots"] * SLOT_BYTES + BUDGETS["backend.chunkBytes"]) / 1024;
  expect(plan).toContain(`backend takes ${backendKB.toFixed(1)} KB`);
  expect(plan).toContain(
    `${BACKENDS_MAX} of them ${((BACKENDS_MAX - 2) * backendKB).toFixed(1)} KB`,
  );
  expect(plan).toContain(`less than ${(MEMORY_RESERVE_BYTES / 1024).toFixed(0)} KB free`);
  expect(plan).toContain(`less than ${(MEMORY_SHED_BYTES / 1024).toFixed(0)} KB\n`);
});

test("the plan of the board with Ethernet is the computed one", () => {
  const { text, table } = tableOf("### With Ethernet");
  expect(table).toBe(planTable(ETHERNET.set, ETHERNET.lines, ETHERNET.sharing));
  const { stuck, oneWay, sessionsMax: all } = ETHERNET;
  expect(text).toContain(
    `**${all} sessions** whose peers read, ${oneWay} whose readers are slow, ${stuck} whose`,
  );
});

test.each([
  { plan: WIFI, least: { all: 16, oneWay: 8, stuck: 4 } },
  { plan: ETHERNET, least: { all: 24, oneWay: 12, stuck: 7 } },
])(
  "with $plan.link $least.all sessions are carried when their peers read, with every other connection beside them; $least.oneWay with slow readers; $least.stuck when no client reads",
  ({ plan, least }) => {
    expect(plan.sessionsMax).toBeGreaterThanOrEqual(least.all);
    const ordinary = ordinaryBytes(plan.set, plan.sharing);
    expect(ordinary).toBeLessThan(plan.heapBytes - MEMORY_RESERVE_BYTES);
    expect(plan.oneWay).toBeGreaterThanOrEqual(least.oneWay);
    expect(plan.stuck).toBeGreaterThanOrEqual(least.stuck);
  },
);

test("sixteen sessions whose peers do not read exceed what an XS without any would leave: hence the shedding", () => {
  const atRest = fixedLines(SET, { ...XS, ...xsAtRest(BUDGETS) }, WIFI.eventQueue);
  const smallest = { ...SET, LWIP_TCP_WND_DEFAULT: 2440, LWIP_TCP_SND_BUF_DEFAULT: 2440 };
  expect(16 * stuckSessionBytes(SET)).toBeGreaterThan(connectionHeapBytes(atRest));
  expect(16 * stuckSessionBytes(smallest)).toBeGreaterThan(connectionHeapBytes(atRest));
});

test("the proxy knows what a session can hold: buffers full of small pieces", () => {
  expect(SESSION_BYTES_MAX).toBe(stuckSessionBytes(SET, smallPieces(SET)));
});

test.each([WIFI, ETHERNET])(
  "with $link XS carries every session that the board admits, by the measured bytes",
  ({ xs, sharing }) => {
    const need = xsNeed(BUDGETS, sharing);
    expect(need.slots).toBeLessThanOrEqual(xs.slots);
    expect(need.chunkBytes).toBeLessThanOrEqual(xs.chunkBytes);
    expect(need.stackSlots).toBeLessThanOrEqual(xs.stackSlots);
  },
);

test.each([WIFI, ETHERNET])(
  "with $link there is room for two machines that sleep, and as many held clients as are by default, beside all sessions",
  ({ link, xs, set, sharing, heapBytes }) => {
    const { heldMax: held } = configuration().config;
    const machines = 2;
    const bytes = machinesBytes(BUDGETS, xs, sharing, { machines, held });
    expect(ordinaryBytes(set, sharing) + bytes).toBeLessThan(heapBytes - MEMORY_RESERVE_BYTES);
    if (link !== "wifi") return;
    const { text } = tableOf("## Memory plan");
    const bytesOf = (what: string) =>
      Math.round(BUDGETS[`${what}.slots`] * SLOT_BYTES + BUDGETS[`${what}.chunkBytes`]);
    expect(text).toContain(`takes ${bytesOf("machine")} bytes of XS, all together`);
    expect(text).toContain(`${bytesOf("machines")} more,`);
    expect(text).toContain(`${(bytesOf("held") / 1024).toFixed(1)} KB`);
    expect(text).toContain(`two machines and ${held} held clients`);
    expect(text).toContain(`${(bytes / 1024).toFixed(1)} KB beyond`);
  },
);

test.each([WIFI, ETHERNET])(
  "with $link the emulated board has the heap of the plan",
  ({ link, heapBytes }) => {
    expect(ourBoard("own", link).heapBytes).toBe(heapBytes);
  },
);
