import { once } from "node:events";
import net from "node:net";

/** A port of this computer that the system gives to no other program. */
export interface ReservedPort {
  readonly port: number;
  /** Releases the port: other programs may get it. */
  release(): void;
}

/**
 * Reserves a TCP port of `host`: connections to it are refused until a program that is given its number listens
 * on it, and again when that has closed.
 *
 * The port is that of a connection whose listener is closed. Linux gives such a port to no program that
 * asks for any free one, neither to listen nor to connect (`inet_csk_find_open_port` and
 * `__inet_hash_connect` pass over it), but lets one that names it listen, if both have SO_REUSEADDR:
 * Node, nginx and HAProxy set it.
 */
export async function reservePort(host = "127.0.0.1"): Promise<ReservedPort> {
  const server = net.createServer().listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const near = net.connect(port, host);
  const [[far]] = await Promise.all([once(server, "connection"), once(near, "connect")]);
  server.close(); // accepts no further client; "close" follows with the end of its connection
  for (const end of [near, far as net.Socket]) end.on("error", () => {}).unref();
  return {
    port,
    release() {
      near.destroy();
      (far as net.Socket).destroy();
    },
  };
}
