import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { bundle } from "../xs/bundle.ts";
import { type Figure, figure, type Measure } from "./figures.ts";

/** How large the program is. */

const FIRMWARE = fileURLToPath(new URL("../../firmware", import.meta.url));

export const code: Measure = async () => [
  figure("bundle.bytes", Buffer.byteLength(bundle("proxy")), "bytes"),
];

/** The SDK's compiler, where an SDK is installed. */
export function xsc(): string | undefined {
  const { MODDABLE } = process.env;
  if (!MODDABLE) return undefined;
  const folder = { linux: "lin", darwin: "mac" }[process.platform as string] ?? "win";
  const program = path.join(MODDABLE, "build", "bin", folder, "release", "xsc");
  return existsSync(program) ? program : undefined;
}

/** Bytes of each module that the chip gets, as the SDK compiles it; nothing without an SDK. */
export const modules: Measure = async () => {
  const compiler = xsc();
  if (compiler === undefined) return [];
  const manifest = JSON.parse(readFileSync(path.join(FIRMWARE, "manifest.json"), "utf8"));
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-xsc-"));
  try {
    const figures: Figure[] = [];
    for (const [name, file] of Object.entries<string>(manifest.modules)) {
      const source = path.join(FIRMWARE, `${file}.ts`);
      if (!existsSync(source)) continue; // the configuration is a module, too
      const script = path.join(work, "module.js");
      const { code } = transformSync(readFileSync(source, "utf8"), {
        loader: "ts",
        target: "es2022",
      });
      writeFileSync(script, code);
      execFileSync(compiler, [script, "-e", "-o", work, "-r", "module"], { stdio: "pipe" });
      figures.push(figure(`module.${name}`, statSync(path.join(work, "module.xsb")).size, "bytes"));
    }
    const total = figures.reduce((sum, { value }) => sum + value, 0);
    return [...figures, figure("modules.bytes", total, "bytes")];
  } finally {
    rmSync(work, { recursive: true });
  }
};
