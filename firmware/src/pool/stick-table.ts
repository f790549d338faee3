import type { Backend } from "../backend/backend.ts";
import { mix } from "../net/hash.ts";
import type { Clock } from "../platform.ts";
import type { Group } from "./group.ts";

/** Most entries, one for each client and group: enough for a home network. */
export const CLIENTS_MAX = 128;

/** An entry expires after this time without a request, as with HAProxy's usual `expire 30m`. */
export const CLIENT_EXPIRES_MS = 1_800_000;

interface Entry {
  readonly backend: Backend;
  readonly seenMs: number;
}

/** Which backend of a group served which client last, by a hash of the client's address. */
export class StickTable {
  /** Least recently used first. */
  #entries = new Map<number, Entry>();
  #clock: Pick<Clock, "now">;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(client: number, { index }: Pick<Group, "index">): Backend | undefined {
    const key = mix(client, index);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.now() - entry.seenMs < CLIENT_EXPIRES_MS) return entry.backend;
    this.#entries.delete(key);
    return undefined;
  }

  set(client: number, { index }: Pick<Group, "index">, backend: Backend): void {
    const key = mix(client, index);
    this.#entries.delete(key); // re-inserted at the end
    this.#entries.set(key, { backend, seenMs: this.#clock.now() });
    if (this.#entries.size <= CLIENTS_MAX) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest);
  }
}
