import type { Backend } from "../backend/backend.ts";
import { hashText } from "../hash.ts";
import type { Field, Head } from "./head.ts";

/** The cookie that keeps a browser with its backend. */
export const STICKY_COOKIE = "lb";

/**
 * Keeps a browser with the backend that served it first, by a cookie whose value is a keyed hash of
 * the backend's name: what names there are is nobody's business. It is no secret: who guesses the value
 * chooses a backend, and no more.
 */
export class StickyCookie {
  #tokens: readonly { readonly backend: Backend; readonly token: string }[];

  constructor(backends: readonly Backend[], key: number) {
    this.#tokens = backends.map(backend => ({ backend, token: tokenOf(backend.name, key) }));
  }

  /** The backend that the request's cookie names. */
  read(head: Head): Backend | undefined {
    for (const field of head.all("cookie")) {
      for (const pair of pairsOf(head, field)) {
        const known = this.#tokens.find(({ token }) => pair === `${STICKY_COOKIE}=${token}`);
        if (known !== undefined) return known.backend;
      }
    }
    return undefined;
  }

  /** What the client is told to remember: until the browser is closed, for no script. */
  setCookie(backend: Backend): string {
    const { token } = this.#tokens[backend.index];
    return `${STICKY_COOKIE}=${token}; Path=/; HttpOnly; SameSite=Lax`;
  }
}

/** A field's cookies but ours, which is none of the backend's business; `""` when none is left. */
export function otherCookies(head: Head, field: Field): string {
  return pairsOf(head, field)
    .filter(pair => !pair.startsWith(`${STICKY_COOKIE}=`))
    .join("; ");
}

function pairsOf(head: Head, field: Field): string[] {
  return head
    .value(field)
    .split(";")
    .map(pair => pair.trim())
    .filter(pair => pair !== "");
}

function tokenOf(name: string, key: number): string {
  return hashText(name, key).toString(16).padStart(8, "0");
}
