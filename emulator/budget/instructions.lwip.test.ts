import { expect, test } from "vitest";
import { committed, overLimit } from "./budget.ts";
import { cannotCount } from "./counted-board.ts";
import { instructions } from "./instructions.ts";

const why = cannotCount();

test.skipIf(why !== undefined && !process.env.CI)(
  "with its engine, its sockets and lwIP the firmware takes no more instructions than its limits; `npm run budget` shows more",
  async () => {
    expect(overLimit(await instructions(() => {}), committed())).toEqual([]);
  },
);
