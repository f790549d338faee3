import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { buildProgram, cannotBuild, type Program } from "../../emulator/lwip/build.ts";
import { fuzz } from "./fuzz.ts";
import { FUZZ, NATIVE } from "./testing.ts";

/** About a minute of one processor. A number and not a time, so that each run is the same. */
const RUNS = 16_000;
const FIXED = ["-seed=1", `-runs=${RUNS}`];

const why = cannotBuild("fuzzer");
if (why !== undefined && !process.env.CI) process.stderr.write(`fuzzing is skipped: ${why}\n`);
const skip = why !== undefined && !process.env.CI;

test.skipIf(skip)(
  "no bytes, as segments, calls, failed allocations, chunks and heads, break the C",
  async () => {
    const { code, text } = await fuzz(await buildProgram(FUZZ), FIXED);
    expect(text).toContain(`Done ${RUNS} runs`);
    expect(code).toBe(0);
  },
);

/** The program with a fault in one of its files. */
async function withFault(
  work: string,
  file: string,
  find: string,
  replace: string,
): Promise<Program> {
  for (const name of readdirSync(NATIVE)) {
    if (/\.[ch]$/.test(name)) copyFileSync(NATIVE + name, path.join(work, name));
  }
  const text = readFileSync(NATIVE + file, "utf8");
  expect(text.split(find)).toHaveLength(2);
  writeFileSync(
    path.join(work, file),
    text.replace(find, () => replace),
  );
  return {
    ...FUZZ,
    name: "fuzz-fault",
    sources: FUZZ.sources.map(source =>
      source === NATIVE + file ? path.join(work, file) : source,
    ),
  };
}

test.skipIf(skip).each([
  {
    name: "callbacks stay with a control block that is given back",
    file: "records.c",
    find: "	tcp_err(pcb, NULL);\n",
    replace: "",
  },
  {
    name: "the content of chunks has no bound",
    file: "chunked.c",
    find: "	if (size > decoding->allowed) {\n",
    replace: "	if (false) {\n",
  },
  {
    name: "the fields of a head have no bound",
    file: "head.c",
    find: "	if (field >= HEAD_FIELDS_MAX) return 431;\n",
    replace: "",
  },
])("a fault is found: $name", async ({ file, find, replace }) => {
  const work = mkdtempSync(path.join(tmpdir(), "hot-potato-fuzz-fault-"));
  try {
    const { code, text } = await fuzz(
      await buildProgram(await withFault(work, file, find, replace)),
      FIXED,
    );
    expect(code).not.toBe(0);
    expect(text).toMatch(/not so: |AddressSanitizer|runtime error|lwIP: /);
  } finally {
    rmSync(work, { recursive: true });
  }
});
