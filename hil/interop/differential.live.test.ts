import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MessageReader } from "../../backends/src/http-reader.ts";
import { type LiveBoard, startBoard } from "../kit/live-board.ts";
import { onThisComputer, PATIENCE_MS } from "../kit/patience.ts";
import { brief, RecordingBackend, type Seen } from "./recording-backend.ts";
import { missing, PEERS, type PeerName, startPeer } from "./reference-proxies.ts";

// The same bytes go through the board, nginx and HAProxy, each with a backend of its own that records what it
// receives. What the board's backend receives must be a strict reading of the input, and nothing that both
// others refuse. DIFFERENCES has the reason of each difference from both.

/** One input: the bytes of a client on one connection. */
interface Input {
  readonly title: string;
  /** One character for each byte. */
  readonly bytes: string;
  /** Requests that the board's backend must receive: `POST /path body`. */
  readonly sees: readonly string[];
  /** Statuses of the board's final answers. */
  readonly statuses: readonly number[];
  /** The value of Host that the backend must receive. */
  readonly host: string;
}

const HOST = "a.test";

function input(
  title: string,
  bytes: string,
  sees: readonly string[],
  refusal?: number,
  host: string = HOST,
): Input {
  const statuses = [...sees.map(() => 200), ...(refusal === undefined ? [] : [refusal])];
  return { title, bytes, sees, statuses, host };
}

/** A head and what follows it. */
function message(line: string, fields: readonly string[] = [], rest = ""): string {
  return `${[line, `Host: ${HOST}`, ...fields, "", ""].join("\r\n")}${rest}`;
}

const get = (path: string, ...fields: string[]) => message(`GET ${path} HTTP/1.1`, fields);

/** A POST with these fields, and `rest` unchanged behind the head. */
const post = (rest: string, ...fields: string[]) => message("POST /p HTTP/1.1", fields, rest);

const chunked = (rest: string) => post(rest, "Transfer-Encoding: chunked");

/** A request hidden inside another one, which no backend may receive. */
const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n";

const NEXT = get("/next");
const LARGE = "0123456789".repeat(10_000);
const SEES_LARGE = `POST /p ${brief(Buffer.from(LARGE)).join()}`;
const MANY_CHUNKS = LARGE.replace(/.{100}/g, "64\r\n$&\r\n");

