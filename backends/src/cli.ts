import {
  columns,
  oneOf,
  portNumber,
  runCommand,
  UsageError,
} from "../../firmware/tools/command-line.ts";
import type { Behaviour } from "./behaviour.ts";
import { firehose } from "./firehose.ts";
import { flaky } from "./flaky.ts";
import { type Server, serve } from "./serve.ts";
import { slow } from "./slow.ts";
import { steady } from "./steady.ts";
import { vanishing } from "./vanishing.ts";

interface Known {
  readonly help: string;
  readonly start: () => Behaviour;
}

const BEHAVIOURS: Readonly<Record<string, Known>> = {
  steady: { start: steady, help: "answers at once (default)" },
  slow: { start: slow, help: "answers after half a second" },
  flaky: { start: flaky, help: "resets every third connection" },
  vanishing: { start: vanishing, help: "accepts the connection and never answers" },
  firehose: { start: firehose, help: "sends as fast as the client reads" },
};

/** Every address of this computer: a board on the Wi-Fi reaches it. */
const DEFAULT_HOST = "0.0.0.0";

interface Wanted {
  readonly port: number;
  readonly behaviour: string;
}

const readBehaviour = oneOf(Object.keys(BEHAVIOURS));

await runCommand(
  {
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
  },
  ({ values, words }) => run(values.host, words),
);

async function run(host: string, wanted: readonly Wanted[]): Promise<void> {
  const ports = wanted.map(({ port }) => port);
  if (ports.length === 0)
    throw new UsageError("no port was given; try: npm run backends -- 8080 8081");
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined) throw new UsageError(`port ${twice} was given twice; wanted once`);
  const servers: Server[] = [];
  for (const [index, { port, behaviour }] of wanted.entries()) {
    try {
      servers.push(
        await serve({ name: nameOf(index), port, host, behaviour: BEHAVIOURS[behaviour].start() }),
      );
    } catch (error) {
      throw new UsageError(refusal(host, port, error as NodeJS.ErrnoException));
    }
  }
  const stop = async () => {
    await Promise.all(servers.map(server => server.stop()));
    process.exit(0);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);

  const address = host === DEFAULT_HOST ? "localhost" : host;
  const lines = wanted.map(
    ({ port, behaviour }, index) =>
      `${nameOf(index)}  port ${port}  ${behaviour.padEnd(9)}  curl ${address}:${port}\n`,
  );
  process.stdout.write(lines.join(""));
}

/** Why a server cannot listen, and what would do. */
function refusal(host: string, port: number, { code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return `port ${port} is taken; free it or give another one`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return `--host "${host}": is no address of this computer; 127.0.0.1 or 0.0.0.0 would do`;
  }
  return `port ${port} cannot be had: ${message}`;
}

/** a, b, … z, then b27 and so on, as the proxy calls backends without a name. */
function nameOf(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`;
}

function readWanted(text: string): Wanted {
  const [digits, behaviour = "steady"] = text.split(/:(.*)/s);
  return { port: portNumber(digits), behaviour: readBehaviour(behaviour) };
}
