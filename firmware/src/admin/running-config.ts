import { type Configuration, readConfig } from "../config/config.ts";
import type { ConfigStore } from "../config/config-store.ts";
import { hasSameJson } from "../config/document-parts.ts";
import { isSameAddressing } from "../config/network.ts";
import type { Config } from "../config/settings.ts";
import type { TextStore } from "../config/storage.ts";
import type { Report } from "../log/event.ts";
import type { Listeners } from "../net/listeners.ts";
import type { Platform } from "../platform.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import type { ActiveDocument, Source, StartConfig } from "./active-document.ts";
import type { BoardName } from "./board-name.ts";
import type { BoardTime } from "./board-time.ts";
import { canActivate } from "./config-memory.ts";
import { CrashRecord } from "./crash-record.ts";
import { type Outcome, refusal } from "./outcome.ts";
import { noSocketFor, openAll, portsOf } from "./port-plan.ts";
import { restoreStates, saveStates } from "./runtime-changes.ts";
import { hasUsableBackend, Trial } from "./trial.ts";

/** Delay between a response and the restart that it announces, so that the response arrives. */
const RESTART_MS = 1000;

export interface RunningConfigParts {
  readonly platform: Platform;
  readonly proxy: ReverseProxy;
  /** Absent where nothing is kept. */
  readonly store: TextStore | undefined;
  readonly configStore: ConfigStore | undefined;
  readonly report: Report;
  readonly listeners: Listeners;
  /** The document that was built in. */
  readonly builtIn: object;
  readonly name: BoardName;
  readonly time: BoardTime;
}

/**
 * The only owner of the document in force. A new document is checked against the ports that can be opened; then it is
 * applied as a whole, refused as a whole, or accepted for the next start. A document that is to be saved is on trial
 * first, and rolled back to the previous one if it serves worse.
 */
export class RunningConfig {
  #parts: RunningConfigParts;
  #active: ActiveDocument;
  #rolledBack: string | undefined;
  #next: object | undefined;
  #failed: object | undefined;
  #trial: Trial | undefined;
  #crashes: CrashRecord;

  /** `startConfig` is in memory no longer than its configuration is in force. */
  constructor(parts: RunningConfigParts, startConfig: StartConfig) {
    const { platform, proxy, store, configStore, builtIn } = parts;
    const { document, source, suspended, previous, rolledBack, failed } = startConfig;
    this.#parts = parts;
    this.#active = { document, source, suspended: suspended === true };
    this.#rolledBack = rolledBack;
    this.#failed = failed;
    this.#crashes = new CrashRecord(platform.clock, configStore);
    this.suspend();
    restoreStates(proxy, store);
    if (previous === undefined) return;
    const savedAs = hasSameJson(document, builtIn) ? "built-in" : "flash";
    const { adminPort, network } = previous.config;
    const active = {
      document: previous.document,
      source: previous.source,
      suspended: previous.suspended === true,
    };
    const before = { active, adminPort, network, served: true };
    this.beginTrial(new Trial(parts, before, savedAs));
  }

  /** Called when the board ends in an orderly way. */
  stop(): void {
    this.#trial?.stop();
    this.#crashes.stop();
  }