const VALID: readonly Input[] = [
  input("GET", get("/a"), ["GET /a"]),
  input("a query, escapes and odd signs", get("/a%20b;c=1?d='(e)&f=%2F|"), [
    "GET /a%20b;c=1?d='(e)&f=%2F|",
  ]),
  input("HEAD", message("HEAD /a HTTP/1.1"), ["HEAD /a"]),
  input("OPTIONS *", message("OPTIONS * HTTP/1.1"), ["OPTIONS *"]),
  input("DELETE", message("DELETE /a HTTP/1.1"), ["DELETE /a"]),
  input("PUT that says nothing of a body", message("PUT /a HTTP/1.1"), ["PUT /a"]),
  input("POST of a length", post("hello", "Content-Length: 5"), ["POST /p hello"]),
  input("POST of length 0", post("", "Content-Length: 0"), ["POST /p"]),
  input("a length with zeros before it", post("hello", "Content-Length: 0005"), ["POST /p hello"]),
  input("a length between blanks", post("hello", "Content-Length: \t 5\t "), ["POST /p hello"]),
  input("100 kB of a length", post(LARGE, `Content-Length: ${LARGE.length}`), [SEES_LARGE]),
  input("one chunk", chunked("5\r\nhello\r\n0\r\n\r\n"), ["POST /p hello"]),
  input(
    "chunks with letters and zeros",
    chunked("00A\r\n0123456789\r\nb\r\nabcdefghijk\r\n00\r\n\r\n"),
    ["POST /p 0123456789abcdefghijk"],
  ),
  input("1000 chunks", chunked(`${MANY_CHUNKS}0\r\n\r\n`), [SEES_LARGE]),
  input("no chunk but the last", chunked("0\r\n\r\n"), ["POST /p"]),
  input("a chunk extension", chunked("5;name=value\r\nhello\r\n0;last\r\n\r\n"), ["POST /p hello"]),
  input("a trailer", chunked("5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"), [
    "POST /p hello",
  ]),
  input("CHUNKED in capitals", post("5\r\nhello\r\n0\r\n\r\n", "TRANSFER-ENCODING: CHUNKED"), [
    "POST /p hello",
  ]),
  input("a tab before chunked", post("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding:\tchunked"), [
    "POST /p hello",
  ]),
  input("GET with a body of a length", message("GET /a HTTP/1.1", ["Content-Length: 5"], "hello"), [
    "GET /a hello",
  ]),
  input(
    "GET with a chunked body",
    message("GET /a HTTP/1.1", ["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
    ["GET /a hello"],
  ),
  input(
    "DELETE with a chunked body that looks like a request",
    message(
      "DELETE /a HTTP/1.1",
      ["Transfer-Encoding: chunked"],
      `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
    ),
    [`DELETE /a ${HIDDEN}`],
  ),
  input("three requests in one piece", get("/1") + get("/2") + get("/3"), [
    "GET /1",
    "GET /2",
    "GET /3",
  ]),
  input("a request right behind a body of a length", post("hello", "Content-Length: 5") + NEXT, [
    "POST /p hello",
    "GET /next",
  ]),
  input("a request right behind a chunked body", chunked("5\r\nhello\r\n0\r\n\r\n") + NEXT, [
    "POST /p hello",
    "GET /next",
  ]),
  input("a request right behind a trailer", chunked("1\r\na\r\n0\r\nX: 1\r\n\r\n") + NEXT, [
    "POST /p a",
    "GET /next",
  ]),
  input(
    "a body sent without waiting for 100 Continue",
    post("hello", "Content-Length: 5", "Expect: 100-continue"),
    ["POST /p hello"],
  ),
  input("a request behind Connection: close", get("/a", "Connection: close") + HIDDEN, ["GET /a"]),
  input("HTTP/1.0 without Host", "GET /a HTTP/1.0\r\n\r\n", ["GET /a"], undefined, ""),
  input("HTTP/1.0 closes unless asked to stay", message("GET /a HTTP/1.0") + HIDDEN, ["GET /a"]),
  input(
    "two HTTP/1.0 requests with keep-alive",
    message("GET /1 HTTP/1.0", ["Connection: keep-alive"]) + message("GET /2 HTTP/1.0"),
    ["GET /1", "GET /2"],
  ),
  input("HTTP/1.0 POST", message("POST /p HTTP/1.0", ["Content-Length: 5"], "hello"), [
    "POST /p hello",
  ]),
  input("one empty line before the request", `\r\n${get("/a")}`, ["GET /a"]),
  input("an empty line behind a body", `${post("hello", "Content-Length: 5")}\r\n${NEXT}`, [
    "POST /p hello",
    "GET /next",
  ]),
  input("a whole URL of the same host", message("GET http://a.test/a?b HTTP/1.1"), ["GET /a?b"]),
  input(
    "a whole URL of the same host with the default port",
    message("GET http://a.test:80/a HTTP/1.1"),
    ["GET /a"],
    undefined,
    "a.test:80",
  ),
  input(
    "a whole URL of the same host, whose default port Host names",
    "GET http://a.test/a HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
    ["GET /a"],
  ),
  input(
    "a whole URL of the same host in capitals",
    message("GET http://A.TEST/a HTTP/1.1"),
    ["GET /a"],
    undefined,
    "A.TEST",
  ),
  input("a whole URL without Host on HTTP/1.0", "GET http://a.test/a HTTP/1.0\r\n\r\n", ["GET /a"]),
  input(
    "a host with a port",
    "GET /a HTTP/1.1\r\nHost: a.test:8080\r\n\r\n",
    ["GET /a"],
    undefined,
    "a.test:8080",
  ),
  input(
    "an IPv6 host",
    "GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    ["GET /a"],
    undefined,
    "[::1]:80",
  ),
  input("bytes above ASCII in a value", get("/a", "X: \xe4\xf6\xfc \xff"), ["GET /a"]),
  input("an empty value", get("/a", "X:", "Y: "), ["GET /a"]),
  input("a name of every sign a token may have", get("/a", "a!#$%&'*+-.^_`|~1: 1"), ["GET /a"]),
  input("TE and trailers", get("/a", "TE: trailers, deflate", "Connection: TE"), ["GET /a"]),
  input("an unknown method", message("PROPFIND /a HTTP/1.1"), ["PROPFIND /a"]),
  input("a method with a dash", message("M-SEARCH /a HTTP/1.1"), ["M-SEARCH /a"]),
  input("a path with dots", get("/a/../b/./c"), ["GET /a/../b/./c"]),
  input("a path with escaped slashes", get("/a%2F..%5cb"), ["GET /a%2F..%5cb"]),
  input("a path with two slashes", get("//evil.test/a"), ["GET //evil.test/a"]),
  input("a long target", get(`/${"a".repeat(2000)}`), [`GET /${"a".repeat(2000)}`]),
  input("40 fields", get("/a", ...Array.from({ length: 40 }, (_, i) => `X-${i}: ${i}`)), [
    "GET /a",
  ]),
  input(
    "an upgrade that the backend does not take, and a request behind it",
    get("/a", "Connection: Upgrade", "Upgrade: websocket") + NEXT,
    ["GET /a"],
  ),
  input(
    "an upgrade to HTTP/2",
    get("/a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    ["GET /a"],
  ),
];

/** Content-Length and Transfer-Encoding that two readers could understand differently. */
const FRAMING: readonly Input[] = [
  input(
    "CL.TE: a length that reaches over the last chunk",
    post(
      `0\r\n\r\n${HIDDEN}`,
      `Content-Length: ${5 + HIDDEN.length}`,
      "Transfer-Encoding: chunked",
    ),
    [],
    400,
  ),
  input(
    "TE.CL: a chunk that begins behind the length",
    post(
      `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
      "Content-Length: 4",
      "Transfer-Encoding: chunked",
    ),
    [],
    400,
  ),
  input(
    "both framings, in agreement",
    post("0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 5"),
    [],
    400,
  ),
  input(
    "both framings, length 0",
    post(`0\r\n\r\n${HIDDEN}`, "Content-Length: 0", "Transfer-Encoding: chunked"),
    [],
    400,
  ),
  ...[
    ["xchunked", 501],
    ["chunked, chunked", 501],
    ["gzip, chunked", 501],
    ["chunked, identity", 501],
    ["identity", 501],
    ["", 501],
    ["chunked;q=1", 501],
    [",chunked", 501],
    ['"chunked"', 501],
    ["chunked\xa0", 501],
    ["\vchunked", 400],
    ["chunked\0", 400],
    ["chunked\rx", 400],
  ].map(([coding, status]) =>
    input(
      `Transfer-Encoding: ${JSON.stringify(coding)}`,
      post(`0\r\n\r\n${HIDDEN}`, `Transfer-Encoding: ${coding}`),
      [],
      status as number,
    ),
  ),
  input(
    "TE.TE: a second coding that is none, with a length",
    post(
      `0\r\n\r\n${HIDDEN}`,
      "Transfer-Encoding: chunked",
      "Transfer-Encoding: x",
      `Content-Length: ${5 + HIDDEN.length}`,
    ),
    [],
    400,
  ),
  input(
    "chunked on two lines",
    post(`0\r\n\r\n${HIDDEN}`, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    [],
    400,
  ),
  ...[
    ["a blank before the colon", "Transfer-Encoding : chunked"],
    ["a tab before the colon", "Transfer-Encoding\t: chunked"],
    ["a blank before the name", " Transfer-Encoding: chunked"],
    ["a folded line", "X: y\r\n Transfer-Encoding: chunked"],
    ["a folded value", "Transfer-Encoding:\r\n chunked"],
    ["LF in a value", "X: y\nTransfer-Encoding: chunked"],
    ["CR in a value", "X: y\rTransfer-Encoding: chunked"],
    ["CR CR LF", "X: y\r\r\nTransfer-Encoding: chunked"],
    ["NUL before the name", "\0Transfer-Encoding: chunked"],
    ["NUL in the name", "Transfer-\0Encoding: chunked"],
    ["an invisible byte before the name", "\x7fTransfer-Encoding: chunked"],
  ].map(([what, field]) =>
    input(`${what} hides a coding`, post(`0\r\n\r\n${HIDDEN}`, field), [], 400),
  ),
  input(
    "Transfer_Encoding with an underscore",
    post("0\r\n\r\n", "Transfer_Encoding: chunked", "Content-Length: 5"),
    ["POST /p 0\r\n\r\n"],
  ),
  input(
    "chunked on HTTP/1.0",
    message("POST /p HTTP/1.0", ["Transfer-Encoding: chunked"], "0\r\n\r\n"),
    [],
    400,
  ),
  input(
    "GET with a body on HTTP/1.0",
    message("GET /a HTTP/1.0", [`Content-Length: ${HIDDEN.length}`], HIDDEN),
    [],
    400,
  ),
  ...[
    ["two equal lengths", "5\r\nContent-Length: 5"],
    ["two different lengths", `5\r\nContent-Length: ${5 + HIDDEN.length}`],
    ["a list of equal lengths", "5, 5"],
    ["a list of different lengths", "5, 40"],
    ["a length with +", "+5"],
    ["a negative length", "-5"],
    ["a length in hexadecimal", "0x5"],
    ["a length and a letter", "5a"],
    ["a length with a blank inside", "0 5"],
    ["a length with a fraction", "5.0"],
    ["an empty length", ""],
    ["a length with NUL", "5\0"],
    ["a length of 2^64 + 5", "18446744073709551621"],
    ["a length of 2^32 + 5 in 18 digits", "000000004294967301"],
  ].map(([what, length]) =>
    input(what, post(`hello${HIDDEN}`, `Content-Length: ${length}`), [], 400),
  ),
  input(
    "Connection that names Content-Length",
    post(`hello${NEXT}`, "Content-Length: 5", "Connection: Content-Length"),
    ["POST /p hello", "GET /next"],
  ),
  input("Connection that names Host", get("/a", "Connection: Host"), ["GET /a"]),
];

/** Chunk sizes and the bytes around them. */
const CHUNKS: readonly Input[] = [
  ...[
    ["LF alone behind a size", "5\nhello\r\n0\r\n\r\n"],
    ["CR alone behind a size", "5\rhello\r\n0\r\n\r\n"],
    ["LF alone behind the data", "5\r\nhello\n0\r\n\r\n"],
    ["LF alone behind the last chunk", "5\r\nhello\r\n0\n\n"],
    ["a size with +", "+5\r\nhello\r\n0\r\n\r\n"],
    ["a negative size", "-5\r\nhello\r\n0\r\n\r\n"],
    ["a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a size with an underscore", "0_5\r\nhello\r\n0\r\n\r\n"],
    ["a blank before a size", " 5\r\nhello\r\n0\r\n\r\n"],
    ["a blank behind a size", "5 \r\nhello\r\n0\r\n\r\n"],
    ["a blank inside a size", "5 0\r\nhello\r\n0\r\n\r\n"],
    ["a tab behind a size", "5\t\r\nhello\r\n0\r\n\r\n"],
    ["NUL behind a size", "5\0\r\nhello\r\n0\r\n\r\n"],
    ["no size", "\r\nhello\r\n0\r\n\r\n"],
    ["no size but an extension", ";a=b\r\nhello\r\n0\r\n\r\n"],
    ["a size that is no number", "g\r\nhello\r\n0\r\n\r\n"],
    ["a size of 2^64 + 5", "10000000000000005\r\nhello\r\n0\r\n\r\n"],
    ["a size of 2^32 + 5", "100000005\r\nhello\r\n0\r\n\r\n"],
    ["a size of 2^63", "8000000000000000\r\nhello\r\n0\r\n\r\n"],
    ["more data than the size", "5\r\nhello world\r\n0\r\n\r\n"],
    ["less data than the size", "6\r\nhello\r\n0\r\n\r\n"],
    ["no line's end behind the data", "5\r\nhello0\r\n\r\n"],
    ["LF in an extension", `5;a\nb\r\nhello\r\n0\r\n\r\n`],
    ["CR in an extension", `5;a\rb\r\nhello\r\n0\r\n\r\n`],
    ["a line's end in a quoted extension", `5;a="\r\n"\r\nhello\r\n0\r\n\r\n`],
    ["NUL in an extension", `5;a\0b\r\nhello\r\n0\r\n\r\n`],
    ["an extension of 20 kB", `5;${"a".repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
    ["an open quote in an extension", '5;a="b\r\nhello\r\n0\r\n\r\n'],
    ["an escaped quote that closes none", '5;a="b\\"\r\nhello\r\n0\r\n\r\n'],
    ["text behind a quoted extension", '5;a="b"c\r\nhello\r\n0\r\n\r\n'],
    ["a quote inside an extension", '5;a"b"\r\nhello\r\n0\r\n\r\n'],
    ["CR in a quoted extension", '5;a="\r"\r\nhello\r\n0\r\n\r\n'],
    ["LF in a quoted extension", '5;a="\n"\r\nhello\r\n0\r\n\r\n'],
    ["LF alone behind a trailer", "5\r\nhello\r\n0\r\nX: y\n\r\n"],
    ["CR in a trailer", "5\r\nhello\r\n0\r\nX: y\rz\r\n\r\n"],
    ["a trailer of 20 kB", `5\r\nhello\r\n0\r\nX: ${"y".repeat(20_000)}\r\n\r\n`],
  ].map(([what, rest]) => input(what, chunked(rest + HIDDEN), [], 400)),
  ...[
    ["a quoted extension", '5;a="b"'],
    ["a quoted extension with escapes", '5;a="\\"\\\\;\xe4"'],
    ["blanks around an extension", '5 ; a = "b" ; c\t=\td'],
    ["a long extension", `5;${"a".repeat(4000)}`],
    ["an extension without a value", "5;a="],
    ["a size of 9 digits", "000000005"],
    ["a size with 100 zeros", `${"0".repeat(100)}5`],
  ].map(([what, line]) =>
    input(what, chunked(`${line}\r\nhello\r\n0\r\n\r\n`) + NEXT, ["POST /p hello", "GET /next"]),
  ),
  input("a trailer of 2 kB", chunked(`5\r\nhello\r\n0\r\nX: ${"y".repeat(2000)}\r\n\r\n`) + NEXT, [
    "POST /p hello",
    "GET /next",
  ]),
  input(
    "trailers that would frame another message",
    chunked(`5\r\nhello\r\n0\r\nContent-Length: ${NEXT.length}\r\nTransfer-Encoding: x\r\n\r\n`) +
      NEXT,
    ["POST /p hello", "GET /next"],
  ),
  ...[
    ["without a colon", "X"],
    ["that is folded", "X: y\r\n z"],
    ["with NUL", "X: \0"],
  ].map(([what, trailer]) =>
    input(
      `a trailer ${what}, which is dropped unread`,
      chunked(`5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`),
      ["POST /p hello"],
    ),
  ),
];

/** Lines and fields that violate RFC 9112. */
const HEADS: readonly Input[] = [
  input("LF alone ends the lines", get("/a").replaceAll("\r\n", "\n"), [], 400),
  input("LF alone ends the head", `GET /a HTTP/1.1\r\nHost: ${HOST}\r\n\n${HIDDEN}`, [], 400),
  input("CR alone ends the lines", get("/a").replaceAll("\r\n", "\r"), [], 408),
  input("two empty lines before the request", `\r\n\r\n${get("/a")}`, ["GET /a"]),
  input("LF alone before the request", `\n${get("/a")}`, ["GET /a"]),
  input("a blank before the request", ` ${get("/a")}`, [], 400),
  input("HTTP/0.9", "GET /a\r\n", [], 400),
  input("HTTP/0.9 with a blank", "GET /a \r\n\r\n", [], 400),
  ...[
    ["a blank behind the version", "GET /a HTTP/1.1 "],
    ["two blanks before the target", "GET  /a HTTP/1.1"],
    ["two blanks before the version", "GET /a  HTTP/1.1"],
    ["tabs between the words", "GET\t/a\tHTTP/1.1"],
    ["a blank in the target", "GET /a b HTTP/1.1"],
    ["HTTP/1.10", "GET /a HTTP/1.10"],
    ["HTTP/01.1", "GET /a HTTP/01.1"],
    ["a version in small letters", "GET /a http/1.1"],
    ["no slash before the target", "GET a HTTP/1.1"],
    ["a fragment", "GET /a#b HTTP/1.1"],
    ["NUL in the target", "GET /a\0b HTTP/1.1"],
    ["an invisible byte in the target", "GET /a\x01b HTTP/1.1"],
    ["DEL in the target", "GET /a\x7fb HTTP/1.1"],
    ["an escaped NUL in the target", "GET /a%00b HTTP/1.1"],
    ["a slash in the method", "GE/T /a HTTP/1.1"],
    ["NUL in the method", "G\0ET /a HTTP/1.1"],
    ["OPTIONS of a name", "OPTIONS a HTTP/1.1"],
    ["GET *", "GET * HTTP/1.1"],
  ].map(([what, line]) => input(what, message(line), [], 400)),
  input("HTTP/1.2", message("GET /a HTTP/1.2"), ["GET /a"]),
  input("HTTP/2.0", message("GET /a HTTP/2.0"), [], 505),
  input("a method in small letters", message("get /a HTTP/1.1"), ["get /a"]),
  input("bytes above ASCII in the target", get("/\xe4"), ["GET /\xe4"]),
  input("CONNECT", `CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n`, [], 405),
  input("TRACE", message("TRACE /a HTTP/1.1"), [], 405),
  ...[
    ["no Host", ""],
    ["two equal Hosts", "Host: a.test\r\nHost: a.test\r\n"],
    ["two different Hosts", "Host: a.test\r\nHost: b.test\r\n"],
    ["a blank in Host", "Host: a.test b.test\r\n"],
    ["a slash in Host", "Host: a.test/b\r\n"],
    ["a user in Host", "Host: a@a.test\r\n"],
    ["a list in Host", "Host: a.test, b.test\r\n"],
    ["a question mark in Host", "Host: a.test?b\r\n"],
    ["a back slash in Host", "Host: a.test\\b\r\n"],
    ["NUL in Host", "Host: a.test\0\r\n"],
    ["a port that is no number", "Host: a.test:b\r\n"],
    ["two ports", "Host: a.test:80:90\r\n"],
    ["an IPv6 address without brackets in Host", "Host: ::1\r\n"],
    ["half a bracket in Host", "Host: [::1\r\n"],
    ["a byte above ASCII in Host", "Host: a.test\xff\r\n"],
    ["a blank before Host", " Host: a.test\r\n"],
  ].map(([what, hosts]) => input(what, `GET /a HTTP/1.1\r\n${hosts}\r\n`, [], 400)),
  input("an empty Host", "GET /a HTTP/1.1\r\nHost:\r\n\r\n", ["GET /a"], undefined, ""),
  input("a whole URL of another host", message("GET http://b.test/a HTTP/1.1"), [], 400),
  input("a whole URL with a user", message("GET http://a.test@b.test/a HTTP/1.1"), [], 400),
  input("a whole URL with another port", message("GET http://a.test:81/a HTTP/1.1"), [], 400),
  input("a whole URL without Host", "GET http://a.test/a HTTP/1.1\r\n\r\n", [], 400),
  input("a whole URL of another scheme", message("GET https://a.test/a HTTP/1.1"), [], 400),
  input("a whole URL that ends with the host", message("GET http://a.test HTTP/1.1"), ["GET /"]),
  ...[
    ["a blank in a name", "X Y: 1"],
    ["an empty name", ": 1"],
    ["no colon", "XY"],
    ["a bracket in a name", "X(y): 1"],
    ["a slash in a name", "X/y: 1"],
    ["a byte above ASCII in a name", "X\xe4: 1"],
    ["an invisible byte in a value", "X: \x01"],
    ["DEL in a value", "X: \x7f"],
    ["NUL in a value", "X: a\0b"],
    ["a folded line of a tab", "X: y\r\n\tz"],
    ["a blank before a colon", "X : 1"],
    ["CR before a line's end", "X: 1\r"],
    ["CR in a value", "X: 1\ry"],
    ["NUL before a name", "\0X: 1"],
  ].map(([what, field]) => input(what, get("/a", field), [], 400)),
  input("a folded first field", `GET /a HTTP/1.1\r\n X: y\r\nHost: ${HOST}\r\n\r\n`, [], 400),
  input("a request line of 8000 bytes", get(`/${"a".repeat(7985)}`), [`GET /${"a".repeat(7985)}`]),
  input("a target of 10 kB", get(`/${"a".repeat(10_000)}`), [], 414),
  input("a field of 5 kB", get("/a", `X: ${"y".repeat(5000)}`), ["GET /a"]),
  input("a field of 10 kB", get("/a", `X: ${"y".repeat(10_000)}`), [], 431),
  input(
    "100 fields with Host",
    get("/a", ...Array.from({ length: 99 }, (_, i) => `X-${i}: ${i}`)),
    ["GET /a"],
  ),
  input("100 fields", get("/a", ...Array.from({ length: 100 }, (_, i) => `X-${i}: ${i}`)), [], 431),
  input("a target of 40 kB", get(`/${"a".repeat(40_000)}`), [], 414),
];

const INPUTS = [...VALID, ...FRAMING, ...CHUNKS, ...HEADS];

/** How the board's outcome differs from both others. */
type Difference =
  /** The board accepts a request that both refuse: never intended. */
  | "accepts"
  /** The board refuses a request that both accept. */
  | "refuses"
  /** Both forward the same, and it forwards something else. */
  | "forwards";

/** Intended differences from both nginx and HAProxy, with the reason. */
const DIFFERENCES: readonly { kind: Difference; why: string; titles: readonly string[] }[] = [
  {
    kind: "refuses",
    why: "Lines end with CR LF. Between a reader that takes LF alone and one that does not, requests hide.",
    titles: [
      "LF alone ends the lines",
      "LF alone ends the head",
      "LF alone before the request",
      "LF in a value hides a coding",
      "LF alone behind a size",
      "LF alone behind the data",
      "LF alone behind the last chunk",
      "LF alone behind a trailer",
      "less data than the size", // they take CR for data, and LF for the end of the chunk
    ],
  },
  {
    kind: "refuses",
    why: "RFC 9112 has no blank there, and no browser or library sends one.",
    titles: [
      "a blank behind a size",
      "a tab behind a size",
      "two blanks before the target",
      "two blanks before the version",
    ],
  },
  {
    kind: "refuses",
    why: "RFC 9112 has no such extension, and a reader of quoted strings would find no line's end there.",
    titles: [
      "NUL in an extension",
      "an open quote in an extension",
      "an escaped quote that closes none",
      "text behind a quoted extension",
      "a quote inside an extension",
    ],
  },
  {
    kind: "refuses",
    why: "Host is a name or an address, and perhaps a port: backends build links and choose sites by it.",
    titles: [
      "a user in Host",
      "a question mark in Host",
      "a back slash in Host",
      "a byte above ASCII in Host",
      "a port that is no number",
      "two ports",
      "half a bracket in Host",
    ],
  },
  {
    kind: "refuses",
    why: "The board speaks HTTP without TLS, and must not claim otherwise.",
    titles: ["a whole URL of another scheme"],
  },
  {
    kind: "refuses",
    why: "RFC 9110 has no control characters in values; logs and terminals behind us might obey them.",
    titles: ["an invisible byte in a value", "DEL in a value"],
  },
  {
    kind: "refuses",
    why: "A head has 9 KB at most: this is what a connection on the chip can hold.",
    titles: ["a target of 10 kB", "a field of 10 kB"],
  },
];

/** The outcome of an input. */
interface Outcome {
  /** Final answers that the client received. */
  readonly statuses: readonly number[];
  /** No more bytes were received, and the connection stayed open. */
  readonly hung: boolean;
  readonly seen: readonly Seen[];
  readonly faults: readonly string[];
}

const PATIENCE = { requestMs: onThisComputer(800), keepAliveMs: 100 };

/** Longer than every timeout, and than the two seconds that the board waits for a refused client. */
const HUNG_MS = PATIENCE_MS;

/** A proxy under test and its backend. Inputs go through it one after the other. */
class Subject {
  #port: number;
  #recorder: RecordingBackend;
  #outcomes = new Map<Input, Promise<Outcome>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(port: number, recorder: RecordingBackend) {
    this.#port = port;
    this.#recorder = recorder;
  }

  /** The outcome of an input, which is sent at the first call only. */
  outcome(input: Input): Promise<Outcome> {
    let outcome = this.#outcomes.get(input);
    if (outcome === undefined) {
      outcome = this.#turn.then(() => this.#send(input));
      this.#turn = outcome.catch(() => {});
      this.#outcomes.set(input, outcome);
    }
    return outcome;
  }

  async #send({ bytes }: Input): Promise<Outcome> {
    const { seen, faults } = this.#recorder;
    seen.length = faults.length = 0;
    const { statuses, hung } = await ask(this.#port, bytes);
    // A request of another client follows: it shows whether a backend connection still holds bytes of the
    // input.
    const canary = await ask(this.#port, get("/canary", "Connection: close"));
    const outcome = { statuses, hung, seen: seen.slice(), faults: faults.slice() };
    const last = outcome.seen.pop();
    if (canary.statuses.join() !== "200" || last?.request !== "GET /canary") {
      outcome.faults.push(`the next client: ${canary.statuses}, ${last?.request}`);
    }
    return outcome;
  }
}

/** Sends bytes on a connection of their own; returns the final answers, once it has ended. */
async function ask(port: number, bytes: string): Promise<Pick<Outcome, "statuses" | "hung">> {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  const statuses: number[] = [];
  let hung = false;
  const reader = new MessageReader("response", ({ line }) => {
    const status = Number(line.slice(9, 12));
    if (status >= 200) statuses.push(status);
  });
  if (bytes.startsWith("HEAD ")) reader.expects("HEAD");
  socket.on("error", () => {}); // the bytes received before a reset count
  socket.on("data", piece => {
    reader.feed(piece);
    if (reader.messages.at(-1)?.all("connection").includes("close")) socket.end();
  });
  socket.on("end", () => reader.end());
  const alarm = setTimeout(() => {
    hung = true;
    socket.destroy();
  }, HUNG_MS);
  socket.write(Buffer.from(bytes, "latin1"));
  await new Promise(resolve => socket.once("close", resolve));
  clearTimeout(alarm);
  return { statuses, hung };
}

const texts = ({ seen }: Outcome) => seen.map(({ request }) => request);

function difference(ours: Outcome, others: readonly Outcome[]): Difference | undefined {
  const our = texts(ours);
  const theirs = others.map(texts);
  if (theirs.every(their => their.length < our.length)) return "accepts";
  if (theirs.every(their => their.length > our.length)) return "refuses";
  const [one, other, own] = [...theirs, our].map(seen => JSON.stringify(seen));
  return one === other && own !== one ? "forwards" : undefined;
}

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

async function recorder(): Promise<RecordingBackend> {
  const recorder = await RecordingBackend.start();
  stops.push(() => recorder.stop());
  return recorder;
}

const absent = missing(...PEERS);

const boards: LiveBoard[] = [];
/** The board with a listener in mode `http`. */
let ours: Subject;
/** The board with a listener in mode `auto`. */
let auto: Subject;
let peers: Subject[] = [];

async function ourProxy(mode: "http" | "auto"): Promise<Subject> {
  const backend = await recorder();
  const board = await startBoard([backend.port], {
    listeners: [{ port: 80, mode }],
    headTimeoutMs: PATIENCE.requestMs,
    idleTimeoutMs: PATIENCE.requestMs,
    keepAliveTimeoutMs: PATIENCE.keepAliveMs,
  });
  boards.push(board);
  stops.push(() => board.stop());
  return new Subject(board.port, backend);
}

async function peerProxy(name: PeerName): Promise<Subject> {
  const backend = await recorder();
  const peer = await startPeer(name, backend.port, PATIENCE);
  stops.push(() => peer.stop());
  return new Subject(peer.port, backend);
}

beforeAll(async () => {
  ours = await ourProxy("http");
  auto = await ourProxy("auto");
  if (absent.length === 0) peers = await Promise.all(PEERS.map(peerProxy));
});

test("titles are unique, and every difference is one of an input", () => {
  const titles = INPUTS.map(({ title }) => title);
  const named = DIFFERENCES.flatMap(({ titles }) => titles);
  expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  expect(named.filter(title => !titles.includes(title))).toEqual([]);
});

/** Checks what the board's backend received, and the client's answers. */
async function expectUnderstood(proxy: Subject, input: Input): Promise<void> {
  const outcome = await proxy.outcome(input);
  expect({ sees: texts(outcome), statuses: outcome.statuses, hung: outcome.hung }).toEqual({
    sees: input.sees,
    statuses: input.statuses,
    hung: false,
  });
  for (const { hosts } of outcome.seen) expect(hosts).toEqual([input.host]);
  expect(outcome.faults).toEqual([]);
}

describe("the backend sees what was understood, and nothing else", () => {
  afterAll(() => expect(boards.flatMap(({ faults }) => faults)).toEqual([]));

  test.each(INPUTS)("$title", async input => {
    for (const peer of peers) peer.outcome(input); // they run meanwhile
    auto.outcome(input);
    await expectUnderstood(ours, input);
  });
});

describe("it is the same where the board finds out what a client speaks", () => {
  test.each(INPUTS)("$title", input => expectUnderstood(auto, input));
});

describe.skipIf(absent.length > 0)(
  absent.length === 0 ? "beside nginx and HAProxy" : `skipped: no ${absent.join(" and no ")} here`,
  () => {
    test.each(INPUTS)("$title", async input => {
      const [our, ...others] = await Promise.all(
        [ours, ...peers].map(proxy => proxy.outcome(input)),
      );

      const found = difference(our, others);
      const meant = DIFFERENCES.find(({ titles }) => titles.includes(input.title))?.kind;
      if (found !== undefined && found !== meant) {
        const [nginx, haproxy] = others;
        expect.fail(
          `an unexpected difference: we ${found}: ${JSON.stringify({ our, nginx, haproxy })}`,
        );
      }
    });
  },
);
