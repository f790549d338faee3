import { readdirSync } from "node:fs";
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

const FIRMWARE = here("../../firmware/native");

/** A pipe of the firmware's sockets, alone. */
export const FORWARD: Program = {
  name: "forward",
  sources: [
    here("programs/forward.c"),
    ...readdirSync(FIRMWARE)
      .filter(name => name.endsWith(".c") && !/^(binding|keywords|lines|port)/.test(name))
      .map(name => `${FIRMWARE}/${name}`),
  ],
  headers: readdirSync(FIRMWARE)
    .filter(name => name.endsWith(".h"))
    .map(name => `${FIRMWARE}/${name}`),
  world: true,
  sanitizers: "counted",
  flags: [`-I${FIRMWARE}`],
};

/** The programs that the tests run. */
export const PROGRAMS: readonly Program[] = [ECHO, OPTIONS];
