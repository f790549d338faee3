import { parseArgs } from "node:util";
import type { Behaviour } from "./behaviour.ts";
import { firehose } from "./firehose.ts";
import { flaky } from "./flaky.ts";
import { type Server, serve } from "./serve.ts";
import { slow } from "./slow.ts";
import { steady } from "./steady.ts";
import { vanishing } from "./vanishing.ts";

const BEHAVIOURS: Record<string, () => Behaviour> = { steady, slow, flaky, vanishing, firehose };

/** Every address of this computer: a board on the Wi-Fi reaches it. */
const DEFAULT_HOST = "0.0.0.0";

const HELP = `npm run backends -- PORT[:BEHAVIOUR] …

Starts a server on each port, named a, b, c, … Each answers HTTP and, on the same port, raw TCP
lines.

  npm run backends -- 8080 8081
  npm run backends -- 8080 8081:slow 8082:flaky

Behaviours
  steady      answers at once (default)
  slow        answers after half a second
  flaky       resets every third connection
  vanishing   takes the connection and never answers
  firehose    sends as fast as it is read

Options
  --host ADDRESS   the address to listen on (default ${DEFAULT_HOST}: a board on the Wi-Fi reaches it)
  --help           this text
`;

/** What the person asked for cannot be done; each complaint is one sentence. */
class UsageError extends Error {
  readonly complaints: readonly string[];

  constructor(...complaints: string[]) {
    super(complaints.join("; "));
    this.complaints = complaints;
  }
}

interface Wanted {
  readonly name: string;
  readonly port: number;
  readonly behaviour: string;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") process.stdout.write(HELP);
  else await run(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  for (const complaint of error.complaints) process.stderr.write(`backends: ${complaint}\n`);
  process.exit(2);
}

async function run({ host, wanted }: { host: string; wanted: Wanted[] }): Promise<void> {
  const servers: Server[] = [];
  for (const { name, port, behaviour } of wanted) {
    try {
      servers.push(await serve({ name, port, host, behaviour: BEHAVIOURS[behaviour]() }));
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
    ({ name, port, behaviour }) =>
      `${name}  port ${port}  ${behaviour.padEnd(9)}  curl ${address}:${port}\n`,
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

// The command line

function readOptions(args: string[]): { host: string; wanted: Wanted[] } | "help" {
  const { values, positionals, tokens } = parseArgs({
    args,
    options: { host: { type: "string" }, help: { type: "boolean", short: "h" } },
    strict: false,
    tokens: true,
  });
  if (values.help) return "help";
  const complaints: string[] = [];
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    if (token.name !== "host" && token.name !== "help") {
      complaints.push(`${token.rawName} is no option; --host and --help are`);
    } else if (token.name === "host" && !token.value) {
      complaints.push("--host needs an address, such as 127.0.0.1");
    }
  }
  if (positionals.length === 0) {
    complaints.push("no port was given; try: npm run backends -- 8080 8081");
  }
  const wanted = positionals.flatMap((text, index) => {
    const outcome = readWanted(text, nameOf(index));
    if (typeof outcome !== "string") return outcome;
    complaints.push(outcome);
    return [];
  });
  const ports = wanted.map(({ port }) => port);
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined) complaints.push(`port ${twice} is there twice; each one once would do`);
  if (complaints.length > 0) throw new UsageError(...complaints);
  return { host: String(values.host ?? DEFAULT_HOST), wanted };
}

/** a, b, … z, then b27 and so on, as the proxy calls backends without a name. */
function nameOf(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`;
}

/** What is to be served, or what is wrong with it. */
function readWanted(text: string, name: string): Wanted | string {
  const [, digits, behaviour = "steady"] = /^(\d+)(?::(.+))?$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65535)) {
    return `"${text}": wanted PORT or PORT:BEHAVIOUR, such as 8080 or 8081:slow`;
  }
  if (Object.hasOwn(BEHAVIOURS, behaviour)) return { name, port, behaviour };
  const known = Object.keys(BEHAVIOURS);
  const near = known.find(word => isNear(behaviour, word, 2));
  const hint = near ? `did you mean ${near}?` : `known are ${known.join(", ")}`;
  return `"${text}": no behaviour "${behaviour}"; ${hint}`;
}

/** Whether at most `letters` inserted, removed or changed ones make `a` into `b`. */
function isNear(a: string, b: string, letters: number): boolean {
  if (letters < 0) return false;
  if (a[0] === b[0]) return a === "" || isNear(a.slice(1), b.slice(1), letters);
  return (
    isNear(a.slice(1), b, letters - 1) ||
    isNear(a, b.slice(1), letters - 1) ||
    isNear(a.slice(1), b.slice(1), letters - 1)
  );
}
