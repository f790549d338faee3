import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atOnce } from "../xs/at-once.ts";
import { findToolchain, noCompiler, type Toolchain } from "../xs/toolchain.ts";
import { firmwareSdkconfig, settingFlags } from "./settings.ts";
import {
  CHANGES,
  CHIP_FILES,
  chipText,
  filesOf,
  findSources,
  flagsOf,
  NO_SOURCES,
  type Sources,
  unpack,
} from "./sources.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const NATIVE = path.join(FOLDER, "native");
const BUILD = path.join(FOLDER, "build");

/** Each ends the program at its first report. */
const SANITIZERS = {
  none: ["-O2"],
  memory: [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-O1",
  ],
  /** By clang, in 64 bits: the program's file has a function for libFuzzer in the place of `main` (FUZZER). */
  fuzzer: [
    "-fsanitize=fuzzer-no-link,address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-O1",
  ],
  /** In 64 bits only. */
  threads: ["-fsanitize=thread", "-O1"],
  /** None, in 64 bits: for callgrind. */
  counted: ["-O2", "-DCOUNTED"],
} as const;

export type Sanitizers = keyof typeof SANITIZERS;

/** The repository's C is compiled with all warnings, lwIP's without. */
const COMMON = ["-std=gnu11", "-g", "-fno-common"];
const OURS = ["-Wall", "-Wextra", "-Wno-sign-compare", "-Werror"];

/** Files of `native`: in both copies; in the peer's alone; beside them. */
const IN_EACH = ["stack.c", "tasks.c"];
const IN_PEER = ["peer.c"];
const BESIDE = ["segment.c", "world.c"];

/** For `options`: lwIP has a task of its own, as on the chip. */
export const WITH_TASKS = ["-DNO_SYS=0"];

/** A program with lwIP in it. */
export interface Program {
  readonly name: string;
  /** The program's C files. They find lwIP's headers and those of `native`. */
  readonly sources: readonly string[];
  /** Files that these include, so that a change builds the program anew. */
  readonly headers?: readonly string[];
  /** With the peer's copy and the wire (world.h); else the board's alone (stack.h, segment.h). */
  readonly world: boolean;
  readonly sanitizers: Sanitizers;
  /** Lines of NAME=value, over the SDK's own settings; by default those of the firmware. */
  readonly sdkconfig?: string;
  /** Options of lwIP beside the settings, as flags of the compiler: `-DLWIP_IGMP=1`. */
  readonly options?: readonly string[];
  readonly flags?: readonly string[];
  /** Linked as they are. */
  readonly objects?: readonly string[];
  readonly libraries?: readonly string[];
}

const execute = promisify(execFile);

/** Runs a command; what it complains about is the error. */
async function run(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await execute(command, args)).stdout;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`${command} failed: ${stderr || (error as Error).message}`);
  }
}

const toolchains = new Map<Sanitizers, Toolchain | undefined>();

/** Links a program with "fuzzer": what runs it. */
export const FUZZER = ["-fsanitize=fuzzer"];

function toolchainFor(sanitizers: Sanitizers): Toolchain | undefined {
  if (!toolchains.has(sanitizers)) {
    const compiler = sanitizers === "fuzzer" ? "clang" : undefined;
    const bits = sanitizers === "counted" || sanitizers === "fuzzer" ? 64 : undefined;
    toolchains.set(sanitizers, findToolchain(compiler, SANITIZERS[sanitizers], bits));
  }
  return toolchains.get(sanitizers);
}

/** Why nothing can be built here; `undefined` when it can. */
export function cannotBuild(sanitizers: Sanitizers = "memory"): string | undefined {
  if (findSources() === undefined) return NO_SOURCES;
  const plain = toolchainFor("none");
  if (plain === undefined) return noCompiler();
  const toolchain = toolchainFor(sanitizers);
  if (toolchain === undefined && sanitizers === "fuzzer")
    return "no clang with libFuzzer (Debian: apt install clang libclang-rt-dev)";
  // The board links C of "memory" with the engine, which has no sanitizers.
  if (toolchain === undefined || (sanitizers === "memory" && toolchain.bits !== plain.bits))
    return `the C compiler builds no program that runs with ${SANITIZERS[sanitizers][0]} (Debian: libasan8, lib32asan8, libtsan2)`;
  return undefined;
}

