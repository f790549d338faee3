import { writeFileSync } from "node:fs";
import { SingleBar } from "cli-progress";
import { ignoreBrokenPipe } from "../../emulator/src/broken-pipe.ts";
import { nearest } from "../../firmware/src/config/reader.ts";
import { CommandLineError, readCommandLine } from "../../firmware/tools/command-line.ts";
import { WORLDS } from "./experiments.ts";
import { type Outcome, page } from "./page.ts";
import { type Play, play, STRATEGY_NAMES } from "./play.ts";
import { summarize, table, verdict } from "./summary.ts";

const HELP = `npm run lab -- [WORLD …] [options]

Plays every balancing strategy on the same requests, through the whole emulated board in virtual time,
and shows which one does best and why: a table here, charts in a page of their own.

Worlds (all of them when none is named):
${Object.entries(WORLDS)
  .map(([name, { question }]) => `  ${name.padEnd(12)}${question}`)
  .join("\n")}

  --seed N     chance begins here; the same seed plays the same (default 1)
  --out FILE   where the page goes (default strategy-lab.html)
  --help       this text

Example: npm run lab -- one-slow bursts --seed 7
`;

/** Ends with a sentence and code 2: what was asked for cannot be done. */
function complain(sentence: string): never {
  process.stderr.write(`lab: ${sentence}\n`);
  process.exit(2);
}

function read() {
  try {
    return readCommandLine({
      allowPositionals: true,
      options: {
        seed: { type: "string", default: "1" },
        out: { type: "string", default: "strategy-lab.html" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    if (error instanceof CommandLineError) complain(error.message);
    throw error;
  }
}

ignoreBrokenPipe();
const { values, positionals } = read();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (!/^[1-9]\d{0,8}$/.test(values.seed)) {
  complain(`--seed "${values.seed}": wanted a whole number from 1`);
}
const seed = Number(values.seed);
const names = positionals.length > 0 ? positionals : Object.keys(WORLDS);
for (const name of names) {
  if (Object.hasOwn(WORLDS, name)) continue;
  const near = nearest(name, Object.keys(WORLDS));
  complain(
    `no world "${name}"; ${near ? `did you mean "${near}"?` : `there are ${Object.keys(WORLDS).join(", ")}`}`,
  );
}

const bar = new SingleBar({
  format: "{bar} {value}/{total} {what}",
  clearOnComplete: true,
  hideCursor: true,
});
const shown = process.stderr.isTTY;
if (shown) bar.start(names.length * STRATEGY_NAMES.length, 0, { what: "" });
const outcomes: Outcome[] = [];
for (const [i, name] of names.entries()) {
  if (!shown) process.stderr.write(`lab: world ${i + 1} of ${names.length}: ${name}\n`);
  const world = WORLDS[name];
  const plays: Play[] = [];
  for (const strategy of STRATEGY_NAMES) {
    if (shown) {
      bar.update({ what: `${name} ${strategy}` });
      bar.render(); // a play leaves its timer no time
    }
    plays.push(await play(world, strategy, seed));
    if (shown) bar.increment();
  }
  const summaries = plays.map(one => summarize(world, one));
  outcomes.push({ name, world, seed, plays, summaries });
}
if (shown) bar.stop();
for (const { world, summaries } of outcomes) {
  process.stdout.write(
    `${world.question}\n\n${table(world, summaries)}\n\n${verdict(summaries)}\n\n`,
  );
}
try {
  writeFileSync(values.out, page(outcomes));
} catch (error) {
  complain(`--out "${values.out}": ${(error as Error).message}`);
}
process.stdout.write(`charts: ${values.out}\n`);
