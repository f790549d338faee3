import { afterEach, beforeEach } from "vitest";
import { engineBuilt } from "./engine.ts";
import { endMachines } from "./machine.ts";

const built = engineBuilt();

beforeEach(({ skip }) => {
  if (!built) skip("the XS engine is not built");
});

// Boards of tests are not always switched off, and their engines are processes.
afterEach(endMachines);