/** The inputs of a build, and its tools. */
interface Setup {
  readonly sources: Sources;
  readonly toolchain: Toolchain;
  /** For all files. */
  readonly flags: readonly string[];
}

function setUp({ sanitizers, sdkconfig = firmwareSdkconfig(), options = [] }: Kind): Setup {
  const sources = findSources();
  const toolchain = toolchainFor(sanitizers);
  if (sources === undefined || toolchain === undefined) throw new Error(cannotBuild(sanitizers));
  const flags = [...toolchain.flags, ...COMMON, ...settingFlags(sdkconfig), ...options];
  return { sources, toolchain, flags };
}

/** The properties of a program that its copies of lwIP depend on. */
type Kind = Pick<Program, "sanitizers" | "sdkconfig" | "options">;

/** lwIP's two copies and what is beside them, compiled: a folder of objects and of lwIP's headers. */
export interface Library {
  readonly folder: string;
  readonly toolchain: Toolchain;
  readonly flags: readonly string[];
  readonly includes: readonly string[];
}

/** Builds the library if it is missing. */
export async function buildLibrary(
  kind: Kind,
  say: (line: string) => void = () => {},
): Promise<Library> {
  const setup = setUp(kind);
  const { sources, toolchain, flags } = setup;
  const key = createHash("sha256");
  key.update(JSON.stringify([sources.identity, CHANGES, toolchain.identity, flags, OURS]));
  hashFiles(key, nativeFiles());
  const settings = createHash("sha256").update(flags.join()).digest("hex").slice(0, 8);
  const prefix = `lwip${toolchain.bits}-${kind.sanitizers}-${settings}-`;
  const folder = path.join(BUILD, prefix + key.digest("hex").slice(0, 16));
  const includes = includesOf(folder);
  const library = { folder, toolchain, flags, includes };
  if (existsSync(folder)) return library;
  say(`building lwIP (sanitizers: ${kind.sanitizers}, ${toolchain.bits} bits)`);
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-lwip-"));
  try {
    await buildInto(work, setup);
    forgetOthers(prefix);
    await place(path.join(work, "library"), folder);
  } finally {
    rmSync(work, { recursive: true });
  }
  return library;
}

/** The repository's headers, then lwIP's, whose warnings are ignored. */
function includesOf(library: string): string[] {
  return [`-I${NATIVE}`, "-isystem", path.join(library, "include")];
}

async function buildInto(work: string, { sources, toolchain, flags }: Setup): Promise<void> {
  const { compiler } = toolchain;
  const source = unpack(sources, work);
  const library = path.join(work, "library");
  const objects = path.join(work, "objects");
  for (const folder of [library, objects]) mkdirSync(folder);
  const include = path.join(library, "include");
  await run("cp", ["-r", path.join(source, "include"), include]);
  for (const file of CHIP_FILES.filter(file => file.startsWith("include/"))) {
    const header = path.join(library, file);
    writeFileSync(header, chipText(file, readFileSync(header, "utf8")));
  }
  const includes = includesOf(library);

  const object = (name: string) => path.join(objects, `${name.replaceAll("/", "-")}.o`);
  const files = filesOf(source);
  const compileLwip = files.map(name => () => {
    const text = path.join(objects, name.replaceAll("/", "-"));
    writeFileSync(text, chipText(name, readFileSync(path.join(source, name), "utf8")));
    const own = [...flags, ...flagsOf(name), ...includes];
    return run(compiler, [...own, "-w", "-c", text, "-o", object(name)]);
  });
  const compileOurs = [...IN_EACH, ...IN_PEER, ...BESIDE].map(name => () => {
    const to = BESIDE.includes(name) ? path.join(library, `${name}.o`) : object(name);
    const own = [...flags, ...OURS, ...includes];
    return run(compiler, [...own, "-c", path.join(NATIVE, name), "-o", to]);
  });
  await atOnce([...compileLwip, ...compileOurs]);

  // With a sanitizer clang would put its library into what is joined.
  const joined = toolchain.flags.filter(flag => !flag.startsWith("-fsanitize"));
  const join = (names: readonly string[], to: string) =>
    run(compiler, [...joined, "-r", "-nostdlib", ...names.map(object), "-o", to]);
  await join([...files, ...IN_EACH], path.join(library, "board.o"));
  const peer = path.join(work, "peer.o");
  await join([...files, ...IN_EACH, ...IN_PEER], peer);
  await rename(peer, path.join(library, "peer.o"));
}

