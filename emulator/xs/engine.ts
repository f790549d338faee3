import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atOnce } from "./at-once.ts";
import { type Bits, findToolchain, noCompiler, only64Bits, type Toolchain } from "./toolchain.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const OURS = path.join(FOLDER, "native");
const BUILD = path.join(FOLDER, "build");
/** The engine's own C file of the program's sockets, whose requests the board in Node answers. */
const SOCKETS = "sockets.c";
/** C that the chip runs, too: functions that JavaScript calls. The rest of its folder needs lwIP. */
export const FUNCTIONS = ["keywords.c", "head.c", "lines.c", "writer.c"];
const FIRMWARE = FUNCTIONS.map(name => path.join(FOLDER, "../../firmware/native", name));

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

/** The platform's allocation under the names by which native/heap.c calls it, which has its place. */
const PLATFORM_DEFINES = ["fxAllocateChunks=reserveChunks", "fxAllocateSlots=reserveSlots"];

const OPTIONS = ["-O2", "-w", "-fno-common", ...DEFINES.map(define => `-D${define}`)];
const LIBRARIES = ["-ldl", "-lm", "-lpthread"];

const run = promisify(execFile);

/** An engine. */
export interface Engine {
  readonly program: string;
  readonly bits: Bits;
  /** A command that runs it: program and arguments follow these words. */
  readonly under?: readonly string[];
}

/** For an engine beside that of this process: callgrind and ThreadSanitizer tell files and lines. */
const LINE_TABLES = ["-g1"];

/** By the size of a pointer that was wanted. */
const toolchains = new Map<Bits | undefined, Toolchain | undefined>();
let engine: Engine | undefined;

function lookForToolchain(bits?: Bits): Toolchain | undefined {
  if (!toolchains.has(bits))
    toolchains.set(bits, findToolchain(undefined, bits === undefined ? [] : LINE_TABLES, bits));
  return toolchains.get(bits);
}

/** Throws where there is no C compiler. */
function ourToolchain(bits?: Bits): Toolchain {
  const toolchain = lookForToolchain(bits);
  if (toolchain === undefined) throw new Error(noCompiler());
  return toolchain;
}

/** The engine of this process, built or not: looking for the compiler takes a tenth of a second. */
export function ourEngine(): Engine {
  engine ??= engineOf(ourToolchain());
  return engine;
}

function engineOf(toolchain: Toolchain): Engine {
  return { program: pathFor(toolchain), bits: toolchain.bits };
}

/** Another process has looked already. */
export function useEngine(found: Engine): void {
  engine = found;
}

/** The objects that another program with this engine is linked from: see `buildEngine`. */
export interface EngineParts {
  /** All but `SOCKETS`. */
  readonly object: string;
  /** For C that calls the engine. */
  readonly flags: readonly string[];
  readonly libraries: readonly string[];
}

/** The parts of the engine of this computer, or of the one in so many bits, which has been built. */
export function engineParts(bits?: Bits): EngineParts {
  const folder = path.dirname(pathFor(ourToolchain(bits)));
  const headers = [path.join(folder, "headers"), OURS];
  return {
    object: path.join(folder, "engine.o"),
    flags: [...DEFINES.map(define => `-D${define}`), ...headers.flatMap(at => ["-isystem", at])],
    libraries: LIBRARIES,
  };
}

/** The engine's program. Its name changes with what it is built from and by, so an old one is never used. */
function pathFor(toolchain: Toolchain): string {
  const hash = createHash("sha256").update(
    JSON.stringify([OPTIONS, PLATFORM_DEFINES, LIBRARIES, SOCKETS, toolchain.identity]),
  );
  hash.update(readFileSync(path.join(FOLDER, "package.json")));
  const ours = readdirSync(OURS).map(file => path.join(OURS, file));
  for (const file of [...ours.sort(), ...FIRMWARE]) hash.update(readFileSync(file));
  return path.join(BUILD, `${kindOf(toolchain)}-${hash.digest("hex").slice(0, 16)}`, "xs");
}

/** Engines of one kind differ in what they are built from. */
function kindOf({ bits, flags }: Toolchain): string {
  return LINE_TABLES.every(flag => flags.includes(flag)) ? `xs${bits}lines` : `xs${bits}`;
}

