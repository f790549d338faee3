import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { runCommand, UsageError, wholeNumber } from "../../../firmware/tools/command-line.ts";
import { built } from "./built.ts";
import {
  BARE,
  type Contestant,
  HTTP_CONTESTANTS,
  OURS,
  program,
  TCP_CONTESTANTS,
} from "./contestants.ts";
import type { Load, Measured } from "./load.ts";
import type { Running } from "./system-server.ts";

const BYTES_PER_MIB = 1024 * 1024;

/** Bytes of the large body. */
const BODY_BYTES = 10 * BYTES_PER_MIB;

/** Rounds before the measured ones: the more code a proxy has, the longer V8 takes until all of it is compiled to fast code. */
const WARM_UP_ROUNDS = 3;

/** Clock ticks per second in /proc (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Columns for a contestant's name. */
const NAME_WIDTH = 22;

/** Columns of the figures: the median, its ratio, and the processor time per request and per MiB. */
const FIGURE_WIDTHS = [12, 7, 16, 12];

interface Suite {
  readonly name: string;
  readonly unit: "requests/s" | "MB/s";
  readonly contestants: readonly Contestant[];
  readonly load: Omit<Load, "port" | "ms">;
}

const SUITES: readonly Suite[] = [
  suite("tcp", "kept alive, 16 connections", { connections: 16 }),
  suite("tcp", "one connection per request, 16 at once", { connections: 16, reconnect: true }),
  suite("tcp", "bodies of 10 MiB, 4 connections", { connections: 4, bodyBytes: BODY_BYTES }),
  suite("http", "kept alive, 1 connection", { connections: 1 }),
  suite("http", "kept alive, 16 connections", { connections: 16 }),
  suite("http", "kept alive, 64 connections", { connections: 64 }),
  suite("http", "one connection per request, 16 at once", { connections: 16, reconnect: true }),
  suite("http", "bodies of 10 MiB, 4 connections", { connections: 4, bodyBytes: BODY_BYTES }),
];

function suite(
  kind: "tcp" | "http",
  what: string,
  load: { connections: number; reconnect?: boolean; bodyBytes?: number },
): Suite {
  return {
    name: `${kind}, ${what}`,
    unit: load.bodyBytes === undefined ? "requests/s" : "MB/s",
    contestants: kind === "tcp" ? TCP_CONTESTANTS : HTTP_CONTESTANTS,
    load: { reconnect: false, bodyBytes: 0, ...load },
  };
}

interface Row {
  readonly contestant: string;
  readonly unit: string;
  readonly median: number;
  /** To the bare pipe in the same round. */
  readonly ratio: number;
  /** Processor time of the proxy, user and system, in microseconds; `undefined` where there is no /proc. */
  readonly cpu: { readonly usPerRequest: number; readonly usPerMiB: number } | undefined;
  readonly rounds: readonly number[];
}

/** The most rounds, and the most milliseconds. */
const COUNT_MAX = 999_999;

interface BenchOptions {
  readonly rounds: number;
  readonly ms: number;
  readonly only: string;
  readonly json: string;
}

await runCommand(
  {
    name: "bench",
    usage: ["[options]"],
    about: `
Measures proxies side by side: each as a process of its own, in turns, several rounds, the same load
and the same two backends for all. Each figure is the median of its rounds; each ratio is the median
of the rounds' ratios to the bare pipe, two sockets piped into each other in Node. On Linux the last
two columns are the proxy's own processor time, which other programs on the computer disturb less.
What the rows and columns mean: emulator/README.md, "The bench".`,
    options: {
      rounds: {
        value: "N",
        read: wholeNumber(1, COUNT_MAX),
        default: "5",
        help: `measured rounds, after ${WARM_UP_ROUNDS} to warm up`,
      },
      ms: {
        value: "N",
        read: wholeNumber(1, COUNT_MAX),
        default: "1000",
        help: "milliseconds per measurement",
      },
      only: { value: "WORD", help: "only suites whose name contains WORD" },
      json: { value: "FILE", default: "bench.json", help: "where the figures go" },
    },
  },
  ({ values }) => bench({ ...values, only: values.only ?? "" }),
);