/**
 * A copy of an object whose names do not meet those of the board's copy. Static functions are renamed, too: callgrind tells the
 * copies apart by these names.
 */
async function rename(object: string, to: string): Promise<void> {
  const lines = (await run("nm", ["--defined-only", object])).split("\n");
  const all = lines.map(line => line.split(" ").at(-1)!);
  const names = [...new Set(all)].filter(name => /^[A-Za-z_]/.test(name) && !/^peer/.test(name));
  const map = `${object}.names`;
  writeFileSync(map, names.map(name => `${name} peer_${name}\n`).join(""));
  await run("objcopy", [`--redefine-syms=${map}`, object, to]);
}

/** Builds a program if it is missing; the path of its file. */
export async function buildProgram(
  program: Program,
  say?: (line: string) => void,
): Promise<string> {
  const { sources, headers = [], objects: given = [], world, sanitizers, libraries = [] } = program;
  const library = await buildLibrary(program, say);
  const { compiler } = library.toolchain;
  const own = program.flags ?? [];
  const key = createHash("sha256");
  key.update(JSON.stringify([library.folder, world, own, libraries]));
  hashFiles(key, [...sources, ...headers, ...given]);
  const prefix = `${program.name}-${sanitizers}-`;
  const file = path.join(BUILD, prefix + key.digest("hex").slice(0, 16));
  if (existsSync(file)) return file;
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-lwip-"));
  try {
    const objects = sources.map((_, i) => path.join(work, `${i}.o`));
    await atOnce(
      sources.map((source, i) => () => {
        const flags = [...library.flags, ...OURS, ...own, ...library.includes];
        return run(compiler, [...flags, "-c", source, "-o", objects[i]]);
      }),
    );
    const copies = world
      ? ["board.o", "peer.o", "segment.c.o", "world.c.o"]
      : ["board.o", "segment.c.o"];
    const linked = [...objects, ...given, ...copies.map(name => path.join(library.folder, name))];
    const built = path.join(work, "program");
    await run(compiler, [...library.flags, ...linked, ...libraries, "-o", built]);
    forgetOthers(prefix);
    await place(built, file);
  } finally {
    rmSync(work, { recursive: true });
  }
  return file;
}

function nativeFiles(): string[] {
  return readdirSync(NATIVE, { recursive: true })
    .map(name => path.join(NATIVE, String(name)))
    .filter(name => /\.[ch]$/.test(name))
    .sort();
}

function hashFiles(hash: ReturnType<typeof createHash>, files: readonly string[]): void {
  for (const file of files) hash.update(`${path.basename(file)}\0`).update(readFileSync(file));
}

/** Deletes earlier builds of this name. */
function forgetOthers(prefix: string): void {
  if (!existsSync(BUILD)) return;
  for (const name of readdirSync(BUILD)) {
    if (name.startsWith(prefix)) rmSync(path.join(BUILD, name), { recursive: true, force: true });
  }
}

/** Moves a file or folder to its place: whole, or not at all. */
async function place(built: string, to: string): Promise<void> {
  mkdirSync(BUILD, { recursive: true });
  const beside = `${to}.${process.pid}`;
  await run("cp", ["-r", built, beside]); // a rename does not leave a file system
  try {
    renameSync(beside, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
    rmSync(beside, { recursive: true }); // another process was first
  }
}
