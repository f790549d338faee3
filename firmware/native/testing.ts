import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FUZZER, type Program, WITH_TASKS } from "../../emulator/lwip/build.ts";

export const NATIVE = fileURLToPath(new URL(".", import.meta.url));

/** The sockets, portable C. */
export const SOURCES = [
  ...["sockets.c", "records.c", "connections.c", "listeners.c"],
  ...["pipes.c", "search.c", "chunked.c", "datagrams.c"],
].map(name => NATIVE + name);
/** So that the C files find each other's headers. */
export const INCLUDES = [`-I${NATIVE}`];
const HEADERS = [
  ...["sockets.h", "datagrams.h", "framing.h", "head.h", "search.h", "records.h", "port.h"],
  ...["test/peer-script.h", "test/pipe-script.h", "test/datagram-script.h", "test/children.h"],
  ...["test/invariants.h", "test/storm.h", "test/choices.h"],
].map(name => NATIVE + name);

const ours = { headers: HEADERS, flags: INCLUDES };

/** The list of cases in test/cases.c names these files, in this order: connect-cases.c has CONNECT_CASES. */
const CASE_FILES = [
  ...readFileSync(`${NATIVE}test/cases.c`, "utf8").matchAll(/\b([A-Z]+)_CASES\b/g),
].map(([, group]) => `${NATIVE}test/${group.toLowerCase()}-cases.c`);

/** The claims of the cases; `cases <index>` plays one. */
export const TITLES = CASE_FILES.flatMap(file =>
  [...readFileSync(file, "utf8").matchAll(/^\t\{ "([^"]+)", \w+ \},$/gm)].map(([, title]) => title),
);

export const CASE_SOURCES = readdirSync(`${NATIVE}test`)
  .filter(name => /(cases|script|invariants)\.c$/.test(name))
  .map(name => `${NATIVE}test/${name}`);

/** The chip's lwIP has multicast groups. Programs in which time passes quickly do without their timer. */
export const GROUPS = ["-DLWIP_IGMP=1"];

/** The cases of test/: one copy of lwIP, segments by hand. */
export const CASES: Program = {
  ...ours,
  name: "cases",
  sources: [...SOURCES, ...CASE_SOURCES],
  world: false,
  sanitizers: "memory",
  options: GROUPS,
};

/** test/chunked-streams.c: the chunked transfer coding alone. */
export const CHUNKED_STREAMS: Program = {
  ...ours,
  name: "chunked",
  sources: [`${NATIVE}chunked.c`, `${NATIVE}test/chunked-streams.c`],
  world: false,
  sanitizers: "memory",
};

/** test/head-streams.c: the reader of heads alone. */
export const HEAD_STREAMS: Program = {
  name: "heads",
  sources: [`${NATIVE}head.c`, `${NATIVE}test/head-streams.c`],
  headers: [`${NATIVE}head.h`],
  flags: INCLUDES,
  world: false,
  sanitizers: "memory",
};

/** test/written-heads.c: what heads are written with. */
export const WRITTEN_HEADS: Program = {
  name: "written-heads",
  sources: [`${NATIVE}writer.c`, `${NATIVE}test/written-heads.c`],
  headers: [`${NATIVE}head.h`],
  flags: INCLUDES,
  world: false,
  sanitizers: "memory",
};

/** test/pipe-streams.c: streams through a pipe, cut at every byte. */
export const PIPE_STREAMS: Program = {
  ...ours,
  name: "pipe-streams",
  sources: [
    ...SOURCES,
    ...[
      "peer-script.c",
      "pipe-script.c",
      "datagram-script.c",
      "invariants.c",
      "pipe-streams.c",
    ].map(name => `${NATIVE}test/${name}`),
  ],
  world: false,
  sanitizers: "memory",
};

/** test/fuzz.c: the same, controlled by libFuzzer. */
export const FUZZ: Program = {
  ...ours,
  name: "fuzz",
  sources: [
    ...SOURCES,
    `${NATIVE}head.c`,
    ...[
      ...["peer-script.c", "pipe-script.c", "datagram-script.c", "invariants.c"],
      ...["datagram-storm.c", "storm.c", "fuzz.c"],
    ].map(name => `${NATIVE}test/${name}`),
  ],
  world: false,
  sanitizers: "fuzzer",
  libraries: FUZZER,
};

/** test/storms.c: peers and an application that act at random. */
export const STORM: Program = {
  ...ours,
  name: "storm",
  sources: [
    ...SOURCES,
    ...[
      ...["peer-script.c", "pipe-script.c", "datagram-script.c", "invariants.c"],
      ...["datagram-storm.c", "storm.c", "storms.c", "children.c"],
    ].map(name => `${NATIVE}test/${name}`),
  ],
  world: false,
  sanitizers: "memory",
};

/** test/tasks.c: lwIP and the application as two tasks, as on the chip. */
export const TASKS: Program = {
  ...ours,
  name: "tasks",
  sources: [...SOURCES, `${NATIVE}test/tasks.c`],
  world: false,
  sanitizers: "threads",
  options: WITH_TASKS,
};

/** test/port-esp32.c: the chip's port over a queue of the test, with what test/sdk says of the SDK. */
export const PORT: Program = {
  name: "port",
  sources: [`${NATIVE}port-esp32.c`, `${NATIVE}test/port-esp32.c`],
  headers: ["binding.h", "test/sdk/xsmc.h", "test/sdk/xsHost.h"].map(name => NATIVE + name),
  flags: [`-I${NATIVE}test/sdk`],
  world: false,
  sanitizers: "memory",
};

/** test/worlds.c: two copies of lwIP and weather between them. */
export function worlds(sanitizers: Program["sanitizers"]): Program {
  return {
    ...ours,
    name: "worlds",
    sources: [...SOURCES, `${NATIVE}test/worlds.c`, `${NATIVE}test/children.c`],
    world: true,
    sanitizers,
  };
}
