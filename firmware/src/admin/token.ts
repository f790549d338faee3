import type { TextStore } from "../config/storage.ts";
import { deepFreeze } from "../deep-freeze.ts";
import type { Report } from "../log/event.ts";
import type { Cancel, Platform } from "../platform.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import { type Outcome, refusal } from "./outcome.ts";
import { TRIAL_MS } from "./trial.ts";

/** Key in flash of the token that was set at run time. */
export const TOKEN_KEY = "token";

/** A shorter token could be guessed. */
export const TOKEN_MIN = 8;
const TOKEN_MAX = 64;

/** The rule for tokens, for a complaint. */
export const TOKEN_WANTED = `must have ${TOKEN_MIN} to ${TOKEN_MAX} printable characters without blanks`;

const NO_TOKEN: Outcome = deepFreeze(refusal(`token: ${TOKEN_WANTED}`));

interface TokenParts {
  readonly platform: Platform;
  readonly proxy: ReverseProxy;
  /** Absent where nothing is kept. */
  readonly store: TextStore | undefined;
  readonly report: Report;
  /** The built-in token. */
  readonly token: string | undefined;
}

/** The token that the admin port requires for changes. */
export class Token {
  #parts: TokenParts;
  #saved: string | undefined;
  /** Valid until the next reset. */
  #temporary: string | undefined;
  /** On trial: it is valid, and saved when a request with it arrives. */
  #trial: { readonly token: string; readonly cancel: Cancel } | undefined;

  constructor(parts: TokenParts) {
    this.#parts = parts;
    this.#saved = parts.store && savedToken(parts.store);
  }

  stop(): void {
    this.endTrial();
  }

  /** The valid token; `undefined` if none is set. */
  get value(): string | undefined {
    return this.#trial?.token ?? this.#temporary ?? this.#saved ?? (this.#parts.token || undefined);
  }

  /** Replaces the token until the next reset; nothing is saved. */
  setTemporary(token: string): Outcome {
    if (!isToken(token)) return NO_TOKEN;
    this.endTrial();
    this.#temporary = token;
    return { done: "the token is valid until the next reset, and not saved" };
  }

  /** Replaces the token, on trial if a request with the new one can confirm it. */
  set(token: string): Outcome {
    const { platform, proxy, store, report } = this.#parts;
    if (store === undefined) return refusal("token: this machine has no storage");
    if (!isToken(token)) return NO_TOKEN;
    const { value } = this;
    if (token === value && this.#trial !== undefined) {
      return { done: "the token is on trial already" };
    }
    if (token === value || value === undefined || proxy.config.adminPort === 0) {
      const error = this.save(store, token);
      return error === undefined
        ? { done: "the token is set" }
        : refusal(`token: writing to flash failed: ${error}`);
    }
    this.endTrial();
    const cancel = platform.clock.after(TRIAL_MS, () => {
      this.#trial = undefined;
      report({ level: "W", on: "admin", what: "token-rolled-back", why: "unconfirmed" });
    });
    this.#trial = { token, cancel };
    report({ level: "I", on: "admin", what: "token-trial", ms: TRIAL_MS });
    return {
      done: `the token is valid now; it is saved if a request with it arrives within ${TRIAL_MS / 1000} s, else it is rolled back`,
    };
  }

  /** Called when a request with the valid token has arrived. */
  confirm(): void {
    if (this.#trial === undefined) return;
    const { report, store } = this.#parts;
    const why = this.save(store!, this.#trial.token);
    if (why === undefined) report({ level: "I", on: "admin", what: "token-saved" });
    else report({ level: "W", on: "admin", what: "token-rolled-back", why });
  }

  /** Saves a token and ends a trial. Returns an error if flash failed. */
  private save(store: TextStore, token: string): string | undefined {
    this.endTrial();
    const error = store.write(TOKEN_KEY, token);
    if (error !== undefined) return error;
    this.#saved = token;
    this.#temporary = undefined;
    return undefined;
  }

  private endTrial(): void {
    this.#trial?.cancel();
    this.#trial = undefined;
  }
}

/** True of text that neither a header nor a console line would cut. */
export function isToken(text: string): boolean {
  return text.length >= TOKEN_MIN && text.length <= TOKEN_MAX && /^[!-~]+$/.test(text);
}

/** The saved token, if it is valid. */
function savedToken(store: TextStore): string | undefined {
  const token = store.read(TOKEN_KEY);
  if (token === undefined || isToken(token)) return token;
  store.ignore(TOKEN_KEY, "is not a token"); // not echoed: it may be a token with a typing error
  return undefined;
}

/** Takes the same time wherever the two differ, so that a token cannot be guessed character by character. */
export function equalInConstantTime(given: string, token: string): boolean {
  let difference = given.length ^ token.length;
  for (let i = 0; i < TOKEN_MAX; i++) {
    difference |= (given.charCodeAt(i) | 0) ^ (token.charCodeAt(i) | 0);
  }
  return difference === 0;
}
