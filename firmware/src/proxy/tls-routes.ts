import { rankOfServerName } from "../http1/route.ts";
import { HELLO_BYTES_MAX } from "../net/tls-hello.ts";
import type { Group } from "../pool/group.ts";

/** A server name, or the end of names, that TLS connections are routed by. */
export interface TlsRoute {
  readonly name: string;
  readonly backends: readonly string[];
  readonly sessionsTotal: number;
}

/** The routes of TLS connections: server names, and the backends of each. */
export class TlsRoutes {
  /** In lower case: a name, `*.` and the end of names, or `*`. */
  private names: string[] = [];
  /** One for each name. */
  private groups: Group[] = [];
  /** Connections of each name since this configuration is in force. */
  private counts: number[] = [];
  /** For looking at one hello at a time. */
  readonly buffer = new Uint8Array(HELLO_BYTES_MAX);

  add(names: readonly string[], group: Group): void {
    for (const name of names) {
      this.names.push(name.toLowerCase());
      this.groups.push(group);
      this.counts.push(0);
    }
  }

  /** The names, with their backends and the connections that they have had since this configuration is in force. */
  *all(): Generator<TlsRoute, void> {
    for (let i = 0; i < this.names.length; i++) {
      const backends = this.groups[i].backends.map(({ name }) => name);
      yield { name: this.names[i], backends, sessionsTotal: this.counts[i] };
    }
  }

  /**
   * Counts a connection. Returns the backends for its server name in lower case: those of the name itself before those of its longest matching end
   * before those of `*`, which also serve connections without a name. `undefined` where none is for it.
   */
  route(serverName = ""): Group | undefined {
    const names = this.names;
    let best = -1;
    let bestRank = -1;
    for (let i = 0; i < names.length; i++) {
      const rank = rankOfServerName(names[i], serverName);
      if (rank <= bestRank) continue;
      bestRank = rank;
      best = i;
    }
    if (best < 0) return undefined;
    this.counts[best]++;
    return this.groups[best];
  }
}

Object.freeze(TlsRoutes.prototype.all.prototype);
