import {
  BACKENDS_MAX,
  type Config,
  MACHINES_MAX,
  ROUTES_MAX,
  WAKE_RULES_MAX,
} from "../config/settings.ts";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import type { Platform } from "../platform.ts";

// Upper bounds, in bytes of the chip's engine. A test puts documents on boards with less and less memory.

/** Memory for the objects of a checked configuration, beside the document that it is read from. */
const READ_BYTES = 2_000;
const READ_BACKEND_BYTES = 480;
const READ_ROUTE_BYTES = 300;
const READ_MACHINE_BYTES = 500;
const READ_WAKE_RULE_BYTES = 300;

/** Memory for a configuration in force: its pool, its groups, and what its sessions share. */
const ACTIVE_BYTES = 3_000;
const ACTIVE_BACKEND_BYTES = 750;
const ACTIVE_ROUTE_BYTES = 1_050;
const ACTIVE_MACHINE_BYTES = 600;

/** With less than this free the board is about to refuse clients: a configuration takes no more then. */
const FLOOR_BYTES = MEMORY_RESERVE_BYTES + 7_000;

/** A configuration that the engine has memory for in any case: a few backends and routes. */
const SMALL_BYTES = 9_000;
const SMALL_VALUES = 96;

/** An engine slot, and the buffers and slots that are taken at a time. */
const SLOT_BYTES = 16;
const BUFFER_BYTES = 160;
const LINKS = 9;
const LINK_SLOTS = 6;
const STEP_BYTES = BUFFER_BYTES + LINKS * LINK_SLOTS * SLOT_BYTES;

/** A document before it is checked. */
interface Unchecked {
  readonly backends?: unknown;
  readonly routes?: unknown;
  readonly machines?: unknown;
}

/** False if the board has no memory to check `document`. */
export function canRead(platform: Platform, document: Unchecked): boolean {
  const { backends, routes, machines } = document;
  return canTake(
    platform,
    READ_BYTES +
      READ_BACKEND_BYTES * lengthOf(backends, BACKENDS_MAX) +
      READ_ROUTE_BYTES * lengthOf(routes, ROUTES_MAX) +
      READ_MACHINE_BYTES * lengthOf(machines, MACHINES_MAX) +
      READ_WAKE_RULE_BYTES * wakeRulesOf(machines),
  );
}

/** False if the board has no memory for `config` beside the configuration in force, whose sessions go on. */
export function canActivate(
  platform: Platform,
  { backends, routes, machines }: Pick<Config, "backends" | "routes" | "machines">,
): boolean {
  return canTake(
    platform,
    ACTIVE_BYTES +
      ACTIVE_BACKEND_BYTES * backends.length +
      ACTIVE_ROUTE_BYTES * routes.length +
      ACTIVE_MACHINE_BYTES * machines.length,
  );
}

/** For `JsonParser`: tells after so many values whether the engine may go on to take memory. */
export function memoryFor({ vitals }: Platform): (values: number) => boolean {
  const start = vitals.freeHeapBytes;
  if (start === undefined) return () => true;
  if (start >= FLOOR_BYTES) return () => vitals.freeHeapBytes! >= FLOOR_BYTES;
  return values => values <= SMALL_VALUES && vitals.freeHeapBytes! >= start;
}

/**
 * True if the engine has so much memory, or can take it from the board without refusing clients. It does not tell how much
 * it has, so the memory is taken, little by little, and released for the next collection. The engine keeps it: a board
 * that is already short of memory does not try for a large configuration.
 */
function canTake({ vitals }: Platform, bytes: number): boolean {
  const start = vitals.freeHeapBytes;
  if (start === undefined) return true;
  if (start < FLOOR_BYTES && bytes > SMALL_BYTES) return false;
  const least = Math.min(start, FLOOR_BYTES);
  let held: object | undefined;
  for (let taken = 0; taken < bytes; taken += STEP_BYTES) {
    held = { held, buffer: new ArrayBuffer(BUFFER_BYTES) };
    for (let link = 0; link < LINKS; link++) held = { held, a: 0, b: 0, c: 0, d: 0 };
    if (vitals.freeHeapBytes! < least) return false;
  }
  return held !== undefined;
}

function lengthOf(list: unknown, max: number): number {
  return Array.isArray(list) ? Math.min(list.length, max) : 0;
}

/** The number of rules of `wakeFor` in all machines. */
function wakeRulesOf(machines: unknown): number {
  let rules = 0;
  for (let i = 0; i < lengthOf(machines, MACHINES_MAX); i++) {
    const machine = (machines as readonly unknown[])[i] as { readonly wakeFor?: unknown } | null;
    rules += lengthOf(machine?.wakeFor, WAKE_RULES_MAX);
  }
  return rules;
}
