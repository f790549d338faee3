import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const DOCUMENTS = [
  "README.md",
  ...readdirSync("firmware")
    .filter(name => name.endsWith(".md"))
    .map(name => `firmware/${name}`),
];

/** Backends of examples that show something else. */
const BACKENDS = ["nas", "web-1", "web-2"].map(name => ({
  name,
  address: "192.168.1.10",
  port: 80,
}));

const EXAMPLES = DOCUMENTS.flatMap(file => {
  const blocks = readFileSync(file, "utf8").matchAll(/^ *```json\n([\s\S]*?)^ *```/gm);
  return [...blocks].map(([, text], index) => ({ file, number: index + 1, text }));
});

test("there are configurations to copy", () => {
  const files = EXAMPLES.map(({ file }) => file);
  for (const file of ["README.md", "firmware/MACHINES.md"]) expect(files).toContain(file);
});

test.each(EXAMPLES)("configuration $number of $file is valid", ({ text }) => {
  const document = { backends: BACKENDS, ...JSON.parse(text) };
  expect(readConfig(document)).not.toHaveProperty("complaints");
});
