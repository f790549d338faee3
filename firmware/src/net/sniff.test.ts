import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { METHODS, sniff } from "./sniff.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

/** The protocol of a client whose bytes arrive one by one, and how many bytes it took to decide. */
function byteByByte(text: string): readonly ["http" | "tcp", number] {
  for (let count = 1; count < text.length; count++) {
    const spoken = sniff(bytes(text.slice(0, count)));
    if (spoken !== undefined) return [spoken, count];
  }
  return [sniff(bytes(text), true)!, text.length];
}

describe("a registered method", () => {
  test.each(METHODS)("%s and a path are HTTP; the bytes up to there leave it open", method => {
    for (let count = 0; count <= method.length; count++)
      expect(sniff(bytes(method.slice(0, count)))).toBeUndefined();
    expect(sniff(bytes(`${method} `))).toBeUndefined();
    expect(sniff(bytes(`${method} /`))).toBe("http");
    expect(sniff(bytes(`${method} / HTTP/1.1\r\n`))).toBe("http");
  });

  test("PRI, which begins HTTP/2, is none", () => {
    expect(METHODS).not.toContain("PRI");
    expect(sniff(bytes("PRI"))).toBe("tcp");
    expect(sniff(bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))).toBe("tcp");
  });

  test("the limit of time makes HTTP of a method and a blank, and raw TCP of less", () => {
    for (const text of ["", "\r\n", "G", "GET", "OPTION"]) {
      expect(sniff(bytes(text), true)).toBe("tcp");
    }
    for (const text of ["GET ", "OPTIONS *", "OPTIONS rtsp://x", "GET htt", "CONNECT x"]) {
      expect(sniff(bytes(text))).toBeUndefined();
      expect(sniff(bytes(text), true)).toBe("http");
    }
  });
});

describe("HTTP, however malformed", () => {
  test.each([
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\n",
    "GET / HTTP/1.9\r\n",
    "GET / HTTP/2.0\r\n",
    "GET /\r\n",
    "GET / \r\n",
    "GET  / HTTP/1.1\r\n",
    "GET\t/ HTTP/1.1\r\n",
    "GET\t/\r\n",
    "GET\x0b/\x0cHTTP/1.1\r\n",
    " GET / HTTP/1.1\r\n",
    " GET /\r\n",
    "\rGET / HTTP/1.1\r\n",
    "\r GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1 \t\r\n",
    "GET / http/1.1\r\n",
    "GET / nonsense\r\n",
    "GET foo HTTP/1.1\r\n",
    "GET http://x/ HTTP/1.1\r\n",
    "GET http://x\r\n",
    "GET ftp://x/ HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "OPTIONS *\r\n",
    "CONNECT x:443 HTTP/1.1\r\n",
    "CONNECT [::1]:443 HTTP/1.1\r\n",
    "PROPFIND / HTTP/1.1\r\n",
    "QUERY / HTTP/1.1\r\n",
    "M-SEARCH * HTTP/1.1\r\n",
    "get / HTTP/1.1\r\n",
    "G(T / HTTP/1.1\r\n",
    "CUSTOM / HTTP/1.0\r\nHost: x\r\n\r\n",
    `CUSTOM /${"x".repeat(1005)} HTTP/1.1\r\n`,
    `GET /${"x".repeat(1400)}`,
    `OPTIONS rtsp://${"x".repeat(1400)}`,
    "\nGET / HTTP/1.1\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\n",
    "\r\n\n\r\n\nGET / HTTP/1.1\r\n",
    "\n\n\n\n\n\n\n\nGET / HTTP/1.1\r\n",
  ])("%j", text => {
    expect(sniff(bytes(text))).toBe("http");
  });
});

