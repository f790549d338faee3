import { buildEngine, cannotBuild, engineBuilt } from "./engine.ts";

/** Before the tests that need XS. Without a compiler they are skipped, but not in CI. */
export async function setup(): Promise<void> {
  if (engineBuilt()) return;
  const why = cannotBuild();
  if (why !== undefined && !process.env.CI) {
    process.stderr.write(`tests on XS are skipped: ${why}\n`);
    return;
  }
  await buildEngine(line => process.stderr.write(`${line}\n`));
}
