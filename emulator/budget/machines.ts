import { MACHINES_MAX } from "../../firmware/src/config/settings.ts";
import { Bench } from "./bench.ts";
import { type Figure, figure, type Measure } from "./figures.ts";
import { GET, open } from "./sessions.ts";

/** Memory of machines that sleep, and of clients that are held for one. */

/** Machines of a small board, and of the largest. */
const [FEW, MOST] = [2, MACHINES_MAX];

/** Clients that are held at once, beside one that was there before. */
const HELD = 8;

/** No program listens on this port and those after it. */
const DEAD_PORT = 9000;

/** Until the first checks have ended, and between two of the later ones. */
const CHECKED_MS = 1_500;

/** Until a client's request has arrived, after the first packets for the machine have left. */
const WAITING_MS = 5_000;

/** As many backends that do not answer, on a machine each or on none. */
function settingsOf(count: number, hasMachines: boolean): object {
  const name = (i: number) => `machine-${i}`;
  const all = Array.from({ length: count }, (_, i) => i);
  return {
    health: { check: "tcp" },
    backends: all.map(i => ({
      ...{ address: "10.0.0.1", port: DEAD_PORT + i },
      ...(hasMachines ? { machine: name(i) } : {}),
    })),
    ...(hasMachines
      ? { machines: all.map(i => ({ name: name(i), mac: `24:0a:c4:00:00:0${i}` })) }
      : {}),
  };
}

async function live(count: number, hasMachines: boolean) {
  const bench = await new Bench(() => {}, { settings: settingsOf(count, hasMachines) }).start();
  await bench.pass(CHECKED_MS);
  const { slots, chunkBytes } = bench.live();
  bench.end();
  return { slots, chunkBytes };
}

/** Memory for each machine, more than for a backend that is on none, and for what all machines share. */
async function asleep(): Promise<Figure[]> {
  const [few, most] = [await live(FEW, true), await live(MOST, true)];
  const [plainFew, plainMost] = [await live(FEW, false), await live(MOST, false)];
  const ofMachine = (of: "slots" | "chunkBytes") =>
    (most[of] - few[of] - (plainMost[of] - plainFew[of])) / (MOST - FEW);
  const ofAll = (of: "slots" | "chunkBytes") => few[of] - plainFew[of] - FEW * ofMachine(of);
  return [
    figure("machine.slots", ofMachine("slots"), "slots/machine"),
    figure("machine.chunkBytes", ofMachine("chunkBytes"), "bytes/machine"),
    figure("machines.slots", ofAll("slots"), "slots"),
    figure("machines.chunkBytes", ofAll("chunkBytes"), "bytes"),
  ];
}

/** A client whose request waits until its machine is awake. */
async function held(): Promise<Figure[]> {
  const settings = { ...settingsOf(1, true), heldMax: HELD + 1 };
  const bench = await new Bench(() => {}, { settings }).start();
  await bench.pass(CHECKED_MS);
  const ask = () => open(bench).write(GET);
  ask();
  await bench.pass(WAITING_MS);
  const before = bench.live();
  for (let i = 0; i < HELD; i++) ask();
  await bench.pass(WAITING_MS);
  const after = bench.live();
  const count = bench.look(["proxy", "pool", "queue", "held"]);
  bench.end();
  if (count !== HELD + 1) throw new Error(`budget: held: ${count} clients are held`);
  return [
    figure("held.slots", (after.slots - before.slots) / HELD, "slots/client"),
    figure("held.chunkBytes", (after.chunkBytes - before.chunkBytes) / HELD, "bytes/client"),
  ];
}

export const machines: Measure = async () => [...(await asleep()), ...(await held())];
