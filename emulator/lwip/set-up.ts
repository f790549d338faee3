import type { TestProject } from "vitest/node";
import { buildEngine, type Engine } from "../xs/engine.ts";
import { buildCasesBoard, buildFirmwareBoard } from "./board.ts";
import { buildProgram, cannotBuild } from "./build.ts";
import { cannotMakeNamespace } from "./network-namespace.ts";
import { PROGRAMS } from "./programs.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Why lwIP cannot be built here; `undefined` when it is. */
    noLwip: string | undefined;
    /** The engine with the firmware's sockets over lwIP, for the conformance cases. */
    board: Engine | undefined;
    /** The same, for the firmware. */
    firmwareBoard: Engine | undefined;
    /** Why there can be no board on a TAP device here; `undefined` when there can. */
    noTap: string | undefined;
  }
}

/** Before the tests that need lwIP: says once why they are skipped, or builds all their programs. */
export async function setup({ provide }: TestProject): Promise<void> {
  const why = cannotBuild();
  provide("noLwip", why);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const noTap = cannotMakeNamespace();
  provide("noTap", noTap);
  if (noTap !== undefined) say(`tests on a TAP device are skipped: ${noTap}`);
  if (why !== undefined) {
    provide("board", undefined);
    provide("firmwareBoard", undefined);
    say(`tests on lwIP ${process.env.CI ? "fail" : "are skipped"}: ${why}`);
    return;
  }
  for (const program of PROGRAMS) await buildProgram(program, say);
  await buildEngine(say);
  provide("board", await buildCasesBoard(say));
  provide("firmwareBoard", await buildFirmwareBoard(say));
}
