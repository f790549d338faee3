import type { Host } from "net-mock-socket";
import { Bench, type BenchOptions } from "./bench.ts";
import { type Figure, figure, type Measure } from "./figures.ts";

/** The cost of the board's name by multicast DNS: its memory, and a question. */

const MDNS_PORT = 5353;

/** Longer than it takes to claim a name and to announce it twice. */
const CLAIMED_MS = 5_000;

/** Between two questions: no record is multicast twice in a second, and each second has its share of answers. */
const PAUSE_MS = 1_000;

const WARM = 4;
const MEASURED = 32;

const withName = (options: BenchOptions = {}) =>
  new Bench(() => {}, { ...options, kind: { sockets: "own" }, multicast: true });

/** A query for one name, of the type A. */
function questionFor(name: string): Uint8Array {
  const labels = name.split(".").flatMap(label => [label.length, ...Buffer.from(label)]);
  return Uint8Array.from([0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
}

/** The costs of one question, of which the board answers `answers`. */
async function asked(bench: Bench, host: Host, name: string, answers: 0 | 1): Promise<Figure[]> {
  let received = 0;
  const socket = host.createSocket("udp4", () => received++).bind(0);
  const question = questionFor(name);
  const ask = async (count: number) => {
    for (let i = 0; i < count; i++) {
      socket.send(question, MDNS_PORT, "board");
      await bench.pass(PAUSE_MS);
    }
  };
  await ask(WARM);
  const spent = await bench.spent(() => ask(MEASURED));
  socket.close();
  if (received !== answers * (WARM + MEASURED)) throw new Error(`budget: ${received} answers`);
  const row = answers === 1 ? "mdns.answer" : "mdns.other";
  return [
    figure(row, spent.computrons / MEASURED, "computrons/question"),
    figure(`${row}.slots`, spent.slots / MEASURED, "slots/question"),
    figure(`${row}.chunkBytes`, spent.chunkBytes / MEASURED, "bytes/question"),
  ];
}

export const names: Measure = async () => {
  const without = await withName({ settings: { network: { hostname: "" } } }).start();
  const named = await withName().start();
  await without.pass(CLAIMED_MS);
  await named.pass(CLAIMED_MS);
  const [before, after] = [without.live(), named.live()];
  without.end();
  const figures = [
    figure("mdns.name.slots", after.slots - before.slots, "slots"),
    figure("mdns.name.chunkBytes", after.chunkBytes - before.chunkBytes, "bytes"),
    ...(await asked(named, named.host("client"), "hot-potato.local", 1)),
    ...(await asked(named, named.host("client"), "other.local", 0)),
  ];
  named.end();
  return figures;
};
