import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { defaultCompiler, findToolchain, only64Bits } from "./toolchain.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A compiler: a shell script that may end by giving all its arguments to the real one. */
function compiler(...lines: string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), "hot-potato-cc-"));
  folders.push(folder);
  const file = path.join(folder, "cc");
  writeFileSync(file, ["#!/bin/sh", ...lines].join("\n"), { mode: 0o755 });
  return file;
}

const REAL = `exec ${defaultCompiler()} "$@"`;
const REFUSES_M32 = 'case "$*" in *-m32*) exit 1;; esac';

/** The commands of a compiler whose "program" is a script. */
function builds(script: string): string {
  return `[ "$1" = --version ] && exit; for last; do :; done; printf '#!/bin/sh\\n${script}\\n' > "$last"; chmod 755 "$last"; exit`;
}

test("the engine has pointers of 32 bits where the compiler builds a program that runs with them", () => {
  const toolchain = findToolchain(compiler(builds("printf 32")));
  expect(toolchain).toMatchObject({ bits: 32, flags: ["-m32", "-msse2", "-mfpmath=sse"] });
});

test("without 32-bit libraries it has the compiler's pointers, and the message names the package", () => {
  const file = compiler(REFUSES_M32, REAL);
  const toolchain = findToolchain(file)!;
  expect(toolchain.flags).toEqual([]);
  expect(only64Bits(toolchain)).toContain(`"${file}" builds no 32-bit program`);
  if (process.arch !== "x64") return;
  expect(toolchain.bits).toBe(64);
  expect(only64Bits(toolchain)).toContain("gcc-multilib");
});

test("a program that builds but does not run does not count: a kernel without 32 bits", () => {
  const toolchain = findToolchain(
    compiler(`case "$*" in *-m32*) ${builds("exit 1")};; esac`, REAL),
  );
  expect(toolchain?.flags).toEqual([]);
  expect(findToolchain(compiler(builds("exit 1")))).toBeUndefined();
  expect(findToolchain("/nowhere/cc")).toBeUndefined();
});

test("another compiler, another version or other flags are another engine", () => {
  const file = compiler();
  const identity = (...lines: string[]) => {
    writeFileSync(file, ["#!/bin/sh", ...lines].join("\n"));
    return findToolchain(file)!.identity;
  };
  const version = (text: string) => `[ "$1" = --version ] && echo ${text} && exit`;
  const one = identity(version("1"), builds("printf 64"));
  expect(identity(version("1"), builds("printf 64"))).toBe(one);
  expect(identity(version("2"), builds("printf 64"))).not.toBe(one);
  expect(identity(version("1"), REFUSES_M32, builds("printf 64"))).not.toBe(one);
  expect(findToolchain(compiler(version("1"), builds("printf 64")))!.identity).not.toBe(one);
});
