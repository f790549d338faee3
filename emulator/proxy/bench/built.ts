import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * The script of a program of this folder in one file, as a program is built to be installed. `tsx` runs it slower: it names each
 * function that is made by a call (esbuild's `keepNames`), which costs a proxy of many small functions up to a fifth of its time.
 */
export async function built(file: string): Promise<string> {
  const outfile = `${ROOT}node_modules/.cache/bench/${file.replace(/\.ts$/, ".mjs")}`;
  await build({
    absWorkingDir: FOLDER,
    entryPoints: [file],
    outfile,
    alias: { "net-mock-socket": `${ROOT}emulator/net-mock-socket/src/network.ts` },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  return outfile;
}
