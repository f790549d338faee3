import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("the program in README.md prints the output in README.md", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, program] = /```ts\n(.*?)```/s.exec(readme)!;
  const [, printed] = /```\n\n```\n(.*?)```/s.exec(readme)!;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", program],
    { cwd: fileURLToPath(new URL("../../..", import.meta.url)) },
  );
  expect(stdout).toBe(printed);
});
