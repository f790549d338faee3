import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { planted } from "./copy.ts";
import { MUTATIONS } from "./mutations.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test.each(MUTATIONS)("“$name” has exactly one place in the firmware", mutation => {
  expect(planted(ROOT, mutation)).not.toBe("");
});
