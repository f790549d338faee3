import type { Cancel, Clock } from "./clock.ts";

/** A lease: an address, and what belongs to it. */
export interface Lease {
  readonly address: string;
  readonly netmask: string;
  readonly gateway: string;
  readonly dnsServers: readonly string[];
  readonly ms: number;
}

/** A request as the server sees it. */
export interface DhcpRequest {
  readonly hostname: string;
  /** The address that the client has; absent in a search for a server. */
  readonly wanted?: string;
}

/** A day, as routers for homes have it. */
const LEASE_MS = 86_400_000;

/** Waits for an answer to the first requests of a search; further ones wait for the last (dhcp_discover of lwIP). */
const SEARCH_MS = [2_000, 4_000, 8_000, 16_000, 32_000, 60_000];

/** The least time between two requests for a renewal (dhcp_t1_timeout of lwIP: DHCP_COARSE_TIMER_SECS). */
const RENEWAL_MS_MIN = 60_000;

/**
 * The DHCP server of the emulated network, for one client. Its answers are what its fields say at the time of a request;
 * they take no time.
 */
export class DhcpServer implements Lease {
  /** The address for the client. A client that has another one gets a refusal (DHCPNAK), and searches anew. */
  address: string;
  netmask = "255.255.0.0";
  gateway = "10.0.255.254";
  dnsServers: readonly string[] = [];
  ms = LEASE_MS;
  /** False: the server is silent. */
  answers = true;
  /** The requests so far, and the last one. */
  requests = 0;
  last: DhcpRequest | undefined;

  constructor(address: string) {
    this.address = address;
  }

  /** The lease, or why there is none. */
  answer(request: DhcpRequest): Lease | "refused" | "silent" {
    this.last = request;
    this.requests++;
    if (!this.answers) return "silent";
    if (request.wanted !== undefined && request.wanted !== this.address) return "refused";
    const { address, netmask, gateway, dnsServers, ms } = this;
    return { address, netmask, gateway, dnsServers, ms };
  }
}

/** lwIP's DHCP client: it searches without an end, renews at half of the lease, and gives an expired address up. */
export class DhcpClient {
  #clock: Clock;
  #server: DhcpServer;
  #hostname = "";
  #onLease: (lease: Lease | undefined) => void;
  #lease: Lease | undefined;
  #expiresMs = 0;
  #timer: Cancel | undefined;

  /** `onLease`: there is a lease, another one, or none any more. */
  constructor(clock: Clock, server: DhcpServer, onLease: (lease: Lease | undefined) => void) {
    this.#clock = clock;
    this.#server = server;
    this.#onLease = onLease;
  }

  start(hostname: string): void {
    this.#hostname = hostname;
    this.#search(0);
  }

  stop(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#lease = undefined;
  }

  /** Asks for the lease again, as it does at half of its time. */
  renew(): void {
    if (this.#lease === undefined) return;
    const { address } = this.#lease;
    const answer = this.#server.answer({ hostname: this.#hostname, wanted: address });
    if (answer === "refused") {
      this.#lose();
    } else if (answer === "silent") {
      const leftMs = this.#expiresMs - this.#clock.now();
      if (leftMs <= 0) this.#lose();
      else this.#after(Math.min(leftMs, Math.max(leftMs / 2, RENEWAL_MS_MIN)), () => this.renew());
    } else {
      this.#take(answer);
    }
  }

  #lose(): void {
    this.#lease = undefined;
    this.#onLease(undefined);
    this.#search(0);
  }

  #search(tries: number): void {
    const answer = this.#server.answer({ hostname: this.#hostname });
    if (typeof answer === "object") this.#take(answer);
    else this.#after(SEARCH_MS[tries] ?? SEARCH_MS.at(-1)!, () => this.#search(tries + 1));
  }

  #take(lease: Lease): void {
    this.#lease = lease;
    this.#expiresMs = this.#clock.now() + lease.ms;
    this.#after(lease.ms / 2, () => this.renew());
    this.#onLease(lease);
  }

  #after(ms: number, task: () => void): void {
    this.#timer?.();
    this.#timer = this.#clock.after(ms, task);
  }
}
