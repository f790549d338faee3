import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Engine, engineParts, ourEngine } from "../xs/engine.ts";
import { buildProgram, type Program } from "./build.ts";

const BOARD = fileURLToPath(new URL("board", import.meta.url));
const FIRMWARE = fileURLToPath(new URL("../../firmware/native", import.meta.url));

/** The cases are played with the SDK's own settings, on every target: windows of several segments, eight connections. */
export const CASES_SDKCONFIG = "";

const ofFirmware = (name: string) => path.join(FIRMWARE, name);

/** The chip's engine with the firmware's own sockets, over lwIP. The engine has been built. */
function board(): Program {
  const { object, flags, libraries } = engineParts();
  const headers = [BOARD, FIRMWARE].flatMap(folder =>
    readdirSync(folder)
      .filter(name => name.endsWith(".h"))
      .map(name => path.join(folder, name)),
  );
  return {
    name: "board",
    sources: [
      path.join(BOARD, "board.c"),
      ...["binding.c", "datagrams.c", "listeners.c", "pipes.c", "sockets.c"].map(ofFirmware),
    ],
    headers,
    world: true,
    sanitizers: "memory",
    sdkconfig: CASES_SDKCONFIG,
    flags: [...flags, `-I${BOARD}`],
    objects: [object],
    libraries,
  };
}

/** Builds it if it is missing. It starts as the engine does (`useEngine`). */
export async function buildBoard(say: (line: string) => void): Promise<Engine> {
  return { program: await buildProgram(board(), say), bits: ourEngine().bits };
}
