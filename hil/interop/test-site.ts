import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type net from "node:net";
import { execa } from "execa";
import { WebSocketServer } from "ws";

/** Parts of the page: style sheets, scripts and pictures in turn. */
export const PARTS = 40;

/** Bytes of `/file`. */
export const FILE = Buffer.from("0123456789abcdef".repeat(8192));

/** The answer of `/digest`. */
export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
  /** Framing of the received upload. */
  readonly framing: "length" | "chunked" | "none";
}

export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * A web site with features that real clients use, on Node's own HTTP and `ws`, because the test is that the
 * proxy works with foreign servers:
 *
 * - `/digest` returns the digest of an upload
 * - `/mirror` returns an upload, framed as it came
 * - `/file` supports ranges
 * - `/cut/length` and `/cut/chunked` break off in the middle
 * - `/page` is a page with 40 parts, an upload and a WebSocket, which posts its results to `/report`
 * - `/echo` is a WebSocket that echoes
 */
export class Site {
  readonly port: number;
  readonly sockets = new WebSocketServer({ noServer: true });
  /** Reports of the page. */
  readonly report: Promise<unknown>;
  /** Requested paths, in order. */
  readonly paths: string[] = [];
  #server: Server;
  #reported: (report: unknown) => void = () => {};

  /** `socket` is one that listens already: by default a free port of the loopback. */
  static async start(socket?: net.Server): Promise<Site> {
    const server = createServer();
    if (socket === undefined) server.listen(0, "127.0.0.1");
    else server.listen(socket);
    await once(server, "listening");
    return new Site(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    this.report = new Promise(resolve => {
      this.#reported = resolve;
    });
    server.on("request", (request, response) => this.#answer(request, response));
    server.on("upgrade", (request, socket, head) => {
      this.sockets.handleUpgrade(request, socket, head, peer => {
        peer.on("message", (bytes, isBinary) => peer.send(bytes, { binary: isBinary }));
        peer.on("error", () => {}); // `close` follows
        this.sockets.emit("connection", peer, request);
      });
    });
  }

  async stop(): Promise<void> {
    for (const peer of this.sockets.clients) peer.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url!;
    this.paths.push(path);
    const body = Buffer.concat(await request.toArray());
    const part = /^\/part\/(\d+)$/.exec(path)?.[1];
    if (part !== undefined) sendPart(Number(part), response);
    else if (path === "/page") send(response, "text/html", PAGE);
    else if (path === "/digest") send(response, "application/json", digest(request, body));
    else if (path === "/mirror") mirror(request, body, response);
    else if (path === "/file") sendRange(request, response);
    else if (path.startsWith("/cut/")) cut(path === "/cut/chunked", response);
    else if (path === "/report") {
      this.#reported(JSON.parse(body.toString()));
      send(response, "text/plain", "thanks");
    } else response.writeHead(404, { "Content-Length": 0 }).end();
  }
}

function send(response: ServerResponse, type: string, body: string | Buffer): void {
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}

function digest({ headers }: IncomingMessage, body: Buffer): string {
  const chunked = headers["transfer-encoding"] === "chunked";
  const length = headers["content-length"] !== undefined;
  const framing = chunked ? "chunked" : length ? "length" : "none";
  const told: Digest = { bytes: body.byteLength, sha256: sha256(body), framing };
  return JSON.stringify(told);
}

function mirror({ headers }: IncomingMessage, body: Buffer, response: ServerResponse): void {
  response.setHeader("Content-Type", "application/octet-stream");
  if (headers["content-length"] !== undefined) response.setHeader("Content-Length", body.length);
  else response.flushHeaders(); // in chunks
  response.end(body);
}

/** One range with a start, in its two forms: enough to resume a download. */
function sendRange({ headers }: IncomingMessage, response: ServerResponse): void {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  response.setHeader("Accept-Ranges", "bytes");
  if (first === undefined) {
    send(response, "application/octet-stream", FILE);
    return;
  }
  const end = last === "" ? FILE.byteLength - 1 : Number(last);
  response.statusCode = 206;
  response.setHeader("Content-Range", `bytes ${first}-${end}/${FILE.byteLength}`);
  send(response, "application/octet-stream", FILE.subarray(Number(first), end + 1));
}

function cut(chunked: boolean, response: ServerResponse): void {
  if (!chunked) response.setHeader("Content-Length", 1000);
  response.write("half of it", () => response.socket!.destroy());
}

function kindOf(part: number): "css" | "js" | "svg" {
  return (["css", "js", "svg"] as const)[part % 3];
}

/** Every third part is large: it passes the board in many pieces. */
function sendPart(part: number, response: ServerResponse): void {
  const filler = " ".repeat(part % 9 < 3 ? 100_000 : part);
  const kind = kindOf(part);
  if (kind === "css") send(response, "text/css", `#p${part} { color: red }${filler}`);
  else if (kind === "js") send(response, "text/javascript", `scripts++;${filler}`);
  else
    send(
      response,
      "image/svg+xml",
      `<svg xmlns="http://www.w3.org/2000/svg" width="${part}" height="9"/>${filler}`,
    );
}

const TAGS = Array.from({ length: PARTS }, (_, part) => {
  const kind = kindOf(part);
  if (kind === "css") return `<link rel="stylesheet" href="part/${part}">`;
  return kind === "js" ? `<script src="part/${part}"></script>` : `<img src="part/${part}">`;
});

/** Bytes that the page uploads, and sends through its WebSocket. */
const PAGE_UPLOAD_BYTES = 1_000_000;

/** The report of the page in a browser that got all of it. */
export const PAGE_REPORT = {
  styles: 14,
  scripts: 13,
  pictures: 13,
  uploaded: PAGE_UPLOAD_BYTES,
  sha256: sha256(Buffer.alloc(PAGE_UPLOAD_BYTES, "A")),
  echoed: PAGE_UPLOAD_BYTES,
};

const PAGE = `<!doctype html>
<title>A page of many parts</title>
<link rel="icon" href="data:,">
<script>
let scripts = 0;
addEventListener("load", async () => {
  const bytes = new Uint8Array(${PAGE_UPLOAD_BYTES}).fill(65);
  const pictures = [...document.images].filter(image => image.naturalWidth > 0).length;
  const styles = [...document.styleSheets].filter(sheet => sheet.cssRules.length === 1).length;
  const { bytes: uploaded, sha256 } = await (await fetch("digest", { method: "POST", body: bytes })).json();
  const echoed = await new Promise(resolve => {
    const socket = new WebSocket(new URL("echo", location.href).href.replace("http", "ws"));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(bytes);
    socket.onmessage = ({ data }) => resolve(data.byteLength);
    socket.onclose = ({ code }) => resolve("closed: " + code);
  });
  const report = { scripts, styles, pictures, uploaded, sha256, echoed };
  await fetch("report", { method: "POST", body: JSON.stringify(report) });
});
</script>
${TAGS.join("\n")}
`;

/** The command line of Chromium without a window; `folder` is for its profile. The page stays open until it is killed. */
export function chromiumArguments(
  folder: string,
  url: string,
  ...options: readonly string[]
): string[] {
  return [
    "--headless",
    "--no-sandbox", // Chromium has no sandbox as root; the page is a test's
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    ...options,
    "--remote-debugging-port=0", // stay until it is ended
    `--user-data-dir=${folder}`,
    url,
  ];
}

/** Opens a page in Chromium without a window. */
export function chromium(folder: string, url: string, ...options: readonly string[]) {
  const args = chromiumArguments(folder, url, ...options);
  return execa("chromium", args, { reject: false, all: true });
}
