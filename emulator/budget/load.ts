import { once } from "node:events";
import { createRequire } from "node:module";
import net from "node:net";
import { BOARD_ADDRESS } from "../lwip/engine-network.ts";
import type { PeerSocket } from "../lwip/peer-socket.ts";
import { CountedBoard, Counter } from "./counted-board.ts";
import { difference, type InstructionCount } from "./instructions.ts";

/** A board under load on target `lwip`: each of autocannon's connections asks again once it has its answer. */

/** Connections of each rung: those of the published figures. */
const LADDER = [1, 4, 8, 20] as const;

/** Bytes of an answer's body. */
const BODY_BYTES = 1024;

/** Requests in the first of the two stretches whose difference counts, for each connection; and those of the difference. */
const FEW_EACH = 2;
const COUNTED = 240;

/** All clients have one address, and clients without a slot wait for one. */
const SETTINGS = { clientSessionsMax: 20, queueMax: 20 };

/** Interval at which autocannon looks whether it has ended, in real time. */
const SAMPLE_MS = 10;

/** autocannon's limit for an answer, in real time: callgrind makes the board fifty times slower. */
const TIMEOUT_S = 3_600;

/** autocannon has no types of its own. */
type Autocannon = (options: {
  url: string;
  connections: number;
  amount: number;
  sampleInt: number;
  timeout: number;
}) => NodeJS.EventEmitter & PromiseLike<LoadResult>;

interface LoadResult {
  readonly "2xx": number;
  readonly non2xx: number;
}

export interface Rung {
  readonly connections: number;
  /** One request, with its share of the engine's collections. */
  readonly count: InstructionCount;
  /**
   * The instructions of it that the engine's collections of garbage take. Not the chip's: this engine has 64 bits, so the chip's bytes fill
   * sooner, and a collection also visits the slots of modules, which lie in flash there.
   */
  readonly collecting: number;
  /** Share of autocannon's requests that went into a connection which the board was closing. */
  readonly lost: number;
}

/** The functions of a collection: xsMemory.c of XS. */
const COLLECTION = /^fx(Collect|Mark|Sweep)/;

/** Published figures of servers in C on the same chip, in requests a second. */
export const PUBLISHED: readonly (readonly [
  name: string,
  rates: Readonly<Record<number, number>>,
])[] = [
  ["PsychicHttp, a page", { 1: 25, 4: 49, 8: 63, 20: 61 }],
  ["PsychicHttp, JSON", { 1: 31, 4: 68, 8: 86, 20: 89 }],
];

/** The chip: its clock, and what one instruction of x86-64 is there. The last two are estimates, and may be off by two. */
const CHIP_HZ = 240e6;
const CHIP_INSTRUCTIONS = 1.2;
const CHIP_CYCLES = [1.5, 2.5] as const;

/** Requests a second for which the chip's processor has time, from the least to the most likely; `instructions` without collections. */
export function ratesOnChip(instructions: number): [least: number, most: number] {
  const [few, many] = CHIP_CYCLES;
  const rate = (cycles: number) => CHIP_HZ / (instructions * CHIP_INSTRUCTIONS * cycles);
  return [rate(many), rate(few)];
}

function serve(socket: PeerSocket): void {
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${BODY_BYTES}\r\n\r\n${"x".repeat(BODY_BYTES)}`;
  let head = "";
  socket.on("data", (bytes: Buffer) => {
    head += bytes.toString("latin1");
    for (let end = head.indexOf("\r\n\r\n"); end >= 0; end = head.indexOf("\r\n\r\n")) {
      head = head.slice(end + 4);
      socket.write(answer);
    }
  });
  socket.on("end", () => socket.end());
}

/** Virtual time between two looks at whether autocannon has ended. */
const LOOK_MS = 20;

/**
 * Sends so many requests over so many connections; returns how many were answered. Where clients wait for a slot the board closes
 * a connection behind an answer, and autocannon loses the request that it has sent by then.
 */
async function fire(board: CountedBoard, connections: number, amount: number): Promise<number> {
  const { connect } = net;
  // autocannon knows no other network than the computer's.
  net.connect = (() => board.connect()) as unknown as typeof net.connect;
  try {
    const autocannon: Autocannon = createRequire(import.meta.url)("autocannon");
    const url = `http://${BOARD_ADDRESS}`;
    const run = autocannon({
      ...{ url, connections, amount },
      ...{ sampleInt: SAMPLE_MS, timeout: TIMEOUT_S },
    });
    let result: LoadResult | undefined;
    run.then(ended => {
      result = ended;
    });
    await once(run, "start");
    while (result === undefined) await board.pass(LOOK_MS);
    const { "2xx": served, non2xx } = result;
    if (non2xx > 0) throw new Error(`budget: under load ${non2xx} requests were refused`);
    return served;
  } finally {
    net.connect = connect;
  }
}

/** Climbs the ladder, on the chip's heap. */
export async function load(say: (line: string) => void): Promise<Rung[]> {
  const counter = new Counter(say);
  try {
    const rungs: Rung[] = [];
    for (const connections of LADDER) rungs.push(await rung(counter, connections));
    return rungs;
  } finally {
    counter.end();
  }
}

async function rung(counter: Counter, connections: number): Promise<Rung> {
  const options = { settings: SETTINGS, heap: "chip" } as const;
  const board = await new CountedBoard(counter, await counter.engine(), serve, options).start();
  const stretch = async (requests: number) => {
    let served = 0;
    const spent = await board.stretch(async () => {
      served = await fire(board, connections, requests);
    });
    return { served, ...spent };
  };
  const few = FEW_EACH * connections;
  await stretch(few); // warm
  const less = await stretch(few);
  const more = await stretch(few + COUNTED);
  board.end();
  const amount = more.served - less.served;
  const computrons = (more.computrons - less.computrons) / amount;
  const name = `lwip.load.${connections}`;
  const count = difference(name, "request", amount, less.functions, more.functions);
  const lost = 1 - amount / COUNTED;
  const collecting = count.functions
    .filter(({ name }) => COLLECTION.test(name))
    .reduce((sum, { instructions }) => sum + instructions, 0);
  return { connections, count: { ...count, computrons }, collecting, lost };
}

/** A row for each rung: what a request costs, what the chip could do, and what others do. */
export function loadTable(rungs: readonly Rung[]): string {
  const rows = rungs.map(
    ({ connections, count: { instructions, computrons = 0 }, collecting, lost }) => [
      `${connections}`,
      instructions.toFixed(0),
      collecting.toFixed(0),
      computrons.toFixed(0),
      `${(100 * lost).toFixed(0)} %`,
      ratesOnChip(instructions - collecting)
        .map(Math.round)
        .join(" to "),
      ...PUBLISHED.map(([, rates]) => `${rates[connections] ?? "-"}`),
    ],
  );
  const names = ["connections", "instructions", "collecting", "computrons", "lost", "requests/s"];
  const all = [[...names, ...PUBLISHED.map(([name]) => name)], ...rows];
  const widths = all[0].map((_, i) => Math.max(...all.map(row => row[i].length)));
  const lines = all.map(row => row.map((cell, i) => cell.padStart(widths[i])).join("  "));
  return `${lines.join("\n")}\n`;
}
