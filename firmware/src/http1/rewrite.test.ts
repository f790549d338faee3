import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { ascii } from "../text/ascii.ts";
import {
  CONNECTION,
  HOST,
  UPGRADE,
  VIA,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PROTO,
} from "./field-names.ts";
import { type Framing, requestFraming } from "./framing.ts";
import { Head } from "./head.ts";
import { HeadWriter } from "./head-writer.ts";
import {
  CLOSE,
  KEEP_ALIVE,
  originLines,
  REWRITE_BYTES,
  rewriteRequest,
  rewriteResponse,
  setCookieLines,
} from "./rewrite.ts";

const LIMITS = { headBytesMax: 4096, headLinesMax: 48 };

function headOf(kind: "request" | "response", text: string, pieceBytes = text.length): Head {
  const head = new Head(kind, LIMITS);
  const all = Uint8Array.from(text, character => character.charCodeAt(0));
  for (let at = 0; at < all.byteLength && !head.done; at += pieceBytes) {
    head.feed(all.slice(at, at + pieceBytes));
    head.keep();
  }
  expect(head.done).toBe(true);
  return head;
}

const PLAIN = {
  framing: "none" as Framing,
  clientAddress: "10.0.0.9",
  trusted: false,
  connection: "",
  pseudonym: "us",
  /** Made by us; `undefined` when the request has one. */
  requestId: "id-1" as string | undefined,
  target: undefined as Uint8Array | undefined,
  upgrade: undefined as number | undefined,
  sticky: false,
};

/** The head that `write` writes. */
function written(write: (out: HeadWriter) => number): string {
  const out = new HeadWriter({}, LIMITS.headBytesMax + REWRITE_BYTES);
  return String.fromCharCode(...out.bytes.subarray(0, write(out)));
}

/** A request as the backend gets it, the same however its pieces were cut. */
function request(text: string, options: Partial<typeof PLAIN> = {}): string {
  const outcomes = [text.length, 1, 13].map(pieceBytes => {
    const head = headOf("request", text, pieceBytes);
    const { clientAddress, trusted, connection, pseudonym, requestId, sticky, ...rest } = {
      ...PLAIN,
      ...options,
    };
    const rewrite = { ...rest, id: requestId ?? "theirs", hasOwnId: requestId === undefined };
    const rules = {
      pseudonym,
      originLines: originLines(pseudonym),
      stickyCookie: sticky ? {} : undefined,
    };
    return written(out =>
      rewriteRequest(out, head, rewrite, clientAddress, trusted, connection, rules),
    );
  });
  expect(new Set(outcomes).size).toBe(1);
  return outcomes[0];
}

function response(text: string, framing: Framing = "none", lines = ""): string {
  const head = headOf("response", text);
  return written(out => rewriteResponse(out, head, framing, lines));
}

