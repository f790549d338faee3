import { columns } from "../../firmware/tools/columns.ts";
import {
  type Command,
  type CommandLine,
  oneOf,
  portNumber,
  UsageError,
} from "../../firmware/tools/command-line.ts";
import type { Behaviour } from "./behaviour.ts";
import { firehose } from "./firehose.ts";
import { flaky } from "./flaky.ts";
import { slow } from "./slow.ts";
import { steady } from "./steady.ts";
import { vanishing } from "./vanishing.ts";

interface Known {
  readonly help: string;
  readonly start: () => Behaviour;
}

export const BEHAVIOURS: Readonly<Record<string, Known>> = {
  steady: { start: steady, help: "answers at once (default)" },
  slow: { start: slow, help: "answers after half a second" },
  flaky: { start: flaky, help: "resets every third connection" },
  vanishing: { start: vanishing, help: "accepts the connection and never answers" },
  firehose: { start: firehose, help: "sends as fast as the client reads" },
};

/** Every address of this computer: a board on the Wi-Fi reaches it. */
export const DEFAULT_HOST = "0.0.0.0";

export interface Wanted {
  readonly port: number;
  readonly behaviour: string;
}

const readBehaviour = oneOf(Object.keys(BEHAVIOURS));

/** `npm run backends`. */
export const BACKENDS = {
  name: "backends",
  usage: ["PORT[:BEHAVIOUR] … [options]", "8080 8081", "8080 8081:slow 8082:flaky"],
  about: `
Starts a server on each port, named a, b, c, … Each answers HTTP and, on the same port, raw TCP lines.

Behaviours

${columns(Object.entries(BEHAVIOURS).map(([name, { help }]) => [name, help]))}`,
  options: {
    host: {
      value: "ADDRESS",
      default: DEFAULT_HOST,
      help: "the address to listen on: the default is every address, so that a board on the Wi-Fi reaches it",
    },
  },
  word: readWanted,
} as const satisfies Command;

/** The servers of a command line. */
export function readServers({
  words,
}: CommandLine<typeof BACKENDS.options, Wanted>): readonly Wanted[] {
  const ports = words.map(({ port }) => port);
  if (ports.length === 0)
    throw new UsageError("no port was given; try: npm run backends -- 8080 8081");
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined) throw new UsageError(`port ${twice} was given twice`);
  return words;
}

function readWanted(text: string): Wanted {
  const [digits, behaviour = "steady"] = text.split(/:(.*)/s);
  return { port: portNumber(digits), behaviour: readBehaviour(behaviour) };
}
