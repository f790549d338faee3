import { describe, expect, test } from "vitest";
import { cannotBuild } from "../../emulator/lwip/build.ts";
import { runProgram } from "../../emulator/lwip/run.ts";
import { PORT } from "./testing.ts";

describe.skipIf(cannotBuild() !== undefined)("the chip's port", () => {
  test("posts one message for one delivery in a host call, and does not wait for a full queue", async () => {
    expect(await runProgram(PORT)).toEqual({
      ...{ free: 1, full: 0, again: 1 },
      ...{ deliveries: 2, outside: 0, hostCalls: 0 },
    });
  });
});
