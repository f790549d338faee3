import { readFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Outcome } from "../../../firmware/src/admin/outcome.ts";

/** Listens for browsers of this computer only. */
const HOST = "127.0.0.1";

/** Most pages at once, of which the newest stay; and bytes that one may leave unread before it is dropped. */
const WATCHERS_MAX = 8;
const UNREAD_BYTES_MAX = 2 * 1024 * 1024;

/** Most bytes of a request's body, which has a few words. */
const BODY_BYTES_MAX = 4 * 1024;

/**
 * A page of another site can send neither this field nor JSON without a preflight request, which is refused
 * here.
 */
const OWN_FIELD = "x-workbench";

const OTHER_SITE = "another site's page";

const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-cache",
};

const HERE = new URL(".", import.meta.url);
const UPLOT = new URL("../../../node_modules/uplot/dist/", import.meta.url);

/** The files of the page. */
const FILES: Record<string, { url: URL; type: string }> = {
  "/": { url: new URL("page/index.html", HERE), type: "text/html; charset=utf-8" },
  "/style.css": { url: new URL("page/style.css", HERE), type: "text/css" },
  "/uplot.js": { url: new URL("uPlot.esm.js", UPLOT), type: "text/javascript" },
  "/uplot.css": { url: new URL("uPlot.min.css", UPLOT), type: "text/css" },
  ...Object.fromEntries(
    ["page", "element", "scene", "charts", "backends", "machines", "board", "traffic", "log"].map(
      name => [`/${name}.js`, { url: new URL(`page/${name}.js`, HERE), type: "text/javascript" }],
    ),
  ),
};

export type Wish = Readonly<Record<string, unknown>>;

export interface ServerParts {
  /** The actions by name: `POST /do/NAME`. */
  readonly actions: Readonly<Record<string, (wish: Wish) => Promise<Outcome> | Outcome>>;
  /** The first message to a page. */
  hello(): object;
  /** The last page has been closed. */
  onAlone(): void;
}

/** Serves the page, sends it events (server-sent events), and runs its actions. */
export class PageServer {
  #parts: ServerParts;
  #server = http.createServer((request, response) => {
    this.#respond(request, response).catch((error: Error) => {
      answer(response, 500, { complaints: [error.message] }); // a file is missing: npm ci was not run
    });
  });
  #watchers = new Set<http.ServerResponse>();

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  /** Rejects with what `listen` reports, such as EADDRINUSE. 0 is any free port. */
  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: HOST, port }, resolve);
    });
  }

  get url(): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** To all pages. */
  broadcast(event: string, data: object): void {
    for (const watcher of this.#watchers) send(watcher, event, data);
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #respond(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      answer(response, 403, { complaints: [refusal] });
      return;
    }
    const path = request.url ?? "";
    if (request.method === "POST") await this.#act(path, request, response);
    else if (request.method !== "GET") answer(response, 405, { complaints: ["GET or POST"] });
    else if (path === "/events") this.#watch(response);
    else if (Object.hasOwn(FILES, path)) {
      const { url, type } = FILES[path];
      response.setHeader("Content-Type", type);
      response.end(await readFile(url));
    } else answer(response, 404, { complaints: [`nothing is at ${path.slice(0, 80)}`] });
  }

  /** Why a request is refused: it comes from another site, or for a foreign host name. */
  #refusal({ method, headers, url }: http.IncomingMessage): string | undefined {
    const { port } = this.#server.address() as AddressInfo;
    const own = [`${HOST}:${port}`, `localhost:${port}`];
    // A foreign name that points here would make this page a part of a foreign site.
    if (!own.includes(headers.host ?? "")) return `Host: wanted ${own.join(" or ")}`;
    const { origin } = headers;
    if (origin !== undefined && origin !== `http://${headers.host}`) return OTHER_SITE;
    // A request of a foreign page without Origin (an image, a script) has at least this field. A link that is followed
    // may come from anywhere: it opens the page, and nothing else.
    const site = headers["sec-fetch-site"];
    const followed = headers["sec-fetch-mode"] === "navigate" && url === "/";
    if (site !== undefined && site !== "same-origin" && site !== "none" && !followed)
      return OTHER_SITE;
    if (method === "POST" && headers[OWN_FIELD] === undefined) return `${OWN_FIELD}: is missing`;
    return undefined;
  }

  #watch(response: http.ServerResponse): void {
    // The page that was opened last stays.
    for (const first of this.#watchers) {
      if (this.#watchers.size < WATCHERS_MAX) break;
      this.#watchers.delete(first);
      send(first, "replaced", { pages: WATCHERS_MAX });
      first.end();
    }
    response.setHeader("Content-Type", "text/event-stream");
    this.#watchers.add(response);
    response.once("close", () => {
      if (this.#watchers.delete(response) && this.#watchers.size === 0) this.#parts.onAlone();
    });
    send(response, "hello", this.#parts.hello());
  }

  async #act(
    path: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    const [, name] = /^\/do\/([a-z-]+)$/.exec(path) ?? [];
    if (name === undefined || !Object.hasOwn(this.#parts.actions, name)) {
      answer(response, 404, { complaints: [`nothing is at ${path.slice(0, 80)}`] });
      return;
    }
    const wish = await readWish(request);
    if (wish === undefined) {
      answer(response, 400, {
        complaints: ["wanted a short JSON object of texts, numbers and flags"],
      });
      return;
    }
    const outcome = await this.#parts.actions[name](wish);
    answer(response, "done" in outcome ? 200 : 400, outcome);
  }
}

/** A page that reads too slowly is dropped, and connects again. */
function send(watcher: http.ServerResponse, event: string, data: object): void {
  if (watcher.writableLength > UNREAD_BYTES_MAX) watcher.destroy();
  else watcher.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function answer(response: http.ServerResponse, status: number, value: object): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.end(`${JSON.stringify(value)}\n`);
}

/** `undefined`: too long, no JSON object, one that holds others, or its sender has left. */
async function readWish(request: http.IncomingMessage): Promise<Wish | undefined> {
  let text = "";
  try {
    for await (const piece of request) {
      text += piece;
      if (text.length > BODY_BYTES_MAX) return undefined;
    }
    const value = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.values(value).some(member => typeof member === "object") ? undefined : value;
  } catch {
    return undefined;
  }
}
