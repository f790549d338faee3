import { type Configuration, readConfig } from "../config/config.ts";
import type { ConfigStore } from "../config/config-store.ts";
import type { Config } from "../config/settings.ts";
import type { TextStore } from "../config/storage.ts";
import type { Report } from "../log/event.ts";
import { LISTENING_SOCKETS_MAX } from "../net/connection-budget.ts";
import type { Listeners } from "../net/listeners.ts";
import type { Cancel, Platform } from "../platform.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import type { Outcome } from "./outcome.ts";
import { restoreStates, saveStates } from "./runtime-changes.ts";

/** Duration of a trial: a document is saved after it. */
export const TRIAL_MS = 30_000;

/** A saved document that has been in force for this time is not suspected of later crashes. */
const PROOF_MS = 60_000;

/** Delay between a response and the restart that it announces, so that the response arrives. */
const RESTART_MS = 1000;

/**
 * Where a document comes from. `trial`: not saved yet; `until-reset`: never saved; `not-saved`: it passed its trial, but
 * writing to flash failed.
 */
export type Source = "built-in" | "flash" | "trial" | "until-reset" | "not-saved";

/** The document in force and its source. */
export interface ActiveDocument {
  readonly document: object;
  readonly source: Source;
  /**
   * Clients get 503, because this document has no routes and the one that the board has fallen back from has some.
   * It ends when the operator applies any other document.
   */
  readonly suspended?: boolean;
}

/** The configuration that the board starts with. */
export interface StartConfig extends Configuration {
  readonly source: Source;
  /** On trial: the document that returns if the trial fails. */
  readonly previous?: ActiveDocument;
  /** Why the last other document is not in force. */
  readonly rolledBack: string | undefined;
  /** The document that the board has fallen back from. */
  readonly failed?: object | undefined;
  /** See `ActiveDocument`. */
  readonly suspended?: boolean;
}

export interface RunningConfigParts {
  readonly platform: Platform;
  readonly proxy: ReverseProxy;
  readonly listeners: Listeners;
  /** Absent where nothing is kept. */
  readonly store: TextStore | undefined;
  readonly configStore: ConfigStore | undefined;
  readonly report: Report;
  readonly startConfig: StartConfig;
  /** The document that was built in. */
  readonly builtIn: object;
}

interface Trial {
  /** The document that returns if the trial fails. */
  readonly previous: ActiveDocument;
  readonly previousAdminPort: number;
  /** A backend was usable when the trial began. */
  readonly served: boolean;
  /** A request with the token has arrived at the admin port of this document. */
  confirmed: boolean;
  /** How it is saved: `built-in` by erasing what flash has. */
  readonly savedAs: "flash" | "built-in";
  endsMs: number;
  cancel: Cancel;
}

/**
 * The only owner of the document in force. A new document is checked against the ports that can be opened; then it is
 * applied as a whole, refused as a whole, or accepted for the next start. A document that is to be saved is on trial
 * first, and the previous one returns if it serves worse.
 */
export class RunningConfig {
  #parts: RunningConfigParts;
  #active: ActiveDocument;
  #rolledBack: string | undefined;
  #next: object | undefined;
  #failed: object | undefined;
  #proof: Cancel | undefined;
  #trial: Trial | undefined;
  /** Exceptions logged since the trial began. */
  #exceptions = 0;

