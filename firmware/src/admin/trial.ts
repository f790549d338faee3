import { isSameAddressing, NETWORK_TRIAL_MS } from "../config/network.ts";
import type { Cancel, NetworkSettings, Platform } from "../platform.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import type { ActiveDocument } from "./active-document.ts";

/** The request that confirms what is on trial. Without a token any will do: it shows that the board can be reached. */
export const CONFIRMATION = "a request, with the token if one is set,";

/** Duration of a trial, unless the board gets another name or address: a document is saved after it. */
export const TRIAL_MS = 30_000;

interface TrialParts {
  readonly platform: Platform;
  readonly proxy: ReverseProxy;
}

/** The state before a trial; a trial that follows another one takes it over. */
export interface BeforeTrial {
  /** The document before the trial, in force again if the trial fails. */
  readonly active: ActiveDocument;
  readonly adminPort: number;
  readonly network: NetworkSettings;
  /** A backend was usable. */
  readonly served: boolean;
}

/** The trial of the document in force, and the conditions under which it passes. */
export class Trial {
  readonly before: BeforeTrial;
  /** How the document is saved: `built-in` by erasing what flash has. */
  readonly savedAs: "flash" | "built-in";
  /** A confirming request has arrived at the admin port and the address of the document. */
  confirmed = false;
  #parts: TrialParts;
  #exceptions = 0;
  #endsMs = Number.POSITIVE_INFINITY;
  #timer: Cancel | undefined;

  constructor(parts: TrialParts, before: BeforeTrial, savedAs: Trial["savedAs"]) {
    this.#parts = parts;
    this.before = before;
    this.savedAs = savedAs;
  }

  /** Milliseconds until its end; the timer starts when the network is up. */
  get leftMs(): number {
    return Math.min(this.durationMs, this.#endsMs - this.#parts.platform.clock.now());
  }

  get durationMs(): number {
    return this.#isReaddressed ? NETWORK_TRIAL_MS : TRIAL_MS;
  }

  /** The board gets another name or address. */
  get #isReaddressed(): boolean {
    const { platform, proxy } = this.#parts;
    return (
      platform.link.configure !== undefined &&
      !isSameAddressing(proxy.config.network, this.before.network)
    );
  }

  /** Calls `ended` after `ms`, and not at the time that was set before. */
  endAfter(ms: number, ended: () => void): void {
    const { clock } = this.#parts.platform;
    this.stop();
    this.#endsMs = clock.now() + ms;
    this.#timer = clock.after(ms, ended);
  }

  stop(): void {
    this.#timer?.();
  }

  /** Called when a confirming request has arrived at `port`. */
  confirm(port: number): void {
    const { platform, proxy } = this.#parts;
    // Until the network is joined again, requests arrive over the previous address.
    if (platform.link.address === undefined) return;
    if (port === proxy.config.adminPort) this.confirmed = true;
  }

  /** Called when an exception was logged. */
  countException(): void {
    this.#exceptions++;
  }

  /** Why the document must not be saved; `undefined` if it may be. */
  get failure(): string | undefined {
    if (this.#exceptions > 0) return "exceptions";
    if (this.#parts.platform.link.address === undefined) return "no-network";
    if (this.condition !== "") return "unconfirmed";
    return this.before.served && !hasUsableBackend(this.#parts) ? "no-backend" : undefined;
  }

  /**
   * The condition for saving the document that is not met yet, if there is one: a new admin port or address must have
   * received a confirming request, or the operator might be locked out.
   */
  get condition(): string {
    const { adminPort, network } = this.#parts.proxy.config;
    if (this.confirmed || adminPort === 0) return "";
    const places: string[] = [];
    if (adminPort !== this.before.adminPort) places.push(`port ${adminPort}`);
    if (this.#isReaddressed) places.push(network.address ?? "the address that DHCP gives then");
    return places.length === 0 ? "" : ` if ${CONFIRMATION} arrives at ${places.join(" of ")}`;
  }
}

/** True if a backend is up, or its machine sleeps and can be woken. */
export function hasUsableBackend({ platform, proxy }: TrialParts): boolean {
  const nowMs = platform.clock.now();
  return proxy.pool.backends.some(backend => {
    const state = backend.operationalState(nowMs);
    return state === "up" || (state === "asleep" && backend.machine?.state !== "failed");
  });
}
