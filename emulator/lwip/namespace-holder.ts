import { execFileSync } from "node:child_process";
import net from "node:net";

/**
 * The first process of a network namespace (network-namespace.ts). It makes the TAP device, opens sockets in the namespace and passes them
 * to its parent, and ends when the parent does.
 *
 *   <TAP device> <address of the kernel's end, with the length of its prefix>
 */

const [device, address] = process.argv.slice(2);

/** A request of the parent. */
export type Wanted = { id: number } & (
  | { listen: number }
  | { connect: { host: string; port: number } }
);

/** The answer: a message with the socket, then one with `done`, when only the parent has the socket; or one with the error. */
export interface Given {
  readonly id: number;
  readonly done?: true;
  readonly error?: string;
}

execFileSync("ip", ["-batch", "-"], {
  input: [
    "link set lo up",
    `tuntap add dev ${device} mode tap`,
    `address add ${address} dev ${device}`,
    `link set ${device} up`,
  ].join("\n"),
});

const tell = (given: Given) => process.send!(given);

function give(id: number, socket: net.Server | net.Socket): void {
  process.send!({ id } satisfies Given, socket, {}, () => {
    if (socket instanceof net.Server) socket.close();
    tell({ id, done: true });
  });
}

process.on("message", (wanted: Wanted) => {
  const { id } = wanted;
  const refuse = ({ code, message }: NodeJS.ErrnoException) => tell({ id, error: code ?? message });
  if ("listen" in wanted) {
    const server = net.createServer();
    server.on("error", refuse);
    server.listen(wanted.listen, () => give(id, server));
  } else {
    const socket = net.connect({ ...wanted.connect, allowHalfOpen: true });
    socket.on("error", refuse);
    socket.once("connect", () => {
      socket.off("error", refuse);
      give(id, socket);
    });
  }
});
process.on("disconnect", () => process.exit());
tell({ id: 0, done: true });
