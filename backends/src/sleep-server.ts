import type { BackendNetwork, Behaviour } from "./behaviour.ts";
import { reply } from "./http.ts";
import type { Message } from "./http-reader.ts";
import type { MachineService } from "./machine.ts";
import { backend, type Server } from "./serve.ts";
import type { Steps, Timing } from "./steps.ts";

export interface SleepServerOptions {
  readonly network?: BackendNetwork;
  readonly clock: Timing;
  /** 0 for any free port. */
  readonly port: number;
  readonly host?: string | undefined;
  /** The request that puts the machine to sleep. */
  readonly method?: string;
  readonly path?: string;
  /** A header that it needs, such as `Authorization: Bearer x`. */
  readonly header?: string | undefined;
  /** The status of the answer; with another one than of 200 to 299 the machine stays awake. */
  readonly status?: string;
  /** From the answer until the machine sleeps. */
  readonly delayMs?: number;
  /** Puts the machine to sleep. */
  sleep(): void;
}

const DELAY_MS = 200;

/** A server on a machine that puts it to sleep when it is asked to: the other end of a sleep request. */
export class SleepServer implements MachineService {
  /** Requests that came, with their heads, in order. */
  readonly requests: Message[] = [];
  status: string;
  #options: SleepServerOptions;
  #server: Server;

  constructor(options: SleepServerOptions) {
    this.#options = options;
    this.status = options.status ?? "200 OK";
    const { network, clock } = options;
    const behaviour: Behaviour = { answer: request => this.#answer(request) };
    this.#server = backend({ name: "sleep", behaviour, network, clock });
  }

  get port(): number {
    return this.#server.port;
  }

  start(): Promise<void> {
    const { port, host } = this.#options;
    return this.#server.listen(this.port || port, host);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  #answer(request: Message): Steps {
    const { method = "POST", path = "/suspend", header, delayMs = DELAY_MS } = this.#options;
    this.requests.push(request);
    const [asked, where] = request.line.split(" ");
    const [, name = "", value] = /^([^:]+): *(.*)$/.exec(header ?? "") ?? [];
    if (where !== path) return refusal("404 Not Found");
    if (asked !== method) return refusal("405 Method Not Allowed");
    if (header !== undefined && !request.all(name.toLowerCase()).includes(value))
      return refusal("401 Unauthorized");
    if (!this.status.startsWith("2")) return refusal(this.status);
    this.#options.clock.after(delayMs, () => this.#options.sleep());
    return [{ send: reply("", { status: this.status, fields: CLOSE }) }, { close: "end" }];
  }
}

const CLOSE = ["Connection: close"];

function refusal(status: string): Steps {
  return [{ send: reply("", { status, fields: CLOSE }) }, { close: "end" }];
}
