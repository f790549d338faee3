import { readConfig } from "../config/config.ts";
import { weightFault } from "../config/cross-check.ts";
import { DOCUMENT_BYTES_MAX, documentBytesMax, jsonLength } from "../config/document-parts.ts";
import { valueAt, withValueAt } from "../config/key-path.ts";
import { brief, type Complaints, DocumentReader, suggestion } from "../config/reader.ts";
import {
  ADMIN_STATES,
  type AdminState,
  type Config,
  EXPLAIN_MAX,
  WEIGHT_MAX,
} from "../config/settings.ts";
import { EVENT_KINDS, type Log } from "../log/log.ts";
import { budget } from "../net/connection-budget.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import type { BoardName } from "./board-name.ts";
import type { BoardTime } from "./board-time.ts";
import { canRead } from "./config-memory.ts";
import { type Outcome, refusal } from "./outcome.ts";
import type { RunningConfig, RunningConfigParts } from "./running-config.ts";
import { STATES_KEY, saveStates } from "./runtime-changes.ts";
import { withoutSecrets, withSecrets } from "./secrets.ts";
import { GIVEN_KEY } from "./start-config.ts";
import { TOKEN_KEY, Token } from "./token.ts";
import { CONFIRMATION } from "./trial.ts";

/** Delay between the response to a factory reset and the reset, so that the response arrives. */
const FACTORY_RESET_MS = 1000;

const NO_MEMORY =
  "configuration: no memory is left to check it beside the one in force; nothing was changed. With a smaller one and a restart there is more";

const EARLIER_PARTITION = `, which has the partitions of an earlier firmware; ${DOCUMENT_BYTES_MAX} fit once it is flashed over USB`;

/** Longest SSID, in characters (IEEE 802.11). */
const SSID_MAX = 32;

export interface RuntimeApiParts
  extends Pick<RunningConfigParts, "platform" | "proxy" | "store" | "configStore" | "report"> {
  readonly log: Log;
  readonly running: RunningConfig;
  /** The built-in token. */
  readonly token: string | undefined;
  /** Which build of the firmware runs. */
  readonly build: string | undefined;
  readonly name: BoardName;
  readonly time: BoardTime;
}

interface BackendChange {
  readonly state?: AdminState;
  readonly weight?: number;
}

/**
 * All changes of a running board, for the console, the API and the page (HAProxy's Runtime API). A change is checked as
 * a whole before anything happens.
 */
export class RuntimeApi {
  readonly parts: RuntimeApiParts;
  readonly token: Token;

