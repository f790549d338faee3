import dgram from "node:dgram";
import net from "node:net";
import { type ReservedPort, reservePort } from "../../src/reserved-port.ts";
import { SocketPeer } from "../peer.ts";
import type { ToBoard, ToHost } from "../remote/messages.ts";

type Request = Exclude<ToHost, { type: "outcome" }>;

/** The peers of one case: sockets of this computer, driven by the board's requests. */
export class CasePeers {
  #own: string;
  #board: string;
  #send: (message: ToBoard, text?: string) => void;
  #peers = new Map<number, SocketPeer>();
  #servers: net.Server[] = [];
  /** Ports of this computer that refuse connections. */
  #reserved: ReservedPort[] = [];
  /** UDP ports of this computer that send each datagram back. */
  #echoing: dgram.Socket[] = [];
  #arrivals = 0;
  #closed = false;

  /** Addresses: this computer's as the board sees it, and the board's. */
  constructor(own: string, board: string, send: (message: ToBoard, text?: string) => void) {
    this.#own = own;
    this.#board = board;
    this.#send = (message, text) => {
      if (!this.#closed) send(message, text);
    };
  }

  onRequest(request: Request, text: string): void {
    switch (request.type) {
      case "listen":
        this.#listen(request.ask);
        break;
      case "refuse":
        void this.#refusing(request.ask);
        break;
      case "echo":
        this.#echo(request.ask);
        break;
      case "mark":
        this.#send({ type: "answer", ask: request.ask, port: 0 });
        break;
      case "connect":
        this.#connect(request.peer, request.port);
        break;
      case "send":
        this.#peers.get(request.peer)!.send(text);
        break;
      case "finish":
        this.#peers.get(request.peer)!.finish();
        break;
      case "reset":
        this.#peers.get(request.peer)!.reset();
        break;
    }
  }

  close(): void {
    this.#closed = true;
    for (const server of this.#servers) server.close();
    for (const socket of this.#echoing) socket.close();
    for (const { release } of this.#reserved) release();
    for (const peer of this.#peers.values()) peer.destroy();
  }

  #listen(ask: number): void {
    const server = net.createServer({ allowHalfOpen: true }, socket => {
      const peer = ++this.#arrivals;
      this.#send({ type: "connected", ask, peer });
      this.#join(peer, socket);
      this.#send({ type: "port", peer, port: socket.localPort! });
    });
    this.#servers.push(server);
    server.listen(0, this.#own, () => {
      const { port } = server.address() as net.AddressInfo;
      this.#send({ type: "answer", ask, port });
    });
  }

  async #refusing(ask: number): Promise<void> {
    const reserved = await reservePort(this.#own);
    if (this.#closed) reserved.release();
    else this.#reserved.push(reserved);
    this.#send({ type: "answer", ask, port: reserved.port });
  }

  #echo(ask: number): void {
    const socket = dgram.createSocket("udp4", (message, { port, address }) =>
      socket.send(message, port, address),
    );
    this.#echoing.push(socket);
    socket.bind(0, this.#own, () =>
      this.#send({ type: "answer", ask, port: socket.address().port }),
    );
  }

  #connect(peer: number, port: number): void {
    const socket = net.connect({ host: this.#board, port, allowHalfOpen: true });
    socket.on("connect", () => this.#send({ type: "port", peer, port: socket.localPort! }));
    this.#join(peer, socket);
  }

  #join(peer: number, socket: net.Socket): void {
    this.#peers.set(peer, new SocketPeer(socket));
    socket.on("data", bytes => {
      this.#send({ type: "received", peer, bytes: bytes.byteLength }, bytes.toString("latin1"));
    });
    socket.on("end", () => this.#send({ type: "ending", peer, ending: "finished" }));
    socket.on("error", () => this.#send({ type: "ending", peer, ending: "reset" }));
  }
}
