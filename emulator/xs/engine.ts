import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The C compiler, as make would find it. */
const COMPILER = process.env.CC ?? "cc";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const OURS = path.join(FOLDER, "native");
/** C that the chip runs, too. */
const FIRMWARE = path.join(FOLDER, "../../firmware/native");

/** Folders of the package that hold C: the engine, and how it sits on an operating system. */
const XS = ["moddable/xs/includes", "moddable/xs/platforms", "moddable/xs/sources"];
const PLATFORM = "xsnap-native/xsnap/sources";

/**
 * As the package builds its own worker (xsnap-worker.mk), but for `mxDebug`: the chip's release has no
 * line numbers in its byte code, and they would be counted.
 */
const DEFINES = [
  "INCLUDE_XSPLATFORM",
  'XSPLATFORM="xsnapPlatform.h"',
  "mxBoundsCheck=1",
  "mxLockdown=1",
  "mxMetering=1",
  "mxMinusZero=1",
  "mxNoConsole=1",
  "mxParse=1",
  "mxRegExpUnicodePropertyEscapes=1",
  "mxRun=1",
  "mxSloppy=1",
  "mxSnapshot=1",
  "mxStringNormalize=1",
];

const OPTIONS = ["-O2", "-w", "-fno-common", ...DEFINES.map(define => `-D${define}`)];
const LIBRARIES = ["-ldl", "-lm", "-lpthread"];

const run = promisify(execFile);

/** The engine's program. Its name changes with what it is built from, so an old one is never used. */
export function enginePath(): string {
  const hash = createHash("sha256").update(JSON.stringify(OPTIONS));
  hash.update(readFileSync(path.join(FOLDER, "package.json")));
  for (const folder of [OURS, FIRMWARE]) {
    for (const file of readdirSync(folder).sort())
      hash.update(readFileSync(path.join(folder, file)));
  }
  return path.join(FOLDER, "build", `xs-${hash.digest("hex").slice(0, 16)}`);
}

export function engineBuilt(): boolean {
  return existsSync(enginePath());
}

/** Why the engine cannot be built here; `undefined` when it can. */
export function cannotBuild(): string | undefined {
  try {
    execFileSync(COMPILER, ["-fsyntax-only", "-x", "c", "-"], {
      input: "#include <stdlib.h>\n",
      stdio: ["pipe", "ignore", "ignore"],
    });
    return undefined;
  } catch {
    return `no C compiler: "${COMPILER}" compiles nothing (Debian: apt install gcc libc6-dev)`;
  }
}

/** Builds the engine if it is not there. `say` hears what takes so long. */
export async function buildEngine(say: (line: string) => void): Promise<void> {
  if (engineBuilt()) return;
  const why = cannotBuild();
  if (why !== undefined) throw new Error(why);
  const began = performance.now();
  say("building the XS engine: once, up to a minute");
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-xs-"));
  try {
    const program = path.join(work, "xs");
    await link(await compile(await fetchSource(work), work), program);
    mkdirSync(path.dirname(enginePath()), { recursive: true });
    const beside = `${enginePath()}.${process.pid}`;
    execFileSync("cp", [program, beside]);
    renameSync(beside, enginePath()); // whole, or not there
    forgetOthers();
  } finally {
    rmSync(work, { recursive: true });
  }
  say(`built in ${Math.round((performance.now() - began) / 1000)} s`);
}

/** Engines of other sources: nobody starts them again. */
function forgetOthers(): void {
  const folder = path.dirname(enginePath());
  for (const name of readdirSync(folder)) {
    const other = path.join(folder, name);
    if (other !== enginePath()) rmSync(other);
  }
}

/** The package's files, as they were when we chose them. */
async function fetchSource(work: string): Promise<string> {
  const { dependencies, integrity } = JSON.parse(
    readFileSync(path.join(FOLDER, "package.json"), "utf8"),
  );
  const [[name, version]] = Object.entries<string>(dependencies);
  await run("npm", ["pack", `${name}@${version}`, "--silent", "--pack-destination", work]);
  const tarball = path.join(work, readdirSync(work).find(file => file.endsWith(".tgz"))!);
  const digest = createHash("sha512").update(readFileSync(tarball)).digest("base64");
  if (integrity[name] !== `sha512-${digest}`) {
    throw new Error(`${name}@${version}: not the file that emulator/xs/package.json names`);
  }
  await run("tar", ["-xzf", tarball, "-C", work]);
  return path.join(work, "package");
}

async function compile(source: string, work: string): Promise<string[]> {
  const c = (folder: string) =>
    readdirSync(folder)
      .filter(file => file.endsWith(".c"))
      .map(file => path.join(folder, file));
  const files = [
    ...c(path.join(source, "moddable/xs/sources")),
    path.join(source, PLATFORM, "xsnapPlatform.c"),
    ...c(OURS),
    ...c(FIRMWARE),
  ];
  const includes = [...XS, PLATFORM].map(folder => `-I${path.join(source, folder)}`);
  const objects = files.map((_, i) => path.join(work, `${i}.o`));
  let next = 0;
  const worker = async () => {
    while (next < files.length) {
      const i = next++;
      await run(COMPILER, [...OPTIONS, ...includes, "-c", files[i], "-o", objects[i]]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return objects;
}

async function link(objects: string[], program: string): Promise<void> {
  await run(COMPILER, [...objects, ...LIBRARIES, "-o", program]);
}
