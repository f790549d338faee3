import type { Clock } from "./clock.ts";
import { Host, type HostProfile } from "./host.ts";

export type { Clock } from "./clock.ts";
export type { Host, HostProfile } from "./host.ts";
export type { MockServer } from "./server.ts";
export type { MockSocket } from "./socket.ts";

/** First three numbers of the addresses that hosts are given. */
const SUBNET = "10.0.0";

/** One line of `Network.netstat()`. */
export interface NetstatRow {
  readonly host: string;
  readonly local: string;
  readonly remote: string;
  readonly state: "listen" | "connecting" | "open" | "closing";
  /** Bytes that arrived and wait for the program. */
  readonly unread: number;
  /** Bytes that the program wrote and nobody acknowledged. */
  readonly unacked: number;
}

/**
 * A network in memory: hosts, and the way between them. Each host is shaped like `node:net`, so a
 * program that is given one instead cannot tell.
 *
 * It knows no time of its own: everything that takes time is an alarm of the clock that it was
 * given. With a clock that stands still until told, the same program gives the same events in the
 * same order, however fast the computer is.
 *
 * Not modelled: loss, reordering, Nagle's delay, IPv6, UDP, TLS. Asking for them throws
 * `not emulated: …`.
 */
export class Network {
  readonly clock: Clock;
  /** Time from one host to another. A host reaches itself in no time. */
  readonly latencyMs: number;
  #hosts = new Map<string, Host>();

  constructor({ clock, latencyMs = 1 }: { clock: Clock; latencyMs?: number }) {
    this.clock = clock;
    this.latencyMs = latencyMs;
  }

  /** The host of this name, made when it is first asked for. */
  host(name: string, profile: Partial<HostProfile> = {}): Host {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host = new Host(this, name, `${SUBNET}.${this.#hosts.size + 1}`, profile);
    this.#hosts.set(name, host);
    return host;
  }

  /** The host of this name or address. */
  find(nameOrAddress: string): Host | undefined {
    const named = this.#hosts.get(nameOrAddress);
    if (named !== undefined) return named;
    for (const host of this.#hosts.values()) if (host.address === nameOrAddress) return host;
    return undefined;
  }

  latencyBetween(from: Host, to: Host): number {
    return from === to ? 0 : this.latencyMs;
  }

  /** Every listener and every socket that is not yet forgotten. Empty when all is over. */
  netstat(): NetstatRow[] {
    return [...this.#hosts.values()].flatMap(host => host.netstat());
  }
}
