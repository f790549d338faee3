import { parseArgs } from "node:util";
import type { Behaviour } from "./behaviour.ts";
import { firehose } from "./firehose.ts";
import { flaky } from "./flaky.ts";
import { type Server, serve } from "./serve.ts";
import { slow } from "./slow.ts";
import { steady } from "./steady.ts";
import { vanishing } from "./vanishing.ts";

const BEHAVIOURS: Record<string, () => Behaviour> = { steady, slow, flaky, vanishing, firehose };

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
  --host ADDRESS   the address to listen on (default 0.0.0.0: a board on the Wi-Fi reaches it)
  --help           this text
`;

class UsageError extends Error {}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`backends: ${error.message}\n`);
  process.exit(2);
}

async function main(args: string[]): Promise<void> {
  const { values, positionals, tokens } = parseArgs({
    args,
    options: { host: { type: "string" }, help: { type: "boolean" } },
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "option" && token.name !== "host" && token.name !== "help") {
      throw new UsageError(`${token.rawName} is no option; --host and --help are`);
    }
  }
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (typeof values.host === "boolean")
    throw new UsageError("--host needs an address, such as 127.0.0.1");
  if (positionals.length === 0) {
    throw new UsageError("no port was given; try: npm run backends -- 8080 8081");
  }
  const wanted = positionals.map(readWanted);
  const servers: Server[] = [];
  for (const [index, { port, behaviour }] of wanted.entries()) {
    const name = index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`;
    try {
      const server = await serve({
        name,
        port,
        host: values.host ?? "0.0.0.0",
        behaviour: BEHAVIOURS[behaviour](),
      });
      servers.push(server);
      process.stdout.write(`${name}  port ${port}  ${behaviour}   curl localhost:${port}\n`);
    } catch (error) {
      throw new UsageError(`port ${port} cannot be had: ${(error as Error).message}`);
    }
  }
  const stop = async () => {
    await Promise.all(servers.map(server => server.stop()));
    process.exit(0);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

function readWanted(text: string): { port: number; behaviour: string } {
  const [, digits, behaviour = "steady"] = /^(\d+)(?::(.+))?$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65535)) {
    throw new UsageError(`"${text}": wanted PORT or PORT:BEHAVIOUR, such as 8080 or 8081:slow`);
  }
  if (!Object.hasOwn(BEHAVIOURS, behaviour)) {
    throw new UsageError(
      `"${text}": no behaviour "${behaviour}"; known are ${Object.keys(BEHAVIOURS).join(", ")}`,
    );
  }
  return { port, behaviour };
}
