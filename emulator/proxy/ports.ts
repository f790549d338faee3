import net from "node:net";
import { UsageError } from "../../firmware/tools/command-line.ts";

/** The address of this computer that the board's ports and the demo backends have. */
export const DEFAULT_HOST = "127.0.0.1";

/** A port of this computer that is published for one of the board, and the option that did it. */
export interface Published {
  boardPort: number;
  host: string;
  port: number;
  option: string;
}

/** Nothing starts before all ports are known to be free; all that are not are named at once. */
export async function requirePorts(published: readonly Published[], ui: number | undefined) {
  const wanted = [
    ...published,
    ...(ui ? [{ host: DEFAULT_HOST, port: ui, option: `--ui ${ui}` }] : []),
  ];
  for (const [i, one] of wanted.entries()) {
    const other = wanted.slice(0, i).find(({ host, port }) => {
      const meet = host === one.host || [host, one.host].includes("0.0.0.0");
      return port === one.port && meet;
    });
    if (other === undefined) continue;
    throw new UsageError(
      `${other.option} and ${one.option}: port ${one.port} of this computer can be only one of them`,
    );
  }
  const busy: { what: string; option: string; taken: boolean }[] = [];
  for (const { host, port, option } of wanted) {
    const why = await cannotListen(host, port);
    if (why === undefined) continue;
    const taken = why.code === "EADDRINUSE";
    busy.push({
      what: `port ${port} ${taken ? "is taken" : `cannot be had (${why.message})`}`,
      option,
      taken,
    });
  }
  if (busy.length === 0) return;
  const another = busy.some(({ taken }) => taken) ? "; is another emulate running?" : ";";
  const used = new Set(wanted.map(({ port }) => port));
  const others = busy.map(({ option }) => withPort(option, nextPort(used)));
  throw new UsageError(
    `${busy.map(({ what }) => what).join(", ")} on this computer${another} Use free ones: ${others.join(" ")}`,
  );
}

/** The option with another port at its end. */
export function withPort(option: string, port: number): string {
  return option.replace(/\d+$/, String(port));
}

/** One behind all that are used, which is then used, too. */
function nextPort(used: Set<number>): number {
  const last = Math.max(...used);
  const port = last < 65_535 ? last + 1 : Math.min(...used) - 1;
  used.add(port);
  return port;
}

/** Why the port cannot be listened on; `undefined`: it can. */
function cannotListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    const server = net.createServer();
    server.once("error", resolve);
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, DEFAULT_HOST, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** On the usual ports; on any free one where a usual one is `used` or taken. */
export function demoBackends(ports: readonly number[], used: readonly (number | undefined)[]) {
  return Promise.all(
    ports.map(async usual => {
      const busy = used.includes(usual) || (await cannotListen(DEFAULT_HOST, usual)) !== undefined;
      return { address: DEFAULT_HOST, port: busy ? await anyPort() : usual };
    }),
  );
}
