import type { TestProject } from "vitest/node";
import { buildEngine, cannotBuild, type Engine } from "./engine.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** `undefined` where there is no C compiler. */
    engine: Engine | undefined;
  }
}

/** Before the tests that need XS. Without a compiler they are skipped, but not in CI. */
export async function setup({ provide }: TestProject): Promise<void> {
  const why = cannotBuild();
  if (why !== undefined && !process.env.CI) {
    process.stderr.write(`tests on XS are skipped: ${why}\n`);
    provide("engine", undefined);
    return;
  }
  const said: string[] = [];
  const engine = await buildEngine(line => {
    said.push(line);
    process.stderr.write(`${line}\n`);
  });
  if (engine.bits === 64 && process.env.CI && process.arch === "x64") throw new Error(said[0]);
  provide("engine", engine);
}