  constructor(parts: RuntimeApiParts) {
    this.parts = parts;
    this.token = new Token(parts);
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

  /** Called when a request has arrived at `port`, with the token if one is set: confirms a port, token or network on trial. */
  confirm(port: number): void {
    this.running.confirm(port);
    this.parts.platform.link.confirm?.();
    this.token.confirm();
  }

  /** Sets state, weight or both of a backend; `wish` is checked as a whole. */
  changeBackend(name: string, wish: object): Outcome {
    const { proxy, parts, running } = this;
    const backend = proxy.backend(name);
    if (backend === undefined) return refusal(this.noBackend(name));
    const check = new DocumentReader();
    const { state, weight } = check.object<BackendChange>(
      { path: "", value: wish },
      {
        state: key => check.optional(key, () => check.word(key, "ready", ADMIN_STATES)),
        weight: key => check.optional(key, () => check.integer(key, undefined, 0, WEIGHT_MAX)),
      },
    );
    const fault = weight === undefined ? undefined : weightFault(weight, proxy.config.balance);
    if (fault !== undefined) check.complain(`weight: ${fault}`);
    if (check.complaints.length > 0) return check;
    const done: string[] = [];
    if (weight !== undefined) {
      done.push(`weight ${weight} (was ${backend.weight}) until the next configuration or restart`);
      proxy.setWeight(backend, weight);
    }
    if (state !== undefined) {
      const before = backend.state === state ? "already" : `(was ${backend.state})`;
      proxy.setState(backend, state);
      const error = saveStates(proxy, parts.store, running.source);
      const failed = error === undefined ? "" : `, and writing to flash failed: ${error}`;
      done.push(`${state} ${before}${failed}`);
    }
    return { done: done.length === 0 ? "nothing to change" : `${name}: ${done.join(", ")}` };
  }

  /** The complaint that there is no backend of this name. */
  noBackend(name: string): string {
    const known = this.proxy.pool.backends.map(backend => backend.name);
    return `no backend ${brief(name)}; ${suggestion(name, known, `there are ${known.join(", ")}`)}`;
  }

  /** The last events of both kinds or of one, all of them or `last`. */
  events(kind: unknown, last: unknown): Iterable<string> | Complaints {
    const check = new DocumentReader();
    const one = check.optional({ path: "kind", value: kind }, key =>
      check.word(key, "board", EVENT_KINDS),
    );
    const all = Number.POSITIVE_INFINITY;
    const count = check.integer({ path: "last", value: last }, all, 1, all);
    return check.complaints.length > 0 ? check : this.parts.log.last(count, one);
  }

  explain(picks: unknown): Outcome {
    const check = new DocumentReader();
    const count = check.integer({ path: "explain", value: picks }, undefined, 1, EXPLAIN_MAX);
    if (check.complaints.length > 0) return check;
    this.proxy.explain.picksLeft = count;
    return { done: `the next ${count} picks will be explained` };
  }

  /** See `RunningConfig.configure` and, for `persist: false`, `configureUntilReset`. */
  configure(given: object, { persist = true } = {}): Outcome {
    if (!canRead(this.parts.platform, given)) return refusal(NO_MEMORY);
    const { link } = this.parts.platform;
    const outcome = readConfig(withSecrets(given, this.running.document), link.kind);
    if ("complaints" in outcome) return outcome;
    if (!persist) return this.noted(this.running.configureUntilReset(outcome), outcome.config);
    const bytes = jsonLength(outcome.document);
    const max = documentBytesMax(this.parts.platform.vitals.storageBytes);
    if (bytes > max) {
      const why = max < DOCUMENT_BYTES_MAX ? EARLIER_PARTITION : "";
      return refusal(`configuration: is ${bytes} bytes long; ${max} at most fit into flash${why}`);
    }
    return this.noted(this.running.configure(outcome), outcome.config);
  }

  /** Puts the document that was rolled back in force again, on trial. */
  configureFailed(): Outcome {
    const { failed } = this.running;
    return failed === undefined ? refusal("no configuration has failed") : this.configure(failed);
  }

  /** Changes a key of the document in force, such as `health.intervalMs`. A document until the next reset stays one. */
  setKey(key: string, value: unknown): Outcome {
    const { document, proxy, running } = this;
    const change = withValueAt(document, key, value);
    if ("complaints" in change) return change;
    const before = valueAt(document, proxy.config, key);
    const outcome = this.configure(change.document, { persist: running.source !== "until-reset" });
    if ("complaints" in outcome || "complaints" in before) return outcome;
    const after = valueAt(withoutSecrets(change.document), proxy.config, key);
    const now = brief("complaints" in after ? undefined : after.value);
    const was = before.value === undefined ? "not set" : brief(before.value);
    const which = before.isDefault && before.value !== undefined ? ", the default" : "";
    return { done: `${key}: ${now} (was ${was}${which}); ${outcome.done}` };
  }

  joinWifi(ssid: string, password: string): Outcome {
    const { link } = this.parts.platform;
    if (link.join === undefined) return refusal("wifi: this machine has no Wi-Fi");
    if (ssid.length > SSID_MAX || (password !== "" && !/^.{8,63}$/.test(password))) {
      return refusal("wifi: the name must have 1 to 32 characters, and the password 8 to 63");
    }
    const before = link.ssid === undefined ? "" : ` instead of ${link.ssid}`;
    link.join(ssid, password);
    return {
      done: `joining ${ssid}${before}; it is saved if ${CONFIRMATION} arrives over it, else it is rolled back`,
    };
  }

  rejoinWifi(): Outcome {
    const { link } = this.parts.platform;
    if (link.rejoin === undefined) return refusal("wifi: this machine has no Wi-Fi");
    link.rejoin();
    return { done: "leaving the network and joining it again" };
  }

  /** Erases everything saved since the board was flashed, and restarts. */
  factoryReset(): Outcome {
    const { platform, store, configStore, report } = this.parts;
    if (store === undefined) return refusal("factory-reset: this machine has no storage");
    platform.clock.after(FACTORY_RESET_MS, () => {
      report({ level: "W", on: "config", what: "factory-reset" });
      this.running.stop();
      configStore?.forget();
      for (const key of [TOKEN_KEY, STATES_KEY, GIVEN_KEY]) store.delete(key);
      platform.link.forget?.();
      platform.restart?.();
    });
    const then =
      platform.restart === undefined
        ? "they are used from the next start on"
        : "the board restarts";
    return {
      done: `in ${FACTORY_RESET_MS / 1000} s configuration, token, states and Wi-Fi are reset to those of the build; ${then}`,
    };
  }

  /** Restarts the board; does not return if the machine can. */
  reboot(): Outcome {
    const { restart } = this.parts.platform;
    if (restart === undefined) return refusal("reboot: this machine cannot restart itself");
    this.running.stop(); // an intended restart is not a failed start
    return restart();
  }

  /** Adds to the outcome of a change that the board cannot have as many sessions as `config` wants. */
  private noted(outcome: Outcome, config: Config): Outcome {
    const { sessionsMax } = budget(this.parts.platform.connectionsMax, config);
    if (!("done" in outcome) || (config.sessionsMax ?? 0) <= sessionsMax) return outcome;
    return {
      done: `${outcome.done}; sessionsMax is ${config.sessionsMax}, and the board has connections for ${sessionsMax}`,
    };
  }
}