async function bench({ rounds, ms, only, json }: BenchOptions): Promise<void> {
  const suites = SUITES.filter(({ name }) => name.includes(only));
  if (suites.length === 0) {
    throw new UsageError(
      `--only "${only}": no such suite; there are ${SUITES.map(({ name }) => `"${name}"`).join(", ")}`,
    );
  }
  const backends = [await program("backend.ts"), await program("backend.ts")];
  const generator = fork(await built("load.ts"), { execArgv: [] });
  await once(generator, "message");
  const results: { suite: string; rows: Row[] }[] = [];
  try {
    for (const suite of suites) {
      process.stdout.write(`\n${suite.name}\n${heading(suite)}`);
      const rows = await measureSuite(suite, { backends, generator, rounds, ms });
      results.push({ suite: suite.name, rows });
      for (const row of rows) process.stdout.write(line(row));
    }
  } finally {
    generator.kill();
    for (const backend of backends) await backend.stop();
  }
  const machine = { node: process.version, cpu: os.cpus()[0]?.model, cpus: os.cpus().length };
  writeFileSync(json, `${JSON.stringify({ machine, rounds, ms, results }, null, 2)}\n`);
  process.stdout.write(`\nAll figures: ${json}\n`);
}

/** A contestant that runs, and its figures of each round. */
interface Present {
  readonly name: string;
  readonly running: Running;
  readonly rounds: number[];
  readonly usPerRequest: number[];
  readonly usPerMiB: number[];
}

async function measureSuite(
  { contestants, load, unit }: Suite,
  bench: { backends: Running[]; generator: ChildProcess; rounds: number; ms: number },
): Promise<Row[]> {
  const { generator, ms } = bench;
  const ports = bench.backends.map(({ port }) => port);
  const present: Present[] = [];
  for (const contestant of contestants) {
    const missing = contestant.missing();
    if (missing !== undefined) {
      process.stdout.write(`  ${contestant.name.padEnd(NAME_WIDTH)}  left out: ${missing}\n`);
      continue;
    }
    const running = await contestant.start(ports);
    present.push({ name: contestant.name, running, rounds: [], usPerRequest: [], usPerMiB: [] });
  }
  try {
    for (let round = 0; round < WARM_UP_ROUNDS + bench.rounds; round++) {
      for (const { name, running, rounds, usPerRequest, usPerMiB } of rotated(present, round)) {
        const before = cpuTimeUs(running.pid);
        const measured = await measure(generator, { ...load, port: running.port, ms }, name);
        if (round < WARM_UP_ROUNDS) continue;
        const us = cpuTimeUs(running.pid) - before;
        rounds.push(figure(measured, unit));
        usPerRequest.push(us / measured.requests);
        usPerMiB.push(us / (measured.bytes / BYTES_PER_MIB));
      }
    }
  } finally {
    for (const { running } of present) await running.stop();
  }
  const yardstick = present.find(({ name }) => name === BARE)!.rounds;
  return present.map(({ name, rounds, usPerRequest, usPerMiB }) => ({
    contestant: name,
    unit,
    median: median(rounds),
    ratio: median(rounds.map((value, round) => value / yardstick[round])),
    cpu: Number.isNaN(usPerRequest[0])
      ? undefined
      : { usPerRequest: median(usPerRequest), usPerMiB: median(usPerMiB) },
    rounds,
  }));
}

async function measure(generator: ChildProcess, load: Load, name: string): Promise<Measured> {
  generator.send(load);
  const [answer] = (await once(generator, "message")) as [Measured | { error: string }];
  if ("error" in answer) throw new Error(`${name}: ${answer.error}`);
  return answer;
}

function figure({ requests, bytes, seconds }: Measured, unit: Suite["unit"]): number {
  return unit === "MB/s" ? bytes / 1e6 / seconds : requests / seconds;
}

/** Processor time that a process has used, user and system; NaN where there is no /proc. */
function cpuTimeUs(pid: number): number {
  if (process.platform !== "linux") return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function heading({ unit }: Suite): string {
  return columns("", [unit, "ratio", "cpu µs/request", "cpu µs/MiB"]);
}

function line({ contestant, median, ratio, cpu }: Row): string {
  const times = cpu === undefined ? [] : [cpu.usPerRequest.toFixed(0), cpu.usPerMiB.toFixed(0)];
  return columns(contestant, [median.toFixed(0), ratio.toFixed(2), ...times]);
}

function columns(name: string, figures: readonly string[]): string {
  const mark = name === OURS ? "*" : " ";
  const cells = figures.map((figure, i) => figure.padStart(FIGURE_WIDTHS[i]));
  return `${mark} ${name.padEnd(NAME_WIDTH)}${cells.join("")}\n`;
}
