import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { buildProgram, type Program } from "./build.ts";

const execute = promisify(execFile);

/** Runs a program to its end; the JSON that it prints. It throws what a sanitizer reports. */
export async function runProgram<T>(
  program: Program,
  ...args: readonly (string | number)[]
): Promise<T> {
  const { stdout } = await execute(await buildProgram(program), args.map(String));
  return JSON.parse(stdout);
}
