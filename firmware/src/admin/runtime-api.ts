import { STRATEGIES } from "../balancer/strategies.ts";
import { readConfig } from "../config/config.ts";
import { type ConfigStore, DOCUMENT_BYTES_MAX } from "../config/config-store.ts";
import { brief, didYouMean } from "../config/reader.ts";
import {
  ADMIN_STATES,
  type AdminState,
  type Config,
  EXPLAIN_MAX,
  type StrategyName,
  UNWEIGHTED,
  WEIGHT_MAX,
} from "../config/settings.ts";
import type { TextStore } from "../config/storage.ts";
import { deepFreeze } from "../deep-freeze.ts";
import type { Report } from "../log/event.ts";
import type { RecentEvents } from "../log/recent-events.ts";
import { budget } from "../net/connection-budget.ts";
import type { Cancel, Platform } from "../platform.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import type { Outcome } from "./outcome.ts";
import { type RunningConfig, TRIAL_MS } from "./running-config.ts";
import { restoreStates, runTimeChanges, STATES_KEY } from "./runtime-changes.ts";
import { GIVEN_KEY } from "./start-config.ts";
import { isToken, TOKEN_KEY, TOKEN_MAX, TOKEN_MIN } from "./token.ts";

/** A start that lasts this long has not failed. */
const START_SUCCEEDED_MS = 60_000;

/** Delay between the response to a factory reset and the reset, so that the response arrives. */
const FACTORY_RESET_MS = 1000;

/** Longest SSID, in characters (IEEE 802.11). */
const SSID_MAX = 32;

/** Shown instead of a secret; in a document that is put back it means "unchanged". */
export const SECRET = "********";

const NO_TOKEN: Outcome = deepFreeze({
  complaints: [`token: wanted ${TOKEN_MIN} to ${TOKEN_MAX} printable characters without blanks`],
});

export interface RuntimeApiParts {
  readonly platform: Platform;
  readonly proxy: ReverseProxy;
  readonly recent: RecentEvents;
  /** Storage in flash, if the machine has any. */
  readonly store: TextStore | undefined;
  readonly configStore: ConfigStore | undefined;
  readonly report: Report;
  readonly running: RunningConfig;
  /** The built-in document. */
  readonly builtIn: object;
  /** The built-in token. */
  readonly token: string | undefined;
  /** Which build of the firmware runs. */
  readonly build: string | undefined;
}

/**
 * All changes of a running board, for the console, the API and the page (HAProxy's Runtime API). A change is checked as
 * a whole before anything happens.
 */
export class RuntimeApi {
  readonly parts: RuntimeApiParts;
  #startTimer: Cancel | undefined;
  /** The saved token. */
  #token: string | undefined;
  /** A token that is valid until the next reset. */
  #temporaryToken: string | undefined;
  /** A token on trial: it is valid, and saved when a request with it arrives. */
  #tried: { readonly token: string; readonly cancel: Cancel } | undefined;

  constructor(parts: RuntimeApiParts) {
    this.parts = parts;
    const { platform, store, configStore } = parts;
    this.#token = store && storedToken(store);
    if (store !== undefined) restoreStates(parts.proxy, store);
    if (configStore === undefined) return;
    this.#startTimer = platform.clock.after(START_SUCCEEDED_MS, () => configStore.startSucceeded());
  }

  /** Cancels its timers. A start that is stopped in an orderly way has not failed, however short it was. */
  stop(): void {
    this.#startTimer?.();
    this.#endTokenTrial();
    this.parts.configStore?.startSucceeded();
  }

  get proxy(): ReverseProxy {
    return this.parts.proxy;
  }

  get running(): RunningConfig {
    return this.parts.running;
  }

  /** The document in force, without its secrets. */
  get document(): object {
    return withoutSecrets(this.running.document);
  }

  /** The document in force plus what differs from it at run time; putting it back changes nothing. */
  get documentAndChanges(): object {
    const setAtRunTime = runTimeChanges(this.proxy);
    return setAtRunTime.length === 0 ? this.document : { ...this.document, setAtRunTime };
  }

