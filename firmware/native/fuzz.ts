import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildProgram, cannotBuild } from "../../emulator/lwip/build.ts";
import { FUZZ, NATIVE } from "./testing.ts";

/** Fuzzes the C by hand: `npx tsx firmware/native/fuzz.ts [OPTIONS]`, with libFuzzer's options. */

/** Inputs with which fuzzing begins, each a line of hexadecimal bytes. */
const SEEDS = `${NATIVE}test/fuzz-seeds.txt`;

/** Inputs that fuzzing by hand has found, with which the next time begins. */
const FOUND = fileURLToPath(new URL("../../emulator/lwip/build/fuzz-found", import.meta.url));

/** An input has at most so many bytes: about as many steps of a storm as a sanitizer plays in a few milliseconds. */
const INPUT_BYTES_MAX = 800;

function writeSeeds(folder: string): void {
  const lines = readFileSync(SEEDS, "utf8").split("\n").filter(Boolean);
  lines.forEach((hex, i) => {
    writeFileSync(path.join(folder, `seed-${i}`), Buffer.from(hex, "hex"));
  });
}

/** The outcome of a run of the fuzzer. */
interface Fuzzed {
  readonly code: number | null;
  /** Everything that it has written, with the sanitizer's report. */
  readonly text: string;
}

/**
 * Runs a fuzzer over the seeds, beginning with those that `found` has, to which it adds. An input that ends the program is written
 * into `artifacts`.
 */
export async function fuzz(
  program: string,
  options: readonly string[],
  { found = [], artifacts }: { found?: readonly string[]; artifacts?: string } = {},
  say: (text: string) => void = () => {},
): Promise<Fuzzed> {
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-fuzz-"));
  const seeds = path.join(work, "seeds");
  mkdirSync(seeds);
  writeSeeds(seeds);
  const given = [
    `-max_len=${INPUT_BYTES_MAX}`,
    "-len_control=0",
    `-artifact_prefix=${artifacts ?? work}/`,
  ];
  try {
    // A file among the options is played alone.
    const folders = options.some(option => !option.startsWith("-")) ? [] : [...found, seeds];
    const child = spawn(program, [...given, ...options, ...folders], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", piece => {
      text += piece;
      say(piece);
    });
    const code = await new Promise<number | null>((ended, failed) => {
      child.on("error", failed);
      child.on("close", ended);
    });
    return { code, text };
  } finally {
    rmSync(work, { recursive: true });
  }
}

async function main(options: readonly string[]): Promise<void> {
  const why = cannotBuild("fuzzer");
  if (why !== undefined) throw new Error(why);
  mkdirSync(FOUND, { recursive: true });
  const program = await buildProgram(FUZZ, line => process.stderr.write(`${line}\n`));
  const { code } = await fuzz(program, options, { found: [FOUND], artifacts: "." }, text =>
    process.stderr.write(text),
  );
  process.exitCode = code ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await main(process.argv.slice(2));
