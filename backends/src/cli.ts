import { runCommand, UsageError } from "../../firmware/tools/command-line.ts";
import { BACKENDS, BEHAVIOURS, DEFAULT_HOST, readServers, type Wanted } from "./options.ts";
import { type Server, serve } from "./serve.ts";

await runCommand(BACKENDS, line => run(line.values.host, readServers(line)));

async function run(host: string, wanted: readonly Wanted[]): Promise<void> {
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

/** Why a server cannot listen, and what to use instead. */
function refusal(host: string, port: number, { code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return `port ${port} is in use; free it or use another one`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return `--host "${host}": is no address of this computer; use 127.0.0.1 or 0.0.0.0`;
  }
  return `port ${port} cannot be opened: ${message}`;
}

/** a, b, … z, then b27 and so on, as the proxy calls backends without a name. */
function nameOf(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`;
}
