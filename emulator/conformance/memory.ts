import { type Host, type MockServer, Network } from "net-mock-socket";
import { esp32 } from "../src/boards/esp32.ts";
import type { SocketKind } from "../src/boards/kind.ts";
import { profileOf } from "../src/boards/profile.ts";
import { VirtualClock } from "../src/clock.ts";
import { EmulatedTarget } from "./emulated.ts";
import type { Peer, PeerPort } from "./target.ts";

/** Longer than any conversation here, shorter than any timeout of the board. */
const QUIET_MS = 100;

/** The emulated ESP32 with Moddable's own settings, on a network in memory, in virtual time. */
export class MemoryTarget extends EmulatedTarget {
  readonly #clock: VirtualClock;
  readonly #network: Network;
  readonly #host: Host;
  #servers: MockServer[] = [];
  #echoing: { close(): unknown }[] = [];

  constructor(sockets: SocketKind = "sdk") {
    const kind = esp32({ sockets });
    const clock = new VirtualClock();
    const network = new Network({ clock, latencyMs: 1 });
    const wire = network.host("board", profileOf(kind));
    super({ kind, clock, wire });
    this.#clock = clock;
    this.#network = network;
    this.#host = network.host("peer");
  }

  async listen(): Promise<PeerPort> {
    const peers: Peer[] = [];
    const server = this.#host.createServer({ allowHalfOpen: true }, socket => {
      peers.push(this.peer(socket));
    });
    server.listen(0);
    this.#servers.push(server);
    return { address: this.#host.address, port: server.address()!.port, peers };
  }

  async refusing(): Promise<{ address: string; port: number }> {
    return { address: this.#host.address, port: 1 };
  }

  async echoing(): Promise<{ address: string; port: number }> {
    const socket = this.#host.createSocket("udp4", (message, { port, address }) =>
      socket.send(message, port, address),
    );
    socket.bind();
    this.#echoing.push(socket);
    return { address: this.#host.address, port: socket.address().port };
  }

  connect(port: number): Peer {
    return this.peer(this.#host.connect({ host: "board", port, allowHalfOpen: true }));
  }

  async quiet(): Promise<void> {
    await this.#clock.run({ ms: QUIET_MS });
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    if (!(await this.#clock.run({ until: holds }))) throw new Error(`timed out: ${what}`);
  }

  /** Power off, peers gone: what is left of the sockets. */
  async stop(): Promise<string[]> {
    this.unplug();
    for (const server of this.#servers) server.close();
    for (const socket of this.#echoing) socket.close();
    for (const peer of this.peers) peer.destroy();
    await this.#clock.run();
    return this.#network.netstat().map(row => `${row.host} ${row.local} ${row.state}`);
  }
}
