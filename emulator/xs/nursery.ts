import { readFileSync } from "node:fs";
import { creationOf } from "../src/boards/memory-plan.ts";
import { bundle } from "./bundle.ts";
import { type HeapSize, Machine, type Surroundings } from "./machine.ts";

const MANIFEST = new URL("../../firmware/manifest.json", import.meta.url);

/** What the chip gives. */
const { stackSlots } = creationOf(JSON.parse(readFileSync(MANIFEST, "utf8")).creation);

/** Engines that have loaded a program and wait: a copy is there in a millisecond. */
const loaded = new Map<string, Machine>();

/**
 * A machine that has loaded a program of the folder `programs`, with all frozen and the stack as short as
 * on the chip.
 */
export function machineWith(program: string, surroundings: Surroundings, heap?: HeapSize): Machine {
  const key = JSON.stringify([program, heap]);
  let origin = loaded.get(key);
  if (origin === undefined) {
    origin = new Machine(NOWHERE, heap).keep();
    origin.evaluate(bundle(program));
    origin.freeze(stackSlots);
    loaded.set(key, origin);
  }
  return new Machine(surroundings, origin);
}

/** Programs begin with `start` and not before: a module that asks for a board while it loads is wrong. */
const NOWHERE: Surroundings = {
  now: () => 0,
  answer: ([word]) => {
    throw new Error(`${word}: asked for while the program was loaded`);
  },
};
