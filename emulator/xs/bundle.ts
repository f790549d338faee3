import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Modules of the SDK that the firmware's clock imports. */
const SDK = { time: here("programs/sdk/time.ts"), timer: here("programs/sdk/timer.ts") };

const bundles = new Map<string, string>();

/** A program of the folder `programs`, and all that it imports, as one script. */
export function bundle(program: string): string {
  let script = bundles.get(program);
  if (script === undefined) {
    const { outputFiles } = buildSync({
      entryPoints: [here(`programs/${program}.ts`)],
      bundle: true,
      write: false,
      format: "iife",
      target: "es2022",
      alias: SDK,
      minifyWhitespace: true, // names stay, for stacks and profiles
    });
    script = outputFiles[0].text;
    bundles.set(program, script);
  }
  return script;
}
