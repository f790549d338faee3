import { ADMIN_CONNECTIONS_MAX } from "../net/connection-budget.ts";
import { Deadlines } from "../net/deadlines.ts";
import type { TCPSocket } from "../platform.ts";
import { AdminConnection, type AdminContext } from "./connection.ts";
import type { RuntimeApi } from "./runtime-api.ts";

/** Time that a connection without a request keeps its place: a few round trips on Wi-Fi. */
const GRACE_MS = 300;

/** Most remembered addresses; each takes a string of 15 characters and a slot. */
const SILENT_ADDRESSES_MAX = 8;

/** Size of the buffer that all connections read and write with. */
const SCRATCH_BYTES = 512;

/**
 * The admin port. Its places are reserved in the board's connection budget, so that it answers when clients of the
 * proxy are refused. When all places are taken, a new connection replaces one whose response is written, one without a
 * request yet, one of the same address, or one with a wrong token; see `#victim`.
 */
export class AdminServer {
  #context: AdminContext;
  /** The oldest first. */
  #connections: AdminConnection[] = [];
  /** The last addresses whose connections were replaced before they had sent a request. */
  #silent: string[] = [];

  constructor(runtime: RuntimeApi) {
    this.#context = {
      runtime,
      deadlines: new Deadlines(runtime.parts.platform.clock),
      scratch: new Uint8Array(SCRATCH_BYTES),
      delayed: undefined,
      requested: ({ address }) => {
        this.#silent = this.#silent.filter(other => other !== address);
      },
      ended: connection => {
        this.#connections = this.#connections.filter(other => other !== connection);
      },
    };
  }

  /** Accepts a connection to `port`, which is an admin port. */
  accept(port: number, accepted: TCPSocket): void {
    let connection: AdminConnection;
    try {
      connection = new AdminConnection(this.#context, port, accepted);
    } catch (error) {
      accepted.close(); // it was reset before it was accepted
      const { report } = this.#context.runtime.parts;
      report({ level: "W", on: "admin", what: "accept-failed", error: String(error) });
      return;
    }
    const full = this.#connections.length >= ADMIN_CONNECTIONS_MAX;
    const victim = full ? this.victim(connection.address) : undefined;
    this.#connections.push(connection);
    if (!full) return;
    const { isSilent, address } = victim ?? connection;
    if (isSilent) this.remember(address);
    (victim ?? connection).end();
  }

  /**
   * The connection that is closed for a new one from `address`; `undefined`: the new one is closed. A connection that
   * is only just open may still send its request. An address whose connections were closed without a request does not
   * replace a connection of another address that has sent one.
   */
  private victim(address: string): AdminConnection | undefined {
    const all = this.#connections;
    const [oldest] = all;
    const silent = all.filter(other => other.isSilent);
    const isKnown = this.#silent.includes(address);
    const isSoleOther = oldest.address !== address && all.every(c => c.address === oldest.address);
    return (
      all.find(other => other.isAnswered) ??
      this.#context.delayed ??
      silent.find(other => other.address === address) ??
      silent.find(other => other.ageMs >= GRACE_MS) ??
      (isKnown ? undefined : silent.find(other => this.#silent.includes(other.address))) ??
      (isSoleOther ? (silent[0] ?? oldest) : undefined) ??
      all.find(other => other.address === address) ??
      (isKnown ? undefined : all.find(other => !other.isSilent))
    );
  }

  private remember(address: string): void {
    const others = this.#silent.filter(other => other !== address);
    this.#silent = [...others, address].slice(-SILENT_ADDRESSES_MAX);
  }

  stop(): void {
    for (const connection of [...this.#connections]) connection.end();
  }
}
