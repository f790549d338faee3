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
import { esp32, queueLength, settingsOf } from "../src/boards/esp32.ts";
import {
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

const SDKCONFIG = read("sdkconfig/sdkconfig.defaults");
const MANIFEST = JSON.parse(read("manifest.json"));
const BUDGETS = JSON.parse(read("budgets.json"));
const SET = settingsOf(SDKCONFIG);
const XS = creationOf(MANIFEST.creation);
const LINES = fixedLines(SET, XS, queueLength(MANIFEST));
const HEAP_BYTES = connectionHeapBytes(LINES);

function configuration() {
  const outcome = readConfig(JSON.parse(read("gateway.json")));
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return outcome;
}

const { connectionsMax } = MANIFEST.config;
const { sessionsMax, queueMax } = budget(connectionsMax, configuration().config);
const SHARING = {
  connectionsMax: connectionsMax - LISTENING_SOCKETS_MAX,
  served: sessionsMax,
  waiting: queueMax + REFUSALS_MAX,
  reserveBytes: MEMORY_RESERVE_BYTES,
};

test("there are as many listening sockets as lwIP has", () => {
  expect(LISTENING_SOCKETS_MAX).toBe(SET.LWIP_MAX_LISTENING_TCP);
});

test("the plan in the README is the computed one", () => {
  const readme = read("README.md");
  const plan = readme.slice(readme.indexOf("## Memory plan"));
  const table = plan.split("\n").filter(line => line.startsWith("|"));
  expect(table.join("\n")).toBe(planTable(SET, LINES, SHARING));
  const stuck = sessionsCarried(stuckSessionBytes(SET), HEAP_BYTES, SHARING);
  const oneWay = sessionsCarried(oneWaySessionBytes(SET), HEAP_BYTES, SHARING);
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

test("sixteen sessions are carried when their peers read, with every other connection beside them", () => {
  expect(sessionsMax).toBeGreaterThanOrEqual(16);
  expect(ordinaryBytes(SET, SHARING)).toBeLessThan(HEAP_BYTES - MEMORY_RESERVE_BYTES);
});

test("eight are carried when all of them have a slow reader, four when no client reads", () => {
  expect(sessionsCarried(oneWaySessionBytes(SET), HEAP_BYTES, SHARING)).toBeGreaterThanOrEqual(8);
  expect(sessionsCarried(stuckSessionBytes(SET), HEAP_BYTES, SHARING)).toBeGreaterThanOrEqual(4);
});

test("sixteen sessions whose peers do not read exceed what an XS without any would leave: hence the shedding", () => {
  const atRest = fixedLines(SET, { ...XS, ...xsAtRest(BUDGETS) }, queueLength(MANIFEST));
  const smallest = { ...SET, LWIP_TCP_WND_DEFAULT: 2440, LWIP_TCP_SND_BUF_DEFAULT: 2440 };
  expect(16 * stuckSessionBytes(SET)).toBeGreaterThan(connectionHeapBytes(atRest));
  expect(16 * stuckSessionBytes(smallest)).toBeGreaterThan(connectionHeapBytes(atRest));
});

test("the proxy knows what a session can hold: buffers full of small pieces", () => {
  expect(SESSION_BYTES_MAX).toBe(stuckSessionBytes(SET, smallPieces(SET)));
});

test("XS carries every session that the board admits, by the measured bytes", () => {
  const need = xsNeed(BUDGETS, SHARING);
  expect(need.slots).toBeLessThanOrEqual(XS.slots);
  expect(need.chunkBytes).toBeLessThanOrEqual(XS.chunkBytes);
  expect(need.stackSlots).toBeLessThanOrEqual(XS.stackSlots);
});

test("the emulated board has the heap of the plan", () => {
  const kind = esp32({ sdkconfig: SDKCONFIG, manifest: read("manifest.json") });
  expect(kind.heapBytes).toBe(HEAP_BYTES);
});
