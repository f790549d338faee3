import { fileURLToPath } from "node:url";
import type { Program } from "./build.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Two copies of lwIP without sockets: the host itself. */
export const ECHO: Program = {
  name: "echo",
  sources: [here("programs/echo.c")],
  world: true,
  sanitizers: "memory",
};

/** Prints lwIP's behaviour with the chip's options. */
export const OPTIONS: Program = {
  name: "options",
  sources: [here("programs/options.c")],
  world: false,
  sanitizers: "memory",
};

/** The programs that the tests run. */
export const PROGRAMS: readonly Program[] = [ECHO, OPTIONS];
