import { once } from "node:events";
import type { Clock } from "../../emulator/src/clock.ts";
import type { WireServer, WireSocket } from "../../emulator/src/io/wire.ts";
import type { ReservedPort } from "../../emulator/src/reserved-port.ts";
import { type Behaviour, bodyOf, pieces, renderAnswer } from "./behaviour.ts";
import { type Message, MessageReader } from "./http-backend.ts";
import type { Journal } from "./journal.ts";
import type { Computer } from "./target.ts";

export interface ScriptedBackendParts {
  readonly computer: Computer;
  readonly clock: Clock;
  readonly journal: Journal;
}

/** A request begins like this; anything else is raw TCP. */
const REQUEST = /^[A-Z]+ [^ ]+ HTTP\/1\.[01]\r\n/;

/** Between two pieces of a slow answer. */
const DRIP_MS = 20;

/** A server behind the board that remembers what it saw. */
export class ScriptedBackend {
  readonly name: string;
  readonly address: string;
  /** Connections that it ever took. */
  connections = 0;
  /** Whole requests, in the order of their last bytes. */
  readonly requests: Message[] = [];
  /** Raw TCP of all connections; bytes are characters. */
  received = "";
  /** Why what came was no request. */
  broken: string | undefined;
  #behaviour: Behaviour;
  #parts: ScriptedBackendParts;
  #reserved: ReservedPort | undefined;
  #server: WireServer | undefined;
  #open = new Set<WireSocket>();
  /** Who waits for a request. */
  #watchers = new Set<() => void>();

  constructor(name: string, behaviour: Behaviour, parts: ScriptedBackendParts) {
    this.name = name;
    this.address = parts.computer.address;
    this.#behaviour = behaviour;
    this.#parts = parts;
  }

  /** Where it listens, from its entrance on. */
  get port(): number {
    if (this.#reserved === undefined)
      throw new Error(`${this.name} has no port before lab.proxy()`);
    return this.#reserved.port;
  }

  /** Connections that it has now. */
  get open(): number {
    return this.#open.size;
  }

  /** Paths that it was asked for, each with its method: `GET /`. */
  get asked(): string[] {
    return this.requests.map(({ line }) => line.slice(0, line.lastIndexOf(" ")));
  }

  /** Waits for a whole request of this path; one that came already will do. */
  gets(path: string): Promise<Message> {
    return this.#parts.journal.waiting(`${this.name} to be asked ${path}`, resolve => {
      const look = () => {
        const found = this.requests.find(({ line }) => line.split(" ")[1] === path);
        if (found === undefined) return;
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Listens, on the port that it had before. */
  async start(): Promise<void> {
    const server = this.#parts.computer.net.createServer({
      allowHalfOpen: true,
      noDelay: true,
    });
    server.on("connection", (socket: WireSocket) => this.#serve(socket));
    server.listen({ port: this.port, host: this.address });
    await once(server, "listening");
    this.#server = server;
    this.#note("listens");
  }

  /** Takes nobody more, and hangs up on those that it has. */
  stop(): void {
    if (this.#server === undefined) return;
    this.#note("stops");
    this.#server.close();
    this.#server = undefined;
    this.hangUp();
  }

  /** Hangs up on those that it has. */
  hangUp(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** For the cast's first entrance: a port of its own, and somebody behind it unless it refuses. */
  async enter(): Promise<void> {
    this.#reserved = await this.#parts.computer.reservePort();
    if (!this.#behaviour.refuses) await this.start();
  }

  /** The scenario is over. */
  leave(): void {
    this.stop();
    this.#reserved?.release();
  }

  #serve(socket: WireSocket): void {
    const { silent, greeting } = this.#behaviour;
    this.connections++;
    this.#note(`takes connection ${this.connections}`);
    this.#open.add(socket);
    socket.on("close", () => this.#open.delete(socket));
    socket.on("error", () => {}); // `close` follows; what is lost is seen at the client
    if (silent) {
      socket.on("end", () => socket.end());
      socket.resume();
      return;
    }
    if (greeting !== undefined) socket.write(greeting);
    socket.once("end", () => socket.end());
    socket.once("data", (first: Buffer) => {
      const { closes, resets } = this.#behaviour;
      if (resets) socket.resetAndDestroy();
      else if (closes) socket.destroy();
      else if (REQUEST.test(first.toString("latin1"))) this.#speakHttp(socket, first);
      else this.#speakRaw(socket, first);
    });
  }

  // Raw TCP

  #speakRaw(socket: WireSocket, first: Buffer): void {
    const { raw = "echo" } = this.#behaviour;
    const hear = (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
    };
    hear(first);
    socket.on("data", hear);
    if (raw === "answer") socket.end(bodyOf(this.#behaviour, this.name));
    else if (raw === "echo") echo(socket, first);
  }

  // HTTP

  #speakHttp(socket: WireSocket, first: Buffer): void {
    const { early, upgrades } = this.#behaviour;
    let tunnel = false;
    const reader = new MessageReader(
      "request",
      request => {
        this.requests.push(request);
        for (const look of [...this.#watchers]) look();
        this.#note(`was asked ${request.line}`);
        if (tunnel) echo(socket);
        else if (!early) this.#answer(request, socket);
      },
      request => {
        if (upgrades && request.all("upgrade").length > 0) {
          tunnel = true;
          const protocol = request.all("upgrade")[0];
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
          );
        } else if (early) {
          this.#answer(request, socket);
        } else if (request.all("expect").includes("100-continue")) {
          socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        }
      },
    );
    const feed = (bytes: Buffer) => {
      if (tunnel) this.received += bytes.toString("latin1");
      else reader.feed(bytes);
      if (reader.broken === undefined) return;
      this.broken ??= reader.broken;
      this.#note(`read what is no request: ${reader.broken}`);
    };
    socket.on("data", feed);
    feed(first);
  }

  #answer(request: Message, socket: WireSocket): void {
    const { latencyMs } = this.#behaviour;
    const say = () => {
      if (!socket.destroyed) this.#say(request, socket);
    };
    if (latencyMs === undefined) say();
    else this.#parts.clock.after(latencyMs, say);
  }

  #say(request: Message, socket: WireSocket): void {
    const { framing, diesAfterBytes, bytesPerSecond } = this.#behaviour;
    const { head, body } = renderAnswer(this.name, this.#behaviour, request);
    if (diesAfterBytes !== undefined) {
      socket.write(head + body.slice(0, diesAfterBytes), () => this.stop());
      return;
    }
    const pieceBytes =
      bytesPerSecond === undefined ? body.length : Math.ceil((bytesPerSecond * DRIP_MS) / 1000);
    socket.write(head);
    this.#drip(socket, pieces(body, pieceBytes), () => {
      if (framing === "close") socket.end();
    });
  }

  #drip(socket: WireSocket, [first, ...rest]: string[], end: () => void): void {
    if (socket.destroyed) return;
    if (first !== undefined) socket.write(Buffer.from(first, "latin1"));
    if (rest.length === 0) end();
    else this.#parts.clock.after(DRIP_MS, () => this.#drip(socket, rest, end));
  }

  #note(what: string): void {
    this.#parts.journal.note(`${this.name} ${what}`);
  }
}

/** Sends everything back, beginning with what was read already. */
function echo(socket: WireSocket, first?: Buffer): void {
  if (first !== undefined) socket.write(first);
  socket.pipe(socket);
}
