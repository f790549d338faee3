/** A head that a proxy must not forward, and the status that it must answer. */
export interface Malformed {
  readonly bytes: string;
  readonly status: number;
}

const get = (lines: string) => `GET /hostile HTTP/1.1\r\n${lines}\r\n`;
const post = (lines: string, body = "") =>
  `POST /hostile HTTP/1.1\r\nHost: x\r\n${lines}\r\n${body}`;

/** Longer than `headBytesMax` by default. */
const TOO_LONG = 10_000;

export const MALFORMED: readonly Malformed[] = [
  { status: 400, bytes: get("") },
  { status: 400, bytes: get("Host: x\r\nHost: y\r\n") },
  { status: 400, bytes: "GET  /hostile HTTP/1.1\r\nHost: x\r\n\r\n" },
  { status: 400, bytes: get("Host: x\r\nX-Field : blank before the colon\r\n") },
  {
    status: 400,
    bytes: post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  },
  { status: 400, bytes: post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!") },
  { status: 400, bytes: post("Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n0\r\n\r\n") },
  { status: 501, bytes: post("Transfer-Encoding: gzip\r\n") },
  { status: 405, bytes: "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" },
  { status: 414, bytes: `GET /${"a".repeat(TOO_LONG)} HTTP/1.1\r\nHost: x\r\n\r\n` },
  { status: 431, bytes: get(`Host: x\r\nX-Long: ${"a".repeat(TOO_LONG)}\r\n`) },
];
