import { streaming } from "./forwarding.ts";
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

/** Prints where the instructions of each kind of work go. */
export async function profiles(print: (line: string) => void): Promise<void> {
  for (const [name, begin] of Object.entries(KINDS)) {
    const { bench, run, count } = await begin();
    await run(); // warm
    const functions = await bench.program.machine.profile(run);
    bench.end();
    const all = functions.reduce((sum, { computrons }) => sum + computrons, 0);
    print(`\n${name}: ${(all / count).toFixed(0)} computrons`);
    for (const { name, computrons } of functions) {
      if (computrons < all * SHARE_MIN) break;
      const share = `${((computrons / all) * 100).toFixed(1)} %`.padStart(7);
      const each = (computrons / count).toFixed(0).padStart(8);
      print(`${share} ${each}  ${name}`);
    }
  }
}
