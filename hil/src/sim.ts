import { parseArgs } from "node:util";
import { playWorld } from "./campaign.ts";

const HELP = `npm run sim -- [options]

Plays random worlds around the emulated board in virtual time: weather, faults, clients of all sorts.
Each world is played twice and must be the same to the packet.

  --runs N   worlds (default 100)
  --seed N   the first world's seed (default 1); with --runs 1 it replays a world and prints its log
  --help     this text
`;

/** Lines of the network's trace that a failure prints. */
const TRACE_LINES = 40;

function count(name: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  process.stderr.write(`sim: --${name} "${text}": wanted a whole number from 1\n`);
  process.exit(2);
}

const options = {
  runs: { type: "string", default: "100" },
  seed: { type: "string", default: "1" },
  help: { type: "boolean", default: false },
} as const;

function read(): { runs: string; seed: string; help: boolean } {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(`sim: ${(error as Error).message}; --help lists the options\n`);
    process.exit(2);
  }
}

const { runs, seed, help } = read();
if (help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const first = count("seed", seed);
const last = first + count("runs", runs) - 1;
const seen = new Map<string, number>();
const start = performance.now();
let virtualMs = 0;
let failures = 0;
for (let world = first; world <= last; world++) {
  const outcome = await playWorld(world);
  const again = await playWorld(world);
  virtualMs += outcome.ms + again.ms;
  const broken = [...outcome.broken];
  if (again.traceHash !== outcome.traceHash) broken.push("the same seed played another world");
  for (const what of outcome.sometimes) seen.set(what, (seen.get(what) ?? 0) + 1);
  if (process.stdout.isTTY)
    process.stdout.write(`\r${world - first + 1}/${last - first + 1} worlds`);
  if (broken.length === 0 && first !== last) continue;
  failures += broken.length > 0 ? 1 : 0;
  const { lab, plan } = outcome;
  const lines = [
    `\nseed ${world}: ${broken.join("; ") || "as it should be"}`,
    ...plan.map(line => `  ${line}`),
    ...(first === last ? lab.lines : lab.lines.slice(-TRACE_LINES)),
    ...lab.network.trace.lines.slice(-TRACE_LINES),
    ...lab.network.netstat().map(row => JSON.stringify(row)),
    `again: npm run sim -- --seed ${world} --runs 1`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
const seconds = (performance.now() - start) / 1000;
const hit = [...seen].sort().map(([what, worlds]) => `${what} (${worlds})`);
process.stdout.write(
  `\n${last - first + 1} worlds, ${failures} failed; ` +
    `${(virtualMs / 1000 / seconds).toFixed(0)} virtual seconds per second\n` +
    `happened (in how many worlds): ${hit.join(", ")}\n`,
);
process.exitCode = failures > 0 ? 1 : 0;