  /** The document that returns if the trial fails, without its secrets. */
  get previous(): object | undefined {
    const { previous } = this.running;
    return previous && withoutSecrets(previous);
  }

  /** The document that is used from the next start on, if it is another one, without its secrets. */
  get next(): object | undefined {
    const { next } = this.running;
    return next && withoutSecrets(next);
  }

  get token(): string | undefined {
    return (
      this.#tried?.token ?? this.#temporaryToken ?? this.#token ?? (this.parts.token || undefined)
    );
  }

  /** Replaces the board's token until the next reset; nothing is saved. */
  setTemporaryToken(token: string): Outcome {
    if (!isToken(token)) return NO_TOKEN;
    this.#endTokenTrial();
    this.#temporaryToken = token;
    return { done: "the token is valid until the next reset, and not saved" };
  }

  setToken(token: string): Outcome {
    const { store } = this.parts;
    if (store === undefined) return { complaints: ["token: this machine has no storage"] };
    if (!isToken(token)) return NO_TOKEN;
    if (token === this.token && this.#tried !== undefined)
      return { done: "the token is on trial already" };
    if (token === this.token || this.token === undefined || this.proxy.config.adminPort === 0) {
      const why = this.#saveToken(store, token);
      return why === undefined
        ? { done: "the token is set" }
        : { complaints: [`token: writing to flash failed: ${why}`] };
    }
    const { clock } = this.parts.platform;
    this.#endTokenTrial();
    const cancel = clock.after(TRIAL_MS, () => {
      this.#tried = undefined;
      const why = "unconfirmed";
      this.parts.report({ level: "W", on: "admin", what: "token-rolled-back", why });
    });
    this.#tried = { token, cancel };
    this.parts.report({ level: "I", on: "admin", what: "token-trial", ms: TRIAL_MS });
    return {
      done: `the token is valid now; it is saved if a request with it arrives within ${TRIAL_MS / 1000} s, else the previous one returns`,
    };
  }

  /** Called when a request with the token has arrived at `port`: confirms a port, token or network on trial. */
  confirm(port: number): void {
    this.running.confirm(port);
    this.parts.platform.link.confirm?.();
    const { report, store } = this.parts;
    if (this.#tried === undefined) return;
    const why = this.#saveToken(store!, this.#tried.token);
    if (why === undefined) report({ level: "I", on: "admin", what: "token-saved" });
    else report({ level: "W", on: "admin", what: "token-rolled-back", why });
  }

  /** Saves a token and ends a trial. Returns an error if flash failed. */
  #saveToken(store: TextStore, token: string): string | undefined {
    this.#endTokenTrial();
    const why = store.write(TOKEN_KEY, token);
    if (why !== undefined) return why;
    this.#token = token;
    this.#temporaryToken = undefined;
    return undefined;
  }

  #endTokenTrial(): void {
    this.#tried?.cancel();
    this.#tried = undefined;
  }

  setState(name: string, state: string): Outcome {
    return this.changeBackend(name, { state });
  }

  setWeight(name: string, weight: unknown): Outcome {
    return this.changeBackend(name, { weight });
  }