describe("a request", () => {
  test("is rewritten: forwarded fields first, then those of the proxy", () => {
    expect(request("GET /a?b HTTP/1.0\r\nHost: x:80\r\nCookie:  c \r\n\r\n")).toBe(
      [
        "GET /a?b HTTP/1.1",
        "Host: x:80",
        "Cookie:  c ",
        "X-Forwarded-Host: x:80",
        "X-Forwarded-Proto: http",
        "Via: 1.0 us",
        "X-Forwarded-For: 10.0.0.9",
        "X-Request-Id: id-1",
        "",
        "",
      ].join("\r\n"),
    );
  });

  test("of HTTP/1.0 without Host gets an empty one", () => {
    const text = request("GET / HTTP/1.0\r\n\r\n");
    expect(text).toContain("\r\nHost:\r\n");
    expect(text).not.toContain("X-Forwarded-Host");
  });

  test("leaves out the empty line before it", () => {
    expect(request("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(
      /^GET \/ HTTP\/1\.1\r\nHost: x\r\n/,
    );
  });

  test.each<[Framing, string, string[]]>([
    ["none", "", []],
    [7, "Content-Length: 007\r\n", ["Content-Length: 7"]],
    [0, "Content-Length: 0\r\n", ["Content-Length: 0"]],
    ["chunked", "transfer-encoding: CHUNKED\r\n", ["Transfer-Encoding: chunked"]],
  ])("is framed by us: %j", (framing, field, expected) => {
    const text = request(`PUT / HTTP/1.1\r\nHost: x\r\n${field}\r\n`, { framing });
    expect(text.match(/^(content-length|transfer-encoding).*(?=\r$)/gim) ?? []).toEqual(expected);
  });

  test.each([
    "Connection: x",
    "Keep-Alive: 5",
    "Proxy-Connection: x",
    "Proxy-Authenticate: x",
    "Proxy-Authorization: x",
    "HTTP2-Settings: x",
    "TE: trailers",
    "Trailer: x",
    "Upgrade: x",
    "Content_Length: 1",
    "transfer_encoding: chunked",
    "X_Forwarded_For: 1.1.1.1",
    "X-Forwarded_Proto: https",
    "x_request_id: 1",
    "Forwarded: for=1.1.1.1",
    "X-Forwarded-For: 1.1.1.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: y",
  ])("loses %s, and nothing around it", field => {
    const text = request(`GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\n${field}\r\nB: 2\r\n\r\n`);
    expect(text).toMatch(
      /^GET \/ HTTP\/1\.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nX-Forwarded-Host: x\r\n/,
    );
    expect(text).not.toContain(field);
  });

  test("loses what Connection names, in any case, over several fields of it", () => {
    const text = request(
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: close, X-A ,x-b\r\nX-a: 1\r\nX-C: 3\r\nX-B: 2\r\nconnection: X-D\r\nX-D: 4\r\n\r\n",
    );
    expect(text).toMatch(/\r\nHost: x\r\nX-C: 3\r\nX-Forwarded-Host/);
    expect(text).not.toMatch(/X-[abd]:/i);
  });

  test("keeps Expect from a client that knows what it means", () => {
    const fields = "Host: x\r\nExpect: 100-continue\r\n\r\n";
    expect(request(`PUT / HTTP/1.1\r\n${fields}`)).toContain("\r\nExpect: 100-continue\r\n");
    expect(request(`PUT / HTTP/1.0\r\n${fields}`)).not.toContain("Expect");
  });

  test("of a trusted peer adds to what was said, and keeps the rest of it", () => {
    const text = request(
      "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\nForwarded: by=z\r\nVia: 1.0 a\r\nVia: 1.1 b\r\n\r\n",
      { trusted: true },
    );
    expect(text).toMatch(/\r\nX-Forwarded-For: 1\.1\.1\.1, 2\.2\.2\.2, 10\.0\.0\.9\r\n/);
    expect(text).toMatch(/\r\nX-Forwarded-Proto: https\r\n/);
    expect(text).toMatch(/\r\nX-Forwarded-Host: shop\r\n/);
    expect(text).toMatch(/\r\nForwarded: by=z\r\n/);
    expect(text).toMatch(/\r\nVia: 1\.0 a, 1\.1 b, 1\.1 us\r\n/);
    expect(text.match(/x-forwarded-for/gi)?.length).toBe(1);
  });

  test("of a trusted peer that says the same twice is believed once", () => {
    const twice = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n".repeat(2);
    const text = request(`GET / HTTP/1.1\r\nHost: x\r\n${twice}\r\n`, { trusted: true });
    expect(text.match(/^x-forwarded-(proto|host).*(?=\r$)/gim)).toEqual([
      "X-Forwarded-Host: shop",
      "X-Forwarded-Proto: https",
    ]);
  });

  test("of a trusted peer that contradicts itself, or says nothing, is written by the proxy", () => {
    const twice = "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n";
    for (const said of ["", twice]) {
      const text = request(`GET / HTTP/1.1\r\nHost: x\r\n${said}\r\n`, { trusted: true });
      expect(text.match(/^x-forwarded-proto.*(?=\r$)/gim)).toEqual(["X-Forwarded-Proto: http"]);
    }
  });

  test("takes another target, and an upgrade where one is agreed to", () => {
    const text =
      "GET /api/chat HTTP/1.1\r\nHost: x\r\nConnection: upgrade, X-A\r\nX-A: 1\r\nUpgrade: websocket\r\n\r\n";
    const upgrade = headOf("request", text).only(UPGRADE);
    const outcome = request(text, { target: ascii("/chat"), upgrade });
    expect(outcome).toMatch(/^GET \/chat HTTP\/1\.1\r\n/);
    expect(outcome).toMatch(/\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n$/);
    expect(outcome).not.toContain("X-A");
  });
});

describe("an answer", () => {
  test("keeps its words and its fields, and is framed by us", () => {
    const text = response(
      "HTTP/1.0 404 N\xf6t  found\r\nSet-Cookie: a\r\nContent-Length: 5\r\nset-cookie: b\r\nConnection: close, X-A\r\nX-A: 1\r\nKeep-Alive: 5\r\n\r\n",
      5,
      KEEP_ALIVE,
    );
    expect(text).toBe(
      "HTTP/1.1 404 N\xf6t  found\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
    );
  });

  test.each([
    ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"],
    ["HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 \r\n\r\n"],
    ["HTTP/1.1 200 \r\nA: b\r\n\r\n", "HTTP/1.1 200 \r\nA: b\r\n\r\n"],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    ],
    [
      "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
      "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
    ],
    ["HTTP/1.1 204\r\n\r\n", "HTTP/1.1 204 \r\n\r\n"],
    ["HTTP/1.1 304 \r\nA: b\r\n\r\n", "HTTP/1.1 304 \r\nA: b\r\n\r\n"],
    ["HTTP/1.0 304\r\nA: b\r\n\r\n", "HTTP/1.1 304 \r\nA: b\r\n\r\n"],
    ["HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n"],
    ["HTTP/1.1 100 Go\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 100 Go\r\n\r\n"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"],
    [
      "HTTP/1.1 200 OK\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nTE: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\n",
    ],
  ])("without a body: %j", (text, expected) => {
    expect(response(text)).toBe(expected);
  });

  test("in chunks has Transfer-Encoding, whatever framing it had", () => {
    for (const field of ["", "Transfer-Encoding: chunked\r\n"])
      expect(response(`HTTP/1.1 200 OK\r\n${field}\r\n`, "chunked")).toBe(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
    expect(response("HTTP/1.1 200 OK\r\n\r\n", "close", CLOSE)).toBe(
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    );
  });

  test("may carry a cookie for the client, which no shared cache may store", () => {
    const text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    expect(response(text, 2, setCookieLines("lb=1") + CLOSE)).toBe(
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: lb=1\r\nCache-Control: private\r\nConnection: close\r\n\r\n",
    );
  });

  test("that switches protocols says to which", () => {
    const text = "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\nA: b\r\n\r\n";
    expect(response(text)).toBe(
      "HTTP/1.1 101 Go\r\nA: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
  });
});

test("the close of a connection is announced with any framing", () => {
  const get = request("GET / HTTP/1.1\r\nHost: x\r\n\r\n", { connection: CLOSE });
  expect(get).toMatch(/X-Request-Id: id-1\r\nConnection: close\r\n\r\n$/);
  const put = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n";
  expect(request(put, { connection: CLOSE, framing: 3 })).toMatch(
    /\r\nContent-Length: 3\r\nConnection: close\r\n\r\n$/,
  );
});

test("any request that is understood becomes one that is understood the same, and fits", () => {
  const field = fc.constantFrom(
    "Connection: close, a",
    "Connection: upgrade",
    "Content-Length: 5",
    "Content_Length: 6",
    "Transfer-Encoding: chunked",
    "X-Forwarded-For: 1.2.3.4",
    "X-Forwarded-Host: y",
    "X-Forwarded-Proto: https",
    "Via: 1.1 a",
    "Upgrade: x",
    "X-Request-Id: 7",
    "A: b",
    "Cookie: \xff",
    `Long: ${"x".repeat(900)}`,
  );
  const host = fc.constantFrom("x", "x:80", "x".repeat(260));
  fc.assert(
    fc.property(fc.array(field, { maxLength: 10 }), host, fc.boolean(), (fields, name, trusted) => {
      const text = `PUT /a HTTP/1.1\r\n${[`Host: ${name}`, ...fields].join("\r\n")}\r\n\r\n`;
      fc.pre(text.length <= LIMITS.headBytesMax);
      const framing = requestFraming(headOf("request", text), "PUT");
      fc.pre(framing !== undefined);
      const outcome = request(text, {
        framing,
        trusted,
        clientAddress: "255.255.255.255",
        pseudonym: "hot-potato-01234567",
        connection: CLOSE,
        requestId: fields.includes("X-Request-Id: 7") ? undefined : "01234567-1000000",
      });
      expect(outcome.length).toBeLessThanOrEqual(LIMITS.headBytesMax + REWRITE_BYTES);
      const head = new Head("request", { headBytesMax: 8192, headLinesMax: 96 });
      const all = Uint8Array.from(outcome, character => character.charCodeAt(0));
      expect(head.feed(all)).toBe(all.byteLength);
      expect([head.done, head.error]).toEqual([true, undefined]);
      expect(requestFraming(head, "PUT")).toEqual(framing);
      expect(head.value(head.only(HOST))).toBe(name);
      expect(head.value(head.only(CONNECTION))).toBe("close");
      expect(head.has(UPGRADE)).toBe(false);
      for (const once of [VIA, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO])
        expect(head.only(once)).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 300 },
  );
});
