import { rankOfServerName } from "../http1/route.ts";
import { HELLO_BYTES_MAX } from "../net/tls-hello.ts";
import type { Group } from "../pool/group.ts";

/** The routes of TLS connections: server names, and the backends of each. */
export class TlsRoutes {
  /** In lower case: a name, `*.` and the end of names, or `*`. */
  private names: string[] = [];
  /** One for each name. */
  private groups: Group[] = [];
  /** For looking at one hello at a time. */
  readonly buffer = new Uint8Array(HELLO_BYTES_MAX);

  add(names: readonly string[], group: Group): void {
    for (const name of names) {
      this.names.push(name.toLowerCase());
      this.groups.push(group);
    }
  }

  /**
   * The backends for a server name in lower case: those of the name itself before those of its longest matching end
   * before those of `*`, which also serve connections without a name. `undefined` where none is for it.
   */
  find(serverName = ""): Group | undefined {
    const names = this.names;
    let best: Group | undefined;
    let bestRank = -1;
    for (let i = 0; i < names.length; i++) {
      const rank = rankOfServerName(names[i], serverName);
      if (rank <= bestRank) continue;
      bestRank = rank;
      best = this.groups[i];
    }
    return best;
  }
}