/** Each protocol's first bytes, and the most of them that may pass before they are raw TCP. */
const RAW: readonly (readonly [string, string, number])[] = [
  ["a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 1],
  ["SSH", "SSH-2.0-OpenSSH_9.2\r\n", 2],
  ["MQTT", "\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08hot-pots", 1],
  ["Redis, RESP", "*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n", 1],
  ["Redis, inline GET", "GET foo\r\n", 5],
  ["Redis, inline GET of a key with colons", "GET user:1000\r\n", 5],
  ["Redis, inline PING", "PING\r\n", 2],
  ["Redis, inline MOVE", "MOVE foo 1\r\n", 6],
  ["memcached", "get /x\r\n", 1],
  ["memcached, set", "set x 0 0 1\r\n1\r\n", 1],
  ["LDAP", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", 1],
  ["PostgreSQL, asking for TLS", "\x00\x00\x00\x08\x04\xd2\x16\x2f", 1],
  ["PostgreSQL", "\x00\x00\x00\x29\x00\x03\x00\x00user\x00a\x00\x00", 1],
  ["PROXY v1", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\n", 4],
  ["PROXY v2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", 5],
  ["STOMP", "CONNECT\naccept-version:1.2\nhost:x\n\n\0", 8],
  ["NATS", 'CONNECT {"verbose":false}\r\n', 9],
  ["RTSP", "OPTIONS rtsp://cam/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", 9],
  ["RTSP of the server", "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 20],
  ["RTSP, DESCRIBE", "DESCRIBE rtsp://cam/1 RTSP/1.0\r\n\r\n", 3],
  ["SIP", "OPTIONS sip:a@b.c SIP/2.0\r\n\r\n", 9],
  ["SIP, REGISTER", "REGISTER sip:b.c SIP/2.0\r\n\r\n", 3],
  ["ICAP", "OPTIONS icap://x/echo ICAP/1.0\r\n\r\n", 9],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04", 3],
  ["SMTP", "HELO x\r\n", 3],
  ["an access log", '10.0.0.1 - - "GET / HTTP/1.1" 200 5\n', 1],
  ["a file", "cat /etc/passwd\n", 1],
  ["a word", "hello", 1],
  ["a letter", "x", 1],
  ["a device's poll", "STATUS\r\n", 2],
  ["a method and an end of line", "GET\r\n", 5],
  ["a method, a blank and no target", "GET \r\n", 5],
  ["a method and more letters", "GETS foo\r\n", 4],
  ["a method and a slash", "GET/ x\r\n", 4],
  ["a blank", " ", 1],
  ["five empty lines", "\r\n\r\n\r\n\r\n\r\n", 9],
  ["an empty line and a word", "\r\nhello\r\n", 3],
  ["AJP", "\x12\x34\x00\x30\x02\x02\x00\x08HTTP/1.1\x00\x00\n/ten-bytes", 1],
  ["bytes above 0x7f", "\xff\xfd\x01", 1],
  ["a whole line that is too long", `CUSTOM /${"x".repeat(1100)} HTTP/1.1\r\n`, 2],
];

describe("raw TCP, as soon as that is certain", () => {
  test.each(RAW)("%s", (_, text, count) => {
    expect(sniff(bytes(text))).toBe("tcp");
    expect(byteByByte(text)).toEqual(["tcp", count]);
  });
});

test("a whole first line, 1,024 bytes or the time limit always decide", () => {
  const part = fc.constantFrom(
    ...[
      "G",
      "ET",
      "GET",
      "OPTIONS",
      "CONNECT",
      " ",
      "\t",
      "/",
      "*",
      "x:",
      "//",
      "h",
      "\r\n",
      "\n",
      "\r",
    ],
    ...["HTTP/1.1", "RTSP/1.0"],
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 7 }), parts => {
      const text = parts.join("");
      expect(sniff(bytes(text), true)).toBeDefined();
      expect(sniff(bytes(`${text}x\n`))).toBeDefined();
      expect(sniff(bytes(`${text}${"x".repeat(1024)}`))).toBeDefined();
    }),
    { numRuns: 1_000 },
  );
});
