import dgram from "node:dgram";
import net from "node:net";
import { esp32 } from "../src/boards/esp32.ts";
import type { SocketKind } from "../src/boards/kind.ts";
import { RealClock } from "../src/clock.ts";
import { type ReservedPort, reservePort } from "../src/reserved-port.ts";
import { EmulatedTarget } from "./emulated.ts";
import type { Peer, PeerPort } from "./target.ts";

const HOST = "127.0.0.1";

/** The emulated ESP32 with Moddable's own settings, on this computer's sockets, in real time. */
export class LoopbackTarget extends EmulatedTarget {
  /** The computer's port for each port of the board. */
  readonly #found: Map<number, number>;
  #servers: net.Server[] = [];
  #echoing: dgram.Socket[] = [];
  #refusing: ReservedPort | undefined;
  #marker: { near: net.Socket; far: net.Socket } | undefined;

  readonly #patienceMs: number;

  /** A wait of `patienceMs` has timed out. */
  constructor(patienceMs: number, sockets: SocketKind = "sdk") {
    const found = new Map<number, number>();
    super({
      kind: { ...esp32({ sockets }), joinMs: 0 },
      clock: new RealClock(),
      wire: { ...net, createSocket: dgram.createSocket },
      publish: port => {
        found.delete(port);
        return { port: 0, host: HOST };
      },
      onListening: (port, at) => found.set(port, at.port),
    });
    this.#found = found;
    this.#patienceMs = patienceMs;
  }

  override async start(): Promise<void> {
    const server = await this.#serve(far => {
      far.on("error", () => {});
      this.#marker = { near, far };
    });
    const near = net.connect((server.address() as net.AddressInfo).port, HOST);
    near.on("error", () => {});
    await super.start();
  }

  async listen(): Promise<PeerPort> {
    const peers: Peer[] = [];
    const server = await this.#serve(socket => peers.push(this.peer(socket)));
    return { address: HOST, port: (server.address() as net.AddressInfo).port, peers };
  }

  async refusing(): Promise<{ address: string; port: number }> {
    this.#refusing ??= await reservePort(HOST);
    return { address: HOST, port: this.#refusing.port };
  }

  async echoing(): Promise<{ address: string; port: number }> {
    const socket = dgram.createSocket("udp4", (message, { port, address }) =>
      socket.send(message, port, address),
    );
    this.#echoing.push(socket);
    await new Promise<void>(resolve => socket.bind(0, HOST, resolve));
    return { address: HOST, port: socket.address().port };
  }

  connect(port: number): Peer {
    const socket = new net.Socket({ allowHalfOpen: true });
    void this.until("an open port", () => this.#found.has(port)).then(() =>
      socket.connect(this.#found.get(port)!, HOST),
    );
    return this.peer(socket);
  }

  /** A byte sent now arrives after all that was sent before; the board has then had its turns. */
  async quiet(): Promise<void> {
    for (let round = 0; round < 10; round++) {
      const { near, far } = this.#marker!;
      const arrived = new Promise(resolve => far.once("data", resolve));
      near.write("?");
      await arrived;
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`timed out: ${what}`);
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    this.unplug();
    this.#marker?.near.destroy();
    this.#marker?.far.destroy();
    this.#refusing?.release();
    for (const socket of this.#echoing) socket.close();
    for (const peer of this.peers) peer.destroy();
    for (const server of this.#servers) server.close();
    await this.until("every port closed", () => this.#servers.every(server => !server.listening));
  }

  async #serve(onConnection: (socket: net.Socket) => void): Promise<net.Server> {
    const server = net.createServer({ allowHalfOpen: true }, onConnection);
    this.#servers.push(server);
    await new Promise<void>(resolve => server.listen(0, HOST, resolve));
    return server;
  }
}
