import { machineWith } from "../xs/engine-snapshots.ts";
import { esp32Bytes, type Figure, figure, type Measure } from "./figures.ts";

/**
 * The cost of a pick, for every strategy of the table in `balancer/strategies.ts`: a new one is measured
 * without a line here.
 */

/** Small, usual, and the most that a pool may hold. */
const SIZES = [2, 8, 32];

/** Every command has as many letters, so that its text takes as much of the heap. */
const COMMAND_LENGTH = 64;

const WARM = 100;
const MEASURED = 1000;

export const picks: Measure = async () => {
  const machine = machineWith("picks", { now: () => 0, answer: () => "" });
  const call = (name: string, value?: unknown) =>
    machine.command(JSON.stringify([name, value]).padEnd(COMMAND_LENGTH));
  const figures: Figure[] = [];
  for (const strategy of JSON.parse(call("strategies"))) {
    for (const backends of SIZES) {
      call("group", { strategy, backends });
      call("pick", WARM);
      const pick = (count: number) => {
        machine.collectGarbage();
        const before = machine.figures();
        call("pick", count);
        const after = machine.figures();
        if (after.collections > before.collections) {
          throw new Error(`budget: ${strategy}: garbage was collected, and not counted`);
        }
        return {
          computrons: after.computrons - before.computrons,
          bytes: esp32Bytes(after) - esp32Bytes(before),
        };
      };
      // The cost of the command itself cancels out in the difference.
      const [none, many] = [pick(0), pick(MEASURED)];
      const name = `pick.${strategy}.${backends}`;
      figures.push(
        figure(name, (many.computrons - none.computrons) / MEASURED, "computrons/pick"),
        figure(`${name}.esp32Bytes`, (many.bytes - none.bytes) / MEASURED, "bytes/pick"),
      );
    }
  }
  machine.end();
  return figures;
};
