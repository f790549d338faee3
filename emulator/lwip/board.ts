import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildEngine, type Engine, engineParts, ourEngine } from "../xs/engine.ts";
import type { Bits } from "../xs/toolchain.ts";
import { buildProgram, type Program, type Sanitizers } from "./build.ts";
import { firmwareSdkconfig } from "./settings.ts";

const BOARD = fileURLToPath(new URL("board", import.meta.url));
const FIRMWARE = fileURLToPath(new URL("../../firmware/native", import.meta.url));

/** The cases are played with the SDK's own settings, on every target: windows of several segments, eight connections. */
export const CASES_SDKCONFIG = "";

/** Files of C that are the engine's (../xs/engine.ts), or the chip's port, for which board/wire.c is here. */
const ELSEWHERE = ["keywords.c", "port-esp32.c"];

/** The C that the chip has. */
function firmwareSources(): string[] {
  return readdirSync(FIRMWARE)
    .filter(name => name.endsWith(".c") && !ELSEWHERE.includes(name))
    .map(name => path.join(FIRMWARE, name));
}

/** An engine with the firmware's own sockets, over lwIP with these settings. The engine has been built. */
function board(
  name: string,
  sdkconfig: string,
  sanitizers: Sanitizers = "memory",
  bits?: Bits,
): Program {
  const { object, flags, libraries } = engineParts(bits);
  const headers = [BOARD, FIRMWARE].flatMap(folder =>
    readdirSync(folder)
      .filter(name => name.endsWith(".h"))
      .map(name => path.join(folder, name)),
  );
  return {
    name,
    sources: [...["board.c", "wire.c"].map(name => path.join(BOARD, name)), ...firmwareSources()],
    headers,
    world: true,
    sanitizers,
    sdkconfig,
    flags: [...flags, `-I${BOARD}`],
    objects: [object],
    libraries,
  };
}

/** Builds the board of the conformance cases if it is missing. It starts as the engine does (`useEngine`). */
export function buildCasesBoard(say: (line: string) => void): Promise<Engine> {
  return build(board("board", CASES_SDKCONFIG), say);
}

/** The same, for the firmware, with its settings. */
export function buildFirmwareBoard(say: (line: string) => void): Promise<Engine> {
  return build(board("firmware", firmwareSdkconfig()), say);
}

/** The same as the firmware's, for callgrind: in 64 bits, without sanitizers. It needs callgrind's header. */
export async function buildCountedBoard(say: (line: string) => void): Promise<Engine> {
  const { bits } = await buildEngine(say, 64);
  return build(board("firmware", firmwareSdkconfig(), "counted", bits), say, bits);
}

async function build(
  program: Program,
  say: (line: string) => void,
  bits = ourEngine().bits,
): Promise<Engine> {
  return { program: await buildProgram(program, say), bits };
}
