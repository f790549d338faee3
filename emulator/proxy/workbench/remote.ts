import type { Outcome } from "../../../firmware/src/admin/outcome.ts";
import type { Status } from "../../../firmware/src/admin/status.ts";
import { type AdminAddress, AdminClient } from "./admin-client.ts";
import type { BoardSnapshot, Watched } from "./watched.ts";

/** Interval of the samples: a chip has little time for them. */
const INTERVAL_MS = 1_000;

/** The port that browsers expect, until the board has reported its own. */
const LISTENER_PORT = 80;

export interface RemoteOptions extends AdminAddress {
  /** The board's new log lines, as they come. */
  readonly onLine: (line: string) => void;
}

/** A board in the network, watched and controlled through its admin port. */
export class RemoteBoard implements Watched {
  readonly title: string;
  readonly intervalMs = INTERVAL_MS;
  readonly readOnly: string | undefined;
  readonly switches = undefined;
  #admin: AdminClient;
  #host: string;
  #onLine: (line: string) => void;
  #status: Status | undefined;
  #listenerPort: number | undefined;

  constructor(options: RemoteOptions) {
    this.#admin = new AdminClient(options);
    this.#host = options.host;
    this.#onLine = options.onLine;
    this.title = `board at ${options.host}`;
    if (options.token === undefined) this.readOnly = "to change anything, give the board's --token";
  }

  get listener(): { host: string; port: number } {
    return { host: this.#host, port: this.#listenerPort ?? LISTENER_PORT };
  }

  async look(): Promise<BoardSnapshot> {
    let state = "running";
    try {
      this.#status = await this.#admin.status();
      for (const line of await this.#admin.newEvents()) this.#onLine(line);
      this.#listenerPort ??= (await this.#admin.document()).listeners?.[0]?.port ?? LISTENER_PORT;
    } catch (error) {
      state = `no answer: ${(error as Error).message}`;
    }
    const { heap, sockets } = this.#status ?? {};
    return {
      state,
      status: this.#status,
      sockets,
      heap:
        typeof heap === "number"
          ? { freeBytes: heap, floorBytes: undefined, sizeBytes: undefined }
          : undefined,
    };
  }

  setState(name: string, state: string): Promise<Outcome> {
    return this.#admin.change(`/api/backends/${encodeURIComponent(name)}`, { state });
  }

  setWeight(name: string, weight: number): Promise<Outcome> {
    return this.#admin.change(`/api/backends/${encodeURIComponent(name)}`, { weight });
  }

  changeMachine(name: string, change: object): Promise<Outcome> {
    return this.#admin.change(`/api/machines/${encodeURIComponent(name)}`, change);
  }

  async setBalance(balance: string): Promise<Outcome> {
    try {
      const document = await this.#admin.document();
      return await this.#admin.change("/api/config", { ...document, balance });
    } catch (error) {
      return { complaints: [(error as Error).message] };
    }
  }
}
