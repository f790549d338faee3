import { bundle } from "./bundle.ts";
import { type HeapSize, Machine, type Surroundings } from "./machine.ts";

/** Engines that have loaded a program and wait: a copy is there in a millisecond. */
const loaded = new Map<string, Machine>();

/** A machine that has loaded a program of the folder `programs`, with all frozen as on the chip. */
export function machineWith(program: string, surroundings: Surroundings, heap?: HeapSize): Machine {
  const key = JSON.stringify([program, heap]);
  let origin = loaded.get(key);
  if (origin === undefined) {
    origin = new Machine(NOWHERE, heap).keep();
    origin.evaluate(bundle(program));
    origin.freeze();
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
