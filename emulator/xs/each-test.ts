import { afterEach, beforeEach, inject } from "vitest";
import { useEngine } from "./engine.ts";
import { endMachines } from "./machine.ts";

const engine = inject("engine");
if (engine !== undefined) useEngine(engine);

beforeEach(({ skip }) => {
  if (engine === undefined) skip("the XS engine is not built");
});

// Boards of tests are not always switched off, and their engines are processes.
afterEach(endMachines);
