import type { Backend } from "../backend/backend.ts";
import { hashText } from "../hash.ts";
import type { Field, Head } from "./head.ts";

/** The cookie that keeps a browser with its backend. */
export const STICKY_COOKIE = "lb";

/** What its pair begins with. */
const OURS = `${STICKY_COOKIE}=`;

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
      const text = head.value(field);
      for (let start = 0, end = 0; start < text.length; start = end + 1) {
        end = endOf(text, start);
        const pair = text.slice(start, end).trim();
        if (!pair.startsWith(OURS)) continue;
        const known = this.#tokens.find(({ token }) => pair === OURS + token);
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
  const text = head.value(field);
  let others = "";
  let from = 0;
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    end = endOf(text, start);
    if (!text.slice(start, end).trim().startsWith(OURS)) continue;
    others += text.slice(from, start);
    from = end + 1;
  }
  others = (others + text.slice(from)).trim();
  return others.endsWith(";") ? others.slice(0, -1) : others;
}

/** Where the cookie ends that begins at `start`. One by one: all at once could be too much for the chip. */
function endOf(text: string, start: number): number {
  const end = text.indexOf(";", start);
  return end < 0 ? text.length : end;
}

function tokenOf(name: string, key: number): string {
  return hashText(name, key).toString(16).padStart(8, "0");
}