/** Why the engine cannot be built here; `undefined` when it can. */
export function cannotBuild(): string | undefined {
  return lookForToolchain() === undefined ? noCompiler() : undefined;
}

/**
 * Builds the engine if it is missing. `say` gets lines about the progress, and that it has 64 bits. With `bits` it is the
 * engine in so many, beside that of this process.
 */
export async function buildEngine(say: (line: string) => void, bits?: Bits): Promise<Engine> {
  const toolchain = ourToolchain(bits);
  const built = bits === undefined ? ourEngine() : engineOf(toolchain);
  if (built.bits === 64 && bits === undefined) say(only64Bits(toolchain));
  if (existsSync(built.program)) return built;
  const began = performance.now();
  say(`building the XS engine in ${built.bits} bits: once, up to a minute`);
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-xs-"));
  try {
    const source = await fetchSource(work);
    const parts = path.join(work, "built");
    mkdirSync(parts);
    for (const folder of [...XS, PLATFORM]) copyHeaders(path.join(source, folder), parts);
    await link(await compile(source, work, toolchain, reportFifths(say)), parts, toolchain);
    const folder = path.dirname(built.program);
    const beside = `${folder}.${process.pid}`;
    cpSync(parts, beside, { recursive: true });
    renameSync(beside, folder); // whole, or not there
    forgetOthers(built);
  } finally {
    rmSync(work, { recursive: true });
  }
  say(`built in ${Math.round((performance.now() - began) / 1000)} s`);
  return built;
}

/** Engines of other sources are not started again. Those of another kind are kept. */
function forgetOthers({ program }: Engine): void {
  const own = path.basename(path.dirname(program));
  const kind = own.slice(0, own.indexOf("-") + 1);
  for (const name of readdirSync(BUILD)) {
    if (name !== own && name.startsWith(kind))
      rmSync(path.join(BUILD, name), { recursive: true, force: true });
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

/** Reports a share from 0 to 1 at each fifth. */
function reportFifths(say: (line: string) => void): (share: number) => void {
  let reported = 0;
  return share => {
    const fifth = Math.floor(share * 5) / 5;
    if (fifth <= reported || fifth === 1) return; // its end is reported elsewhere
    reported = fifth;
    say(`building the XS engine: ${Math.round(fifth * 100)} %`);
  };
}

function copyHeaders(from: string, built: string): void {
  for (const file of readdirSync(from).filter(name => name.endsWith(".h")))
    cpSync(path.join(from, file), path.join(built, "headers", file));
}

/** Objects of the engine, and that of its sockets as the last one. */
async function compile(
  source: string,
  work: string,
  { compiler, flags }: Toolchain,
  progress: (share: number) => void,
): Promise<string[]> {
  const c = (folder: string) =>
    readdirSync(folder)
      .filter(file => file.endsWith(".c"))
      .map(file => path.join(folder, file));
  const platform = path.join(source, PLATFORM, "xsnapPlatform.c");
  const sockets = path.join(OURS, SOCKETS);
  const ours = c(OURS).filter(file => file !== sockets);
  const engine = [...c(path.join(source, "moddable/xs/sources")), platform];
  const files = [...engine, ...ours, ...FIRMWARE, sockets];
  const includes = [...XS, PLATFORM].map(folder => `-I${path.join(source, folder)}`);
  const objects = files.map((_, i) => path.join(work, `${i}.o`));
  let compiled = 0;
  const tasks = files.map((file, i) => async () => {
    const own = file === platform ? PLATFORM_DEFINES.map(define => `-D${define}`) : [];
    await run(compiler, [...flags, ...OPTIONS, ...own, ...includes, "-c", file, "-o", objects[i]]);
    progress(++compiled / files.length);
  });
  await atOnce(tasks);
  return objects;
}

/** Joins all but the sockets for other programs, and makes ours. */
async function link(
  objects: string[],
  built: string,
  { compiler, flags }: Toolchain,
): Promise<void> {
  const [sockets] = objects.slice(-1);
  const engine = path.join(built, "engine.o");
  await run(compiler, [...flags, "-r", "-nostdlib", ...objects.slice(0, -1), "-o", engine]);
  await run(compiler, [...flags, engine, sockets, ...LIBRARIES, "-o", path.join(built, "xs")]);
}
