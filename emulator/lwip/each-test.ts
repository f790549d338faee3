import { beforeEach, inject } from "vitest";

const why = inject("noLwip");

beforeEach(({ skip }) => {
  if (why === undefined) return;
  if (process.env.CI) throw new Error(why);
  skip("lwIP is not built");
});
