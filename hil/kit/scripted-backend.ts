import type { Behaviour } from "../../backends/src/behaviour.ts";
import { ServedConnection } from "../../backends/src/connection.ts";
import type { Message } from "../../backends/src/http-reader.ts";
import { type Script, scripted } from "../../backends/src/scripted.ts";
import { Server } from "../../backends/src/serve.ts";
import { Waits } from "../../backends/src/waits.ts";
import type { Clock } from "../../emulator/src/clock.ts";
import type { ReservedPort } from "../../emulator/src/reserved-port.ts";
import type { Journal } from "./journal.ts";
import type { Computer } from "./target.ts";

export interface ScriptedBackendParts {
  readonly computer: Computer;
  readonly clock: Clock;
  readonly journal: Journal;
}

/** A script, or a port on which nothing listens, until `start`. */
export type BackendScript = Script & { readonly refuses?: boolean };

/** A server behind the board that remembers what it saw. */
export class ScriptedBackend {
  readonly name: string;
  readonly address: string;
  /** Whole requests, in the order of their last bytes. */
  readonly requests: Message[] = [];
  /** Raw TCP of all connections; bytes are characters. */
  received = "";
  /** Why what came was no request. */
  broken: string | undefined;
  #refuses: boolean;
  #parts: ScriptedBackendParts;
  #server: Server;
  #listens = false;
  #reserved: ReservedPort | undefined;
  /** Waits for a request. */
  #waits = new Waits();

  constructor(
    name: string,
    { refuses = false, ...script }: BackendScript,
    parts: ScriptedBackendParts,
  ) {
    this.name = name;
    this.address = parts.computer.address;
    this.#refuses = refuses;
    this.#parts = parts;
    const behaviour = this.#behaviour(script);
    const stage = { name, clock: parts.clock };
    this.#server = new Server(parts.computer.net, socket => {
      this.#note(`takes connection ${this.connections}`);
      new ServedConnection(socket, behaviour, stage);
    });
  }

  /** Where it listens, from its entrance on. */
  get port(): number {
    if (this.#reserved === undefined)
      throw new Error(`${this.name} has no port before lab.proxy()`);
    return this.#reserved.port;
  }

  /** Connections that it ever took. */
  get connections(): number {
    return this.#server.connectionsTotal;
  }

  /** Connections that were reset from the other side. */
  get resets(): number {
    return this.#server.resetsTotal;
  }

  /** Connections that it has now. */
  get open(): number {
    return this.#server.connections;
  }

  /** Paths that it was asked for, each with its method: `GET /`. */
  get asked(): string[] {
    return this.requests.map(({ line }) => line.slice(0, line.lastIndexOf(" ")));
  }

  /** Waits for a whole request of this path; one that was received already counts. */
  gets(path: string): Promise<Message> {
    return this.#parts.journal.waiting(`${this.name} to be asked ${path}`, resolve => {
      const isFor = ({ line }: Message) => line.split(" ")[1] === path;
      this.#waits.until(() => this.requests.find(isFor), resolve);
    });
  }

  /** Listens, on the port that it had before. */
  async start(): Promise<void> {
    await this.#server.listen(this.port, this.address);
    this.#listens = true;
    this.#note("listens");
  }

  /** Stops listening and closes its connections. */
  stop(): void {
    if (!this.#listens) return;
    this.#listens = false;
    this.#note("stops");
    void this.#server.stop();
  }

  /** Closes its connections. */
  hangUp(): void {
    this.#server.hangUp();
  }

  /** Reserves a port, and listens on it unless the backend refuses connections. */
  async enter(): Promise<void> {
    this.#reserved = await this.#parts.computer.reservePort();
    if (!this.#refuses) await this.start();
  }

  /** The scenario is over. */
  leave(): void {
    this.stop();
    this.#reserved?.release();
  }

  #behaviour(script: Script): Behaviour {
    return scripted(script, {
      requested: request => {
        this.requests.push(request);
        this.#waits.changed();
        this.#note(`was asked ${request.line}`);
      },
      received: bytes => {
        this.received += bytes.toString("latin1");
      },
      broken: why => {
        this.broken ??= why;
        this.#note(`read what is no request: ${why}`);
      },
      dies: () => this.stop(),
    });
  }

  #note(what: string): void {
    this.#parts.journal.note(`${this.name} ${what}`);
  }
}
