import { afterEach, beforeEach, inject } from "vitest";
import { useEngine } from "../xs/engine.ts";
import { endMachines } from "../xs/machine.ts";

const why = inject("noLwip");
const board = inject("board");
if (board !== undefined) useEngine(board);

beforeEach(({ skip }) => {
  if (why === undefined) return;
  if (process.env.CI) throw new Error(why);
  skip("lwIP is not built");
});

// Engines are processes.
afterEach(endMachines);