  constructor(parts: RunningConfigParts) {
    this.#parts = parts;
    const { document, source, suspended, previous, rolledBack, failed } = parts.startConfig;
    this.#active = { document, source, suspended: suspended === true };
    this.#rolledBack = rolledBack;
    this.#failed = failed;
    this.#suspend();
    if (previous === undefined) return;
    this.#trial = {
      previous,
      previousAdminPort: adminPortOf(previous.document),
      served: true,
      confirmed: false,
      savedAs: JSON.stringify(document) === JSON.stringify(parts.builtIn) ? "built-in" : "flash",
      endsMs: Number.POSITIVE_INFINITY, // set when the network is up
      cancel: () => {},
    };
    this.#announceTrial();
  }

  stop(): void {
    this.#trial?.cancel();
    this.#proof?.();
  }

  /** The document that the board has fallen back from, until another is saved. */
  get failed(): object | undefined {
    return this.#failed;
  }

  /** Clients get 503 until the operator applies a document. */
  get suspended(): boolean {
    return this.#active.suspended === true;
  }

  get document(): object {
    return this.#active.document;
  }

  get source(): Source {
    return this.#active.source;
  }

  /** Milliseconds until the end of the trial; `undefined` without one. */
  get trialLeftMs(): number | undefined {
    if (this.#trial === undefined) return undefined;
    return Math.min(TRIAL_MS, this.#trial.endsMs - this.#parts.platform.clock.now());
  }

  /** The document that returns if the trial fails; `undefined` without a trial. */
  get previous(): object | undefined {
    return this.#trial?.previous.document;
  }

  /** Why the last document was rolled back; `undefined` if it was not. */
  get rolledBack(): string | undefined {
    return this.#rolledBack;
  }

  /** The document that is used from the next start on, if it is another one. */
  get next(): object | undefined {
    return this.#next;
  }

  /** True if connections to `port` are for the admin server. During a trial the previous admin port answers, too. */
  isAdmin(port: number): boolean {
    const { adminPort, listeners } = this.#parts.proxy.config;
    if (port === adminPort) return true;
    return port === this.#trial?.previousAdminPort && !listeners.some(other => other.port === port);
  }

  /** Called when the network is up for the first time: opens the ports and starts the timer of a trial. */
  start(): void {
    const { listeners, proxy } = this.#parts;
    listeners.start(portsOf(proxy.config));
    proxy.ready();
    this.#parts.configStore?.portsOpened();
    if (this.#trial !== undefined) this.#count(this.#trial);
    else this.#scheduleProof();
  }

  /**
   * Puts a document in force, on trial. If its ports cannot be opened besides the open ones, saves it for the next
   * start.
   */
  configure({ document, config }: Configuration, savedAs: Trial["savedAs"] = "flash"): Outcome {
    const { listeners, configStore, proxy } = this.#parts;
    const ports = portsOf(config);
    if (!listeners.fits(ports)) return this.#acceptForNextStart(document, ports);
    const error = listeners.open(ports);
    if (error !== undefined) return refusal(error);
    const running = this.#trial;
    const { adminPort } = proxy.config;
    const trial: Trial = {
      previous: running?.previous ?? this.#active,
      previousAdminPort: running?.previousAdminPort ?? adminPort,
      served: running?.served ?? this.#hasUsableBackend(),
      confirmed: running?.confirmed === true && adminPort === config.adminPort,
      savedAs,
      endsMs: 0,
      cancel: () => {},
    };
    this.#use({ document, source: "trial" }, config);
    running?.cancel();
    this.#trial = trial;
    this.#announceTrial();
    this.#count(trial);
    const superseded =
      this.#next === undefined ? "" : "; the configuration for the next start is dropped";
    this.#next = undefined;
    configStore?.saveNext(undefined);
    const confirmation = this.#isConfirmed(trial)
      ? ""
      : ` if a request with the token arrives at port ${config.adminPort}`;
    return {
      done: `in force; it is saved after a trial of ${TRIAL_MS / 1000} s${confirmation}${superseded}`,
    };
  }

  /** Ends the trial with the previous document, at once or, if its ports need that, with a restart. */
  undo(): Outcome {
    const trial = this.#trial;
    if (trial === undefined) return { complaints: ["undo: no configuration is on trial"] };
    if (this.#needsRestart(trial.previous)) {
      trial.cancel();
      const { clock } = this.#parts.platform;
      trial.cancel = clock.after(RESTART_MS, () => this.#rollBack(trial, "undone"));
      return { done: "the board restarts with the previous configuration" };
    }
    this.#rollBack(trial, "undone");
    return { done: "the previous configuration is in force again" };
  }

  #needsRestart({ document }: ActiveDocument): boolean {
    const outcome = readConfig(document);
    return "config" in outcome && !this.#parts.listeners.fits(portsOf(outcome.config));
  }

  /** Puts the built-in document in force, on trial; it is saved by erasing all others. */
  configureBuiltIn(): Outcome {
    const outcome = readConfig(this.#parts.builtIn);
    return "complaints" in outcome ? outcome : this.configure(outcome, "built-in");
  }

  /** Puts a document in force until the next reset, without a trial and without writing to flash. */
  configureUntilReset({ document, config }: Configuration): Outcome {
    const { listeners } = this.#parts;
    const ports = portsOf(config);
    const error = listeners.fits(ports) ? listeners.open(ports) : this.#noSocketFor(ports);
    if (error !== undefined) return refusal(error);
    this.#endTrial();
    this.#use({ document, source: "until-reset" }, config);
    listeners.closeAllBut(ports);
    return { done: "in force until the next reset" };
  }

  /** Called when a request with the token has arrived at `port`. */
  confirm(port: number): void {
    if (this.#trial !== undefined && port === this.#parts.proxy.config.adminPort) {
      this.#trial.confirmed = true;
    }
  }

  /**
   * Saves the states that were set at run time, except under a document that ends with the next reset. Returns an
   * error if flash failed.
   */
  saveStates(): string | undefined {
    const { proxy, store } = this.#parts;
    if (store === undefined || this.source === "until-reset") return undefined;
    return saveStates(proxy, store);
  }

  /** Counts a logged exception against a document on trial. */
  countException(): void {
    this.#exceptions++;
  }

  #use(active: ActiveDocument, config: Config): void {
    this.#parts.proxy.reconfigure(config);
    this.#active = active;
    this.#suspend();
    this.#scheduleProof();
  }

  #suspend(): void {
    const { proxy, report } = this.#parts;
    const { suspended } = this;
    if (proxy.suspended === suspended) return;
    proxy.suspended = suspended;
    report({
      level: suspended ? "W" : "I",
      on: "config",
      what: suspended ? "suspended" : "resumed",
    });
  }

  /** A saved document is proven after PROOF_MS in force. */
  #scheduleProof(): void {
    const { platform, configStore } = this.#parts;
    this.#proof?.();
    this.#proof = undefined;
    if (this.source !== "flash" || configStore === undefined || configStore.isProven) return;
    this.#proof = platform.clock.after(PROOF_MS, () => configStore.markProven());
  }

  #acceptForNextStart(document: object, ports: readonly number[]): Outcome {
    const { configStore, report } = this.#parts;
    const lack = this.#noSocketFor(ports);
    if (configStore === undefined) return refusal(`${lack}, and this machine has no storage`);
    const error = configStore.saveNext(document);
    if (error !== undefined) return refusal(`${lack}, and writing to flash failed: ${error}`);
    this.#next = document;
    report({ level: "I", on: "config", what: "next-start" });
    return { done: `accepted for the next start: ${lack}` };
  }

  /** The message that no sockets are left for `ports`. */
  #noSocketFor(ports: readonly number[]): string {
    const { ports: open } = this.#parts.listeners;
    const closed = ports.filter(port => !open.includes(port));
    return `no socket is left for port ${closed.join(", ")} besides ${open.join(", ")}; the board has ${LISTENING_SOCKETS_MAX}, and an open one stays open until a restart`;
  }

  /** Logs and records that the document in force is on trial. */
  #announceTrial(): void {
    const { configStore, report } = this.#parts;
    this.#exceptions = 0;
    configStore?.trialBegan();
    report({ level: "I", on: "config", what: "trial", ms: TRIAL_MS });
  }

  #count(trial: Trial): void {
    const { clock } = this.#parts.platform;
    trial.endsMs = clock.now() + TRIAL_MS;
    trial.cancel = clock.after(TRIAL_MS, () => this.#judge(trial));
  }

  #endTrial(): void {
    if (this.#trial === undefined) return;
    this.#trial.cancel();
    this.#trial = undefined;
    this.#parts.configStore?.trialEnded();
  }

  #judge(trial: Trial): void {
    const { listeners, proxy, configStore, report } = this.#parts;
    const why = this.#failureOf(trial);
    if (why !== undefined) {
      this.#rollBack(trial, why);
      return;
    }
    const { document } = this.#active;
    const error = trial.savedAs === "flash" ? configStore?.save(document) : configStore?.forget();
    const kept = configStore !== undefined && error === undefined;
    this.#active = { document, source: kept ? trial.savedAs : "not-saved" };
    this.#rolledBack = undefined;
    if (kept) this.#failed = undefined;
    this.#scheduleProof();
    this.#endTrial();
    if (error === undefined) report({ level: "I", on: "config", what: "saved" });
    else report({ level: "W", on: "config", what: "save-failed", error });
    this.saveStates(); // backends may have other names now
    listeners.closeAllBut(portsOf(proxy.config));
  }

  /**
   * Puts the previous document in force; if its ports cannot be opened, the board restarts with it, which only a
   * document that waited for its start can need.
   */
  #rollBack({ previous }: Trial, why: string): void {
    const { listeners, platform, proxy, configStore, report, store } = this.#parts;
    this.#endTrial();
    this.#rolledBack = why;
    const outcome = readConfig(previous.document);
    if ("complaints" in outcome) throw new Error(outcome.complaints[0]); // it was in force
    const ports = portsOf(outcome.config);
    const error = listeners.fits(ports) ? listeners.open(ports) : this.#noSocketFor(ports);
    if (error === undefined) {
      this.#use(previous, outcome.config);
      if (store !== undefined) restoreStates(proxy, store); // also of backends that were absent from the other document
      report({ level: "W", on: "config", what: "rolled-back", why });
      listeners.closeAllBut(portsOf(proxy.config));
      return;
    }
    report({ level: "W", on: "config", what: "rolled-back", why, error });
    this.#next = previous.document;
    configStore?.trialBegan(why); // the start tells it again
    platform.restart?.();
  }

  #failureOf(trial: Trial): string | undefined {
    if (this.#exceptions > 0) return "exceptions";
    if (this.#parts.platform.link.address === undefined) return "no-network";
    if (!this.#isConfirmed(trial)) return "unconfirmed";
    return trial.served && !this.#hasUsableBackend() ? "no-backend" : undefined;
  }

  /** A new admin port must have received a request with the token, or the operator might be locked out. */
  #isConfirmed({ previousAdminPort, confirmed }: Trial): boolean {
    const { adminPort } = this.#parts.proxy.config;
    return confirmed || adminPort === previousAdminPort || adminPort === 0;
  }

  /** True if a backend is up. */
  #hasUsableBackend(): boolean {
    const { platform, proxy } = this.#parts;
    const nowMs = platform.clock.now();
    return proxy.pool.backends.some(backend => backend.operationalState(nowMs) === "up");
  }
}

/** The ports that a configuration needs. */
function portsOf({ listeners, adminPort }: Config): number[] {
  const ports = listeners.map(({ port }) => port);
  return adminPort === 0 ? ports : [...ports, adminPort];
}

function adminPortOf(document: object): number {
  const outcome = readConfig(document);
  return "config" in outcome ? outcome.config.adminPort : 0;
}

function refusal(error: string): Outcome {
  return { complaints: [`listeners: ${error}; nothing was changed`] };
}
