import { esp32Bytes } from "./figures.ts";
import { streaming } from "./forwarding.ts";
import type { InstructionCount } from "./instructions.ts";
import { asking, connecting } from "./sessions.ts";
import type { Work } from "./work.ts";

const KINDS: Record<string, () => Promise<Work>> = {
  "a KiB of raw TCP": () => streaming("tcp"),
  "a KiB of raw TCP that is searched for a keyword": () => streaming("scan"),
  "a KiB of an HTTP body": () => streaming("body"),
  "a KiB of a chunked HTTP body": () => streaming("chunked"),
  "a raw TCP session": connecting,
  "a kept-alive GET": asking,
};

/** Functions below this share of the whole are left out. */
const SHARE_MIN = 0.01;

/** Prints where the computrons of each kind of work go, and its garbage. */
export async function profiles(print: (line: string) => void): Promise<void> {
  for (const [name, begin] of Object.entries(KINDS)) {
    const { bench, run, count } = await begin();
    await run(); // warm
    const functions = await bench.program.machine.profile(run);
    bench.end();
    const costs = functions.map(({ name, computrons }) => ({ name, cost: computrons / count }));
    printCosts(`${name}, computrons`, costs, print);
    const garbage = functions
      .map(each => ({ name: each.name, cost: esp32Bytes(each) / count }))
      .sort((a, b) => b.cost - a.cost);
    printCosts(`${name}, bytes of garbage on the chip`, garbage, print);
  }
}

/** Prints where the processor's instructions go. */
export function profilesOf(
  counts: readonly InstructionCount[],
  print: (line: string) => void,
): void {
  for (const { name, unit, functions } of counts) {
    const costs = functions.map(({ name, part, instructions }) => ({
      name: `${part}: ${name}`,
      cost: instructions,
    }));
    printCosts(`${name} on target lwip, instructions/${unit}`, costs, print);
  }
}

/** The functions, the dearest first. */
function printCosts(
  title: string,
  costs: readonly { name: string; cost: number }[],
  print: (line: string) => void,
): void {
  const all = costs.reduce((sum, { cost }) => sum + cost, 0);
  print(`\n${title}: ${all.toFixed(0)}`);
  for (const { name, cost } of costs) {
    if (cost < all * SHARE_MIN) break;
    const share = `${((cost / all) * 100).toFixed(1)} %`.padStart(7);
    print(`${share} ${cost.toFixed(0).padStart(8)}  ${name}`);
  }
}
