import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildEngine, type Engine, engineParts, FUNCTIONS, ourEngine } from "../xs/engine.ts";
import type { Bits } from "../xs/toolchain.ts";
import { buildProgram, type Program, WITH_TASKS } from "./build.ts";

const BOARD = fileURLToPath(new URL("board", import.meta.url));
const FIRMWARE = fileURLToPath(new URL("../../firmware/native", import.meta.url));

/** The cases are played with the SDK's own settings, on every target: windows of several segments, eight connections. */
export const CASES_SDKCONFIG = "";

/** Files of C that are the engine's (../xs/engine.ts), or the chip's port, for which board/wire.c is here. */
const ELSEWHERE = [...FUNCTIONS, "port-esp32.c"];

/** The C that the chip has. */
function firmwareSources(): string[] {
  return readdirSync(FIRMWARE)
    .filter(name => name.endsWith(".c") && !ELSEWHERE.includes(name))
    .map(name => path.join(FIRMWARE, name));
}

/** Multicast groups, as on the chip. */
const GROUPS = "-DLWIP_IGMP=1";

/** Files of `board`: beside board.c, one network. */
const NETWORKS = { wire: ["wire.c"], tap: ["tap.c", "tap-device.c"] } as const;

/** The properties in which the boards differ. */
type Kind = Pick<Program, "name" | "sanitizers"> &
  Partial<Pick<Program, "sdkconfig">> & { network: keyof typeof NETWORKS };

/** An engine with the firmware's own sockets, over lwIP. The engine has been built. */
function board({ network, ...kind }: Kind, bits?: Bits): Program {
  const { object, flags, libraries } = engineParts(bits);
  const headers = [BOARD, FIRMWARE].flatMap(folder =>
    readdirSync(folder)
      .filter(name => name.endsWith(".h"))
      .map(name => path.join(folder, name)),
  );
  return {
    ...kind,
    sources: [
      ...["board.c", ...NETWORKS[network]].map(name => path.join(BOARD, name)),
      ...firmwareSources(),
    ],
    headers,
    world: network === "wire",
    options: network === "tap" ? [...WITH_TASKS, GROUPS] : [],
    flags: [...flags, `-I${BOARD}`],
    objects: [object],
    libraries,
  };
}

/** Builds the board of the conformance cases if it is missing. It starts as the engine does (`useEngine`). */
export function buildCasesBoard(say: (line: string) => void): Promise<Engine> {
  const sdkconfig = CASES_SDKCONFIG;
  return build({ name: "board", network: "wire", sanitizers: "memory", sdkconfig }, say);
}

/** The same, for the firmware, with its settings. */
export function buildFirmwareBoard(say: (line: string) => void): Promise<Engine> {
  return build({ name: "firmware", network: "wire", sanitizers: "memory" }, say);
}

/** The same as the firmware's, for callgrind: in 64 bits, without sanitizers. It needs callgrind's header. */
export async function buildCountedBoard(say: (line: string) => void): Promise<Engine> {
  await buildEngine(say, 64);
  return build({ name: "firmware", network: "wire", sanitizers: "counted" }, say, 64);
}

/**
 * The same on a TAP device, with real tasks; for ThreadSanitizer, which XS is compiled without, in 64 bits. The engine of 64 bits is
 * built if it is missing.
 */
export async function buildTapBoard(
  sanitizers: "memory" | "threads",
  say: (line: string) => void,
): Promise<Engine> {
  const bits = sanitizers === "threads" ? 64 : undefined;
  if (bits !== undefined) await buildEngine(say, bits);
  return build({ name: "tap", network: "tap", sanitizers }, say, bits);
}

async function build(kind: Kind, say: (line: string) => void, bits?: Bits): Promise<Engine> {
  return {
    program: await buildProgram(board(kind, bits), say),
    bits: bits ?? ourEngine().bits,
  };
}
