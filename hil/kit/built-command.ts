import { renameSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Modules find their files by their own place, which is not that of the built script. */
const placed: Plugin = {
  name: "placed",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/, namespace: "file" }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const contents = text.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href));
      return { contents, loader: "ts" };
    });
  },
};

/**
 * The script of a command, for tests that start it as a process: Node starts it in a quarter of the processor
 * time that `tsx` takes. `file` is relative to the repository. Not for commands that import by names known at run time.
 */
export async function builtCommand(file: string): Promise<string> {
  const outfile = join(ROOT, "node_modules/.cache/commands", file.replace(/\.ts$/, ".mjs"));
  const beside = `${outfile}.${process.pid}`;
  await build({
    absWorkingDir: ROOT,
    entryPoints: [file],
    outfile: beside,
    alias: { "net-mock-socket": join(ROOT, "emulator/net-mock-socket/src/network.ts") },
    plugins: [placed],
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "silent",
  });
  renameSync(beside, outfile); // whole, also while another test reads it
  return outfile;
}
