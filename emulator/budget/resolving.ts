import { BACKENDS_MAX } from "../../firmware/src/config/settings.ts";
import { TTL_MIN_MS } from "../../firmware/src/dns/resolver.ts";
import { Bench } from "./bench.ts";
import { figure, type Measure } from "./figures.ts";
import { answers } from "./sessions.ts";

/** Costs of backends by host name. */

const WARM = 5;
const MEASURED = 50;

/** Backends of a small board, and of the largest. */
const [FEW, MOST] = [2, BACKENDS_MAX];

/** A name is asked for when its time is up: that of these answers is the shortest. */
const TTL_S = TTL_MIN_MS / 1000;

/** Each question, from the alarm to the next one: the query, its answer, and the backend that has the same address again. */
export const questions: Measure = async () => {
  const bench = await new Bench(answers, { hasNames: true, ttlS: TTL_S }).start();
  await bench.pass(WARM * TTL_MIN_MS);
  const before = bench.questions;
  const { computrons, slots, chunkBytes, collections } = await bench.spent(() =>
    bench.pass(MEASURED * TTL_MIN_MS),
  );
  const count = bench.questions - before;
  bench.end();
  if (count < MEASURED - 2 || collections > 0)
    throw new Error(`budget: name.question: ${count} questions, ${collections} collections`);
  return [
    figure("name.question", computrons / count, "computrons/question"),
    figure("name.question.slots", slots / count, "slots/question"),
    figure("name.question.chunkBytes", chunkBytes / count, "bytes/question"),
  ];
};

/** Live memory: of each name more than of an address, and of what all names share. */
export const hostNames: Measure = async () => {
  const live = async (backends: number, hasNames: boolean) => {
    const bench = await new Bench(answers, { backends, hasNames }).start();
    await bench.pass(1_000);
    const { slots, chunkBytes } = bench.live();
    bench.end();
    return { slots, chunkBytes };
  };
  const [few, most] = [await live(FEW, true), await live(MOST, true)];
  const [plainFew, plainMost] = [await live(FEW, false), await live(MOST, false)];
  const ofName = (of: "slots" | "chunkBytes") =>
    (most[of] - few[of] - (plainMost[of] - plainFew[of])) / (MOST - FEW);
  const ofAll = (of: "slots" | "chunkBytes") => few[of] - plainFew[of] - FEW * ofName(of);
  return [
    figure("name.slots", ofName("slots"), "slots/name"),
    figure("name.chunkBytes", ofName("chunkBytes"), "bytes/name"),
    figure("names.slots", ofAll("slots"), "slots"),
    figure("names.chunkBytes", ofAll("chunkBytes"), "bytes"),
  ];
};