  /** Sets state, weight or both; both are checked before one is changed. */
  changeBackend(name: string, { state, weight }: { state?: unknown; weight?: unknown }): Outcome {
    const { proxy } = this;
    const backend = proxy.backend(name);
    if (backend === undefined) return { complaints: [this.#unknown(name)] };
    const complaints: string[] = [];
    if (weight !== undefined) complaints.push(...weightComplaints(weight, proxy.config.balance));
    if (state !== undefined && !ADMIN_STATES.includes(state as AdminState)) {
      complaints.push(`state: is ${brief(state)}; wanted ${ADMIN_STATES.join(", ")}`);
    }
    if (complaints.length > 0) return { complaints };
    const done: string[] = [];
    if (weight !== undefined) {
      const before = backend.weight;
      proxy.setWeight(backend, weight as number);
      done.push(
        `${name} has weight ${weight} instead of ${before} until the next configuration or restart`,
      );
    }
    if (state !== undefined) {
      const before = backend.state;
      proxy.setState(backend, state as AdminState);
      const why = this.running.saveStates();
      done.push(
        `${name} is ${state} ${before === state ? "already" : `instead of ${before}`}${why === undefined ? "" : `, and writing to flash failed: ${why}`}`,
      );
    }
    return { done: done.join(", ") || "nothing to change" };
  }

  /** Changes `balance` in the document, on trial like any other change. */
  setBalance(balance: string): Outcome {
    if (!Object.hasOwn(STRATEGIES, balance)) {
      const known = Object.keys(STRATEGIES);
      const near = didYouMean(balance, known);
      const hint = near === undefined ? `wanted ${known.join(", ")}` : `did you mean "${near}"?`;
      return { complaints: [`balance: no strategy ${brief(balance)}; ${hint}`] };
    }
    const before = this.proxy.config.balance;
    const outcome = this.amend({
      ...this.running.document,
      balance: balance as StrategyName,
    });
    return "done" in outcome
      ? { done: `balance is ${balance} instead of ${before}; ${outcome.done}` }
      : outcome;
  }

  explain(picks: unknown): Outcome {
    if (!isWholeNumber(picks, 1, EXPLAIN_MAX)) {
      return {
        complaints: [`explain: is ${brief(picks)}; wanted a whole number from 1 to ${EXPLAIN_MAX}`],
      };
    }
    this.proxy.explain.picksLeft = picks;
    return { done: `the next ${picks} picks will be explained` };
  }

  /** See `RunningConfig.configure`. */
  configure(given: object): Outcome {
    const document = this.#completed(given);
    const outcome = readConfig(document);
    if ("complaints" in outcome) return outcome;
    const bytes = JSON.stringify(document).length;
    if (bytes > DOCUMENT_BYTES_MAX) {
      return {
        complaints: [
          `configuration: is ${bytes} bytes long; ${DOCUMENT_BYTES_MAX} at most fit into flash`,
        ],
      };
    }
    return this.#noted(this.running.configure(outcome), outcome.config);
  }

  /** See `RunningConfig.configureUntilReset`. */
  configureUntilReset(given: object): Outcome {
    const outcome = readConfig(this.#completed(given));
    if ("complaints" in outcome) return outcome;
    return this.#noted(this.running.configureUntilReset(outcome), outcome.config);
  }

  /** Adds to an outcome which settings of the configuration this board cannot meet in full. */
  #noted(outcome: Outcome, config: Config): Outcome {
    const { connectionsMax } = this.parts.platform;
    const { sessionsMax } = budget(connectionsMax, config);
    if (!("done" in outcome) || (config.sessionsMax ?? 0) <= sessionsMax) return outcome;
    return {
      done: `${outcome.done}; sessionsMax is ${config.sessionsMax}, and the board has connections for ${sessionsMax}`,
    };
  }

  /** Applies a changed copy of the document in force, which stays temporary if the original is. */
  amend(document: object): Outcome {
    return this.running.source === "until-reset"
      ? this.configureUntilReset(document)
      : this.configure(document);
  }

  joinWifi(ssid: string, password: string): Outcome {
    const { link } = this.parts.platform;
    if (link.join === undefined) return { complaints: ["wifi: this machine has no Wi-Fi"] };
    if (ssid.length > SSID_MAX || (password !== "" && !/^.{8,63}$/.test(password))) {
      return {
        complaints: ["wifi: wanted a name of 1 to 32 and a password of 8 to 63 characters"],
      };
    }
    const before = link.ssid === undefined ? "" : ` instead of ${link.ssid}`;
    link.join(ssid, password);
    return {
      done: `joining ${ssid}${before}; it is saved if a request with the token arrives over it, else the previous network is joined again`,
    };
  }

  rejoinWifi(): Outcome {
    const { link } = this.parts.platform;
    if (link.rejoin === undefined) {
      return { complaints: ["wifi: this machine has no Wi-Fi"] };
    }
    link.rejoin();
    return { done: "leaving the network and joining it again" };
  }

  /** See `RunningConfig.configureBuiltIn`. */
  configureBuiltIn(): Outcome {
    return this.running.configureBuiltIn();
  }

  /** The built-in document, without its secrets. */
  get builtIn(): object {
    return withoutSecrets(this.parts.builtIn);
  }

  /** The document that the board has fallen back from, without its secrets. */
  get failed(): object | undefined {
    const { failed } = this.running;
    return failed && withoutSecrets(failed);
  }

  /** Puts the failed document in force again, on trial like any other. */
  configureFailed(): Outcome {
    const { failed } = this.running;
    return failed === undefined
      ? { complaints: ["no configuration has failed"] }
      : this.configure(failed);
  }

  /** Erases everything saved since the board was flashed, and restarts. */
  factoryReset(): Outcome {
    const { platform, store } = this.parts;
    if (store === undefined) return { complaints: ["factory-reset: this machine has no storage"] };
    platform.clock.after(FACTORY_RESET_MS, () => this.#forgetAll(store));
    const then =
      platform.restart === undefined
        ? "they are used from the next start on"
        : "the board restarts";
    return {
      done: `in ${FACTORY_RESET_MS / 1000} s configuration, token, states and Wi-Fi are reset to those of the build; ${then}`,
    };
  }

  #forgetAll(store: TextStore): void {
    const { platform, report, configStore } = this.parts;
    report({ level: "W", on: "config", what: "factory-reset" });
    this.#startTimer?.();
    this.running.stop();
    configStore?.forget();
    for (const key of [TOKEN_KEY, STATES_KEY, GIVEN_KEY]) store.delete(key);
    platform.link.forget?.();
    platform.restart?.();
  }

  /** Restarts the board; does not return if the machine can. */
  reboot(): Outcome {
    const { platform, configStore } = this.parts;
    const { restart } = platform;
    if (restart === undefined)
      return { complaints: ["reboot: this machine cannot restart itself"] };
    configStore?.startSucceeded(); // an intended restart is not a failed start
    return restart();
  }

  /** Undoes what reading a document changed: restores secrets and removes `setAtRunTime`. */
  #completed(given: object): object {
    const { setAtRunTime, ...document } = given as { setAtRunTime?: unknown; stickyKey?: unknown };
    if (document.stickyKey !== SECRET) return document;
    const { stickyKey } = this.running.document as { stickyKey?: string };
    return { ...document, stickyKey };
  }

  #unknown(name: string): string {
    const known = this.proxy.pool.backends.map(backend => backend.name);
    const near = didYouMean(name, known);
    return near === undefined
      ? `no backend ${brief(name)}; there are ${known.join(", ")}`
      : `no backend ${brief(name)}; did you mean "${near}"?`;
  }
}

/** Complaints about a weight set at run time, the same as for a document. */
function weightComplaints(weight: unknown, balance: StrategyName): string[] {
  if (!isWholeNumber(weight, 0, WEIGHT_MAX)) {
    return [`weight: is ${brief(weight)}; wanted a whole number from 0 to ${WEIGHT_MAX}`];
  }
  if (weight <= 1 || !UNWEIGHTED.includes(balance)) return [];
  return [`weight: is ${weight}, but ${balance} ignores weights; use weighted-round-robin`];
}

function isWholeNumber(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function withoutSecrets(document: object): object {
  return "stickyKey" in document ? { ...document, stickyKey: SECRET } : document;
}

/** The saved token, if it is valid. */
function storedToken(store: TextStore): string | undefined {
  const token = store.read(TOKEN_KEY);
  if (token === undefined || isToken(token)) return token;
  store.ignore(TOKEN_KEY, "is not a token"); // not echoed: it may be a token with a typing error
  return undefined;
}
