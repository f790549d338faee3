import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** The C compiler that the engine is built with, and the size of a pointer in what it makes. */
export interface Toolchain {
  readonly compiler: string;
  /** Chooses the size of a pointer; also for linking. */
  readonly flags: readonly string[];
  readonly bits: Bits;
  /** Changes when the compiler changes: its file, version and flags. */
  readonly identity: string;
}

export type Bits = 32 | 64;

/** A 32-bit program on amd64. Doubles are computed with SSE2, as in 64 bits: the x87 rounds differently. */
const X86_FLAGS = ["-m32", "-msse2", "-mfpmath=sse"];

/** Includes a header and calls the C library, so that both must be there for this size of pointer. */
const PROBE = `#include <stdio.h>
#include <stdlib.h>
int main(void) { return printf("%d", (int)(8 * sizeof(void*))) > 0 ? EXIT_SUCCESS : EXIT_FAILURE; }
`;

/** `cc`, as make would take it. */
export function defaultCompiler(): string {
  return process.env.CC || "cc";
}

/**
 * How to build a 32-bit program, which has the chip's sizes of everything in the heap; else a 64-bit one. With `only` one
 * of that size. `undefined` when the compiler builds none that runs. `extra` flags are for compiling and linking, too.
 */
export function findToolchain(
  compiler = defaultCompiler(),
  extra: readonly string[] = [],
  only?: Bits,
): Toolchain | undefined {
  for (const size of [X86_FLAGS, []]) {
    const flags = [...size, ...extra];
    const bits = probe(compiler, flags);
    if (bits === undefined || (only !== undefined && bits !== only)) continue;
    return { compiler, flags, bits, identity: identityOf(compiler, flags) };
  }
  return undefined;
}

export function noCompiler(compiler = defaultCompiler()): string {
  return `no C compiler: "${compiler}" builds no program that runs (Debian: apt install gcc libc6-dev)`;
}

/** The limits of a 64-bit engine, and how to get a 32-bit one. */
export function only64Bits({ compiler }: Toolchain): string {
  const packages =
    process.arch === "x64"
      ? "Debian: apt install gcc-multilib"
      : "set CC to a compiler that builds 32-bit programs for this computer";
  return (
    `XS runs in 64 bits, where slots and chunks are larger than on the chip: ` +
    `"${compiler}" builds no 32-bit program (${packages})`
  );
}

/** Compiles, links and runs a program; the size of its pointers. */
function probe(compiler: string, flags: readonly string[]): Bits | undefined {
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-xs-"));
  try {
    const [source, program] = [path.join(work, "probe.c"), path.join(work, "probe")];
    writeFileSync(source, PROBE);
    execFileSync(compiler, [...flags, source, "-o", program], { stdio: "ignore" });
    const bits = Number(execFileSync(program, { stdio: ["ignore", "pipe", "ignore"] }));
    return bits === 32 || bits === 64 ? bits : undefined;
  } catch {
    return undefined; // this is what the call finds out
  } finally {
    rmSync(work, { recursive: true });
  }
}

function identityOf(compiler: string, flags: readonly string[]): string {
  const version = execFileSync(compiler, ["--version"], { stdio: ["ignore", "pipe", "ignore"] });
  return JSON.stringify([fileOf(compiler), version.toString(), flags]);
}

/** The file that a command runs. */
function fileOf(command: string): string {
  const folders = command.includes(path.sep)
    ? [""]
    : (process.env.PATH ?? "").split(path.delimiter);
  for (const folder of folders) {
    try {
      return realpathSync(path.join(folder, command));
    } catch {
      // Not in this folder.
    }
  }
  return command;
}
