/** Parts of the chip's program. The rest of the engine's process is the wire, the other end of it, and the pipe to Node. */
export type Part = "engine" | "sockets" | "lwip";

/** The files of each part, as the compiler was given them. */
const FILES: readonly (readonly [Part, RegExp])[] = [
  ["engine", /\/(moddable\/xs|xsnap)\/sources\/|\/emulator\/xs\/native\/heap\.c$/],
  ["sockets", /\/firmware\/native\/[^/]+$/],
  ["lwip", /\/objects\/(core|api|netif)-[^/]+$|\/emulator\/lwip\/native\/stack\.c$/],
];

/** Functions of the peer's copy of lwIP (emulator/lwip/build.ts). */
const PEER = /^peer/;

/** Instructions of one function, those of the C library's functions that it has called included. */
export interface FunctionCost {
  readonly name: string;
  readonly part: Part;
  readonly instructions: number;
}

/**
 * The chip's functions in a profile of `program` that callgrind has written with `--compress-strings=no`
 * (https://valgrind.org/docs/manual/cl-format.html).
 */
export function functionCosts(profile: string, program: string): FunctionCost[] {
  const costs = new Map<string, FunctionCost>();
  let [object, file, name] = ["", "", ""];
  let [calledObject, calledFile] = ["", ""];
  let isCall = false;
  for (const line of profile.split("\n")) {
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key === "ob") object = value;
    else if (key === "fl") file = value;
    else if (key === "fn") name = value;
    else if (key === "cob") calledObject = value;
    else if (key === "cfi" || key === "cfl") calledFile = value;
    else if (key === "calls") isCall = true;
    else if (/^[+*\-\d]/.test(line)) {
      const counts = !isCall || isForeign(calledObject || object, calledFile || file, program);
      const part = object === program ? partOf(file, name) : undefined;
      if (part !== undefined && counts) {
        const instructions = Number(line.slice(line.lastIndexOf(" ") + 1));
        const id = `${part} ${name}`;
        const sum = (costs.get(id)?.instructions ?? 0) + instructions;
        costs.set(id, { name, part, instructions: sum });
      }
      if (isCall) [isCall, calledObject, calledFile] = [false, "", ""];
    }
  }
  return [...costs.values()].sort((a, b) => b.instructions - a.instructions);
}

/** Functions of the C library count for their callers. */
function isForeign(object: string, file: string, program: string): boolean {
  return object !== program || file === "???";
}

function partOf(file: string, name: string): Part | undefined {
  if (PEER.test(name)) return undefined;
  return FILES.find(([, files]) => files.test(file))?.[0];
}