  /** The document that was rolled back, until another is saved. */
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
    return this.#trial?.leftMs;
  }

  /** The document before the trial; `undefined` without a trial. */
  get previous(): object | undefined {
    return this.#trial?.before.active.document;
  }

  /** Why the last document was rolled back; `undefined` if it was not. */
  get rolledBack(): string | undefined {
    return this.#rolledBack;
  }

  /** The document that is used from the next start on, if it is another one. */
  get next(): object | undefined {
    return this.#next;
  }

  get builtIn(): object {
    return this.#parts.builtIn;
  }

  /** True if connections to `port` are for the admin server. During a trial the previous admin port answers, too. */
  isAdmin(port: number): boolean {
    const { adminPort, listeners } = this.#parts.proxy.config;
    if (port === adminPort) return true;
    return port === this.#trial?.before.adminPort && !listeners.some(other => other.port === port);
  }

  /** Called when the network is up for the first time: opens the ports and starts the timer of a trial. */
  start(): void {
    const { listeners, proxy, configStore } = this.#parts;
    listeners.start(portsOf(proxy.config));
    proxy.ready();
    configStore?.portsOpened();
    this.#crashes.inForce(this.source);
    this.startTimer();
  }

  /**
   * Puts a document in force, on trial. If no sockets are left for its ports, because the SDK's cannot be closed, or no
   * memory beside the configuration in force, saves it for the next start.
   */
  configure({ document, config }: Configuration, savedAs: Trial["savedAs"] = "flash"): Outcome {
    const { listeners, proxy } = this.#parts;
    const ports = portsOf(config);
    const lack = this.lack(config);
    if (lack !== undefined) return this.acceptForNextStart(document, lack);
    const { adminPort, network } = proxy.config;
    const error = openAll(listeners, ports, adminPort);
    if (error !== undefined) return unchanged(`listeners: ${error}`);
    const running = this.#trial;
    const served = hasUsableBackend(this.#parts);
    const before = running?.before ?? { active: this.#active, adminPort, network, served };
    const trial = new Trial(this.#parts, before, savedAs);
    trial.confirmed =
      running?.confirmed === true &&
      adminPort === config.adminPort &&
      isSameAddressing(network, config.network);
    this.use({ document, source: "trial" }, config);
    listeners.closeAllBut([...ports, before.adminPort]);
    running?.stop();
    this.beginTrial(trial);
    this.startTimer();
    return {
      done: `in force; it is saved after a trial of ${trial.durationMs / 1000} s${trial.condition}${this.dropNext()}`,
    };
  }

  /** Puts the built-in document in force, on trial; it is saved by erasing all others. */
  configureBuiltIn(): Outcome {
    const outcome = readConfig(this.builtIn);
    return "complaints" in outcome ? outcome : this.configure(outcome, "built-in");
  }

  /** Puts a document in force until the next reset, without a trial and without writing to flash. */
  configureUntilReset({ document, config }: Configuration): Outcome {
    const { listeners, platform } = this.#parts;
    if (!canActivate(platform, config)) return unchanged(NO_MEMORY);
    const ports = portsOf(config);
    const error = openAll(listeners, ports);
    if (error !== undefined) return unchanged(`listeners: ${error}`);
    this.endTrial();
    this.use({ document, source: "until-reset" }, config);
    listeners.closeAllBut(ports);
    return { done: "in force until the next reset" };
  }

  /** Ends the trial with the previous document, at once or, if its ports need that, with a restart. */
  undo(): Outcome {
    const trial = this.#trial;
    if (trial === undefined) return refusal("undo: no configuration is on trial");
    const outcome = readConfig(trial.before.active.document);
    if ("config" in outcome && this.lack(outcome.config) !== undefined) {
      trial.endAfter(RESTART_MS, () => this.rollBack(trial, "undone"));
      return { done: "the board restarts with the previous configuration" };
    }
    this.rollBack(trial, "undone");
    return { done: "the previous configuration is in force again" };
  }

  /** Called when a request has arrived at `port`, with the token if one is set. */
  confirm(port: number): void {
    this.#trial?.confirm(port);
  }

  /** Counts a logged exception against a document on trial. */
  countException(): void {
    this.#trial?.countException();
  }

  private use(active: ActiveDocument, config: Config): void {
    const { platform, proxy, name, time } = this.#parts;
    proxy.reconfigure(config);
    platform.link.configure?.(config.network);
    name.update();
    time.update();
    this.#active = active;
    this.suspend();
    this.#crashes.inForce(active.source);
  }

  private suspend(): void {
    const { proxy, report } = this.#parts;
    const { suspended } = this;
    if (proxy.admission.suspended === suspended) return;
    proxy.admission.suspended = suspended;
    const what = suspended ? "suspended" : "resumed";
    report({ level: suspended ? "W" : "I", on: "config", what });
  }

  /** Why `config` cannot be in force before the next start; `undefined` if it can. */
  private lack(config: Config): string | undefined {
    const { listeners, platform } = this.#parts;
    const ports = portsOf(config);
    if (!listeners.fits(ports)) return `listeners: ${noSocketFor(listeners, ports)}`;
    return canActivate(platform, config) ? undefined : NO_MEMORY;
  }

  private acceptForNextStart(document: object, lack: string): Outcome {
    const { configStore, report } = this.#parts;
    if (configStore === undefined) return unchanged(`${lack}, and this machine has no storage`);
    const error = configStore.saveNext(document);
    if (error !== undefined) return unchanged(`${lack}, and writing to flash failed: ${error}`);
    this.#next = document;
    report({ level: "I", on: "config", what: "next-start" });
    return { done: `accepted for the next start: ${lack.slice(lack.indexOf(" ") + 1)}` };
  }

  /** Drops the document for the next start, if there is one; returns the outcome's text about it. */
  private dropNext(): string {
    if (this.#next === undefined) return "";
    const error = this.#parts.configStore?.saveNext(undefined);
    if (error !== undefined) return `; flash keeps the one for the next start: ${error}`;
    this.#next = undefined;
    return "; the configuration for the next start is dropped";
  }

  /** Puts the document in force on trial; the timer starts when the network is up. */
  private beginTrial(trial: Trial): void {
    const { configStore, report } = this.#parts;
    this.#trial = trial;
    configStore?.trialBegan();
    report({ level: "I", on: "config", what: "trial", ms: trial.durationMs });
  }

  private startTimer(): void {
    const trial = this.#trial;
    trial?.endAfter(trial.durationMs, () => {
      const why = trial.failure;
      if (why === undefined) this.save(trial);
      else this.rollBack(trial, why);
    });
  }

  private endTrial(): void {
    if (this.#trial === undefined) return;
    this.#trial.stop();
    this.#trial = undefined;
    this.#parts.configStore?.trialEnded();
  }

  /** Ends a trial that the document in force has passed. */
  private save({ savedAs }: Trial): void {
    const { listeners, proxy, store, configStore, report } = this.#parts;
    const { document } = this.#active;
    const error = savedAs === "flash" ? configStore?.save(document) : configStore?.forget();
    const saved = configStore !== undefined && error === undefined;
    this.#active = { document, source: saved ? savedAs : "not-saved" };
    this.#rolledBack = undefined;
    if (saved) this.#failed = undefined;
    this.#crashes.inForce(this.source);
    this.endTrial();
    if (error === undefined) report({ level: "I", on: "config", what: "saved" });
    else report({ level: "W", on: "config", what: "save-failed", error });
    saveStates(proxy, store, this.source); // backends may have other names now
    listeners.closeAllBut(portsOf(proxy.config));
  }

  /**
   * Puts the previous document in force; if its ports cannot be opened, or memory is short, the board restarts with it,
   * which only a document that waited for its start, or a large one, can need.
   */
  private rollBack({ before }: Trial, why: string): void {
    const { listeners, platform, proxy, configStore, report, store } = this.#parts;
    this.endTrial();
    this.#rolledBack = why;
    const outcome = readConfig(before.active.document);
    if ("complaints" in outcome) throw new Error(outcome.complaints[0]); // it was in force
    const { config } = outcome;
    const error = canActivate(platform, config) ? openAll(listeners, portsOf(config)) : NO_MEMORY;
    if (error === undefined) {
      this.use(before.active, config);
      restoreStates(proxy, store); // also of backends that were absent from the other document
      listeners.closeAllBut(portsOf(config));
    } else {
      this.#next = before.active.document;
      configStore?.trialBegan(why); // the start reports it again
    }
    report({ level: "W", on: "config", what: "rolled-back", why, error });
    if (error !== undefined) platform.restart?.();
  }
}

const NO_MEMORY = "configuration: no memory is left for it beside the one in force";

/** The refusal of a document for which ports or memory are missing. */
function unchanged(error: string): Outcome {
  return refusal(`${error}; nothing was changed`);
}
