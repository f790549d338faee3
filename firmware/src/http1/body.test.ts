import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { CHUNK_BEFORE, CHUNK_BEHIND, LAST_CHUNK, wrapChunk } from "./chunk-writer.ts";
import { bodyOf, type Framing, requestFraming, responseFraming } from "./framing.ts";
import { Head } from "./head.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

function headOf(kind: "request" | "response", text: string): Head {
  const head = new Head(kind, { headBytesMax: 4096, headLinesMax: 48 });
  head.feed(bytes(text));
  expect(head.done).toBe(true);
  return head;
}

/** Feeds a body in pieces of these sizes; what came out, and how it ended. */
function decode(framing: Framing, text: string, sizes: readonly number[]) {
  const reader = bodyOf(framing);
  const all = bytes(text);
  let used = 0;
  let body = "";
  for (let i = 0; used < all.byteLength && !reader.done && !reader.broken; i++) {
    const count = Math.min(sizes[i % sizes.length], reader.wanted, all.byteLength - used);
    const piece = all.slice(used, used + count);
    const length = reader.decode(piece);
    expect(length).toBeLessThanOrEqual(count);
    body += String.fromCharCode(...piece.subarray(0, length));
    used += count - (reader.excess ?? 0);
  }
  return { body, used, done: reader.done, broken: reader.broken === true };
}

function decodeAllWays(framing: Framing, text: string) {
  const whole = decode(framing, text, [text.length + 1]);
  for (const sizes of [[1], [2], [7], [3, 1, 50, 2], [64]])
    expect(decode(framing, text, sizes)).toEqual(whole);
  return whole;
}

const CHUNKED: Framing = "chunked";

describe("a request's framing", () => {
  test.each<[fields: string, outcome: Framing | { error: number }]>([
    ["", "none"],
    ["Content-Length: 0", 0],
    ["Content-Length: 5", 5],
    ["content-length:\t005 ", 5],
    ["Content-Length: 999999999999999", 999_999_999_999_999],
    ["Transfer-Encoding: chunked", CHUNKED],
    ["TRANSFER-ENCODING: ChunKed", CHUNKED],
    ["Content_Length: 5", "none"],
    ["Transfer_Encoding: chunked", "none"],
    ["Content-Length: 5\r\nContent-Length: 5", { error: 400 }],
    ["Content-Length: 5\r\nContent-Length: 6", { error: 400 }],
    ["Content-Length: 5, 5", { error: 400 }],
    ["Content-Length: +5", { error: 400 }],
    ["Content-Length: -5", { error: 400 }],
    ["Content-Length: 5 5", { error: 400 }],
    ["Content-Length: 0x5", { error: 400 }],
    ["Content-Length: 5.0", { error: 400 }],
    ["Content-Length:", { error: 400 }],
    ["Content-Length: 1000000000000000", { error: 400 }],
    ["Content-Length: 18446744073709551616", { error: 400 }],
    ["Content-Length: 5\r\nTransfer-Encoding: chunked", { error: 400 }],
    ["Transfer-Encoding: chunked\r\nContent-Length: 5", { error: 400 }],
    ["Content-Length: 0\r\nTransfer-Encoding: chunked", { error: 400 }],
    ["Transfer-Encoding: gzip\r\nContent-Length: 5", { error: 400 }],
    ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", { error: 400 }],
    ["Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", { error: 400 }],
    ["Transfer-Encoding: gzip, chunked", { error: 501 }],
    ["Transfer-Encoding: chunked, gzip", { error: 501 }],
    ["Transfer-Encoding: chunked, chunked", { error: 501 }],
    ["Transfer-Encoding: ,chunked", { error: 501 }],
    ["Transfer-Encoding: xchunked", { error: 501 }],
    ["Transfer-Encoding: chunked;q=1", { error: 501 }],
    ['Transfer-Encoding: "chunked"', { error: 501 }],
    ["Transfer-Encoding: identity", { error: 501 }],
    ["Transfer-Encoding:", { error: 501 }],
    ["Transfer-Encoding: chunked\xa0", { error: 501 }],
  ])("%j: %j", (fields, outcome) => {
    const head = headOf("request", `POST / HTTP/1.1\r\n${fields}${fields && "\r\n"}\r\n`);
    expect(requestFraming(head, "POST") ?? { error: head.error }).toEqual(outcome);
  });

  test.each([
    ["POST", "Content-Length: 5", 5],
    ["POST", "Transfer-Encoding: chunked", { error: 400 }],
    ["GET", "Content-Length: 5", { error: 400 }],
    ["HEAD", "Content-Length: 5", { error: 400 }],
    ["DELETE", "Content-Length: 5", { error: 400 }],
    ["GET", "Content-Length: 0", 0],
  ])("of HTTP/1.0, %s with %j: %j", (method, fields, outcome) => {
    const head = headOf("request", `${method} / HTTP/1.0\r\n${fields}\r\n\r\n`);
    expect(requestFraming(head, method) ?? { error: head.error }).toEqual(outcome);
  });
});

describe("a response's framing", () => {
  test.each([
    ["HTTP/1.1 200 OK", "", "GET", "close"],
    ["HTTP/1.1 200 OK", "Content-Length: 5", "GET", 5],
    ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "GET", CHUNKED],
    ["HTTP/1.0 200 OK", "Content-Length: 5", "GET", 5],
    ["HTTP/1.0 200 OK", "Transfer-Encoding: chunked", "GET", undefined],
    ["HTTP/1.1 200 OK", "Content-Length: 5", "HEAD", "none"],
    ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "HEAD", "none"],
    ["HTTP/1.1 200 OK", "", "HEAD", "none"],
    ["HTTP/1.1 100 Continue", "Content-Length: 5", "POST", "none"],
    ["HTTP/1.1 204 No Content", "Content-Length: 5", "GET", "none"],
    ["HTTP/1.1 304 Not Modified", "Content-Length: 5", "GET", "none"],
    ["HTTP/1.1 205 Reset", "Content-Length: 0", "GET", 0],
    ["HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 5", "GET", undefined],
    ["HTTP/1.1 200 OK", "Content-Length: x", "GET", undefined],
    ["HTTP/1.1 200 OK", "Content-Length: x", "HEAD", undefined],
    ["HTTP/1.1 200 OK", "Content-Length: 5\r\nTransfer-Encoding: chunked", "GET", undefined],
    ["HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", "GET", undefined],
  ])("%s, %j, asked by %s: %j", (line, fields, method, framing) => {
    const head = headOf("response", `${line}\r\n${fields}${fields && "\r\n"}\r\n`);
    expect(responseFraming(head, method as string)).toEqual(framing);
  });
});

describe("chunks", () => {
  test.each([
    ["0\r\n\r\n", ""],
    ["5\r\nhello\r\n0\r\n\r\n", "hello"],
    ["2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"],
    ["00000005\r\nhello\r\n00000000\r\n\r\n", "hello"],
    ["A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a"],
    ["5;a\r\nhello\r\n0;b=c;d\r\n\r\n", "hello"],
    ["5;\r\nhello\r\n0\r\n\r\n", "hello"],
    ["5;a=\\\r\nhello\r\n0\r\n\r\n", "hello"],
    ["5 ; a = b ; c\r\nhello\r\n0\t;\td\t=\t1\r\n\r\n", "hello"],
    ['5;a="b"\r\nhello\r\n0;c="d";e\r\n\r\n', "hello"],
    ['5 ; a = "b c\t;=" ; d\r\nhello\r\n0\r\n\r\n', "hello"],
    ['5;a="\\"\\\\\xe4";b=""\r\nhello\r\n0\r\n\r\n', "hello"],
    ["5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n", "hello"],
    ["7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", "0\r\n\r\nGE"],
  ])("%j", (text, body) => {
    expect(decodeAllWays(CHUNKED, `${text}GET /next`)).toEqual({
      body,
      used: text.length,
      done: true,
      broken: false,
    });
  });

  test.each([
    "\r\n",
    "g\r\n",
    " 5\r\nhello\r\n",
    "5 \r\nhello\r\n",
    "+5\r\nhello\r\n",
    "-5\r\nhello\r\n",
    "0x5\r\nhello\r\n",
    "5\nhello\r\n",
    "5\rhello\r\n",
    "5\r\rhello\r\n",
    "5\r\nhello\n",
    "5\r\nhello\rX",
    "5\r\nhelloX\r\n",
    "4\r\nhello\r\n",
    "5 0\r\nhello\r\n",
    "5 a\r\nhello\r\n",
    "5\t\r\nhello\r\n",
    "5 \n;a\r\nhello\r\n",
    "100000000\r\n",
    "fffffffff\r\n",
    "10000000000000005\r\nhello\r\n",
    ";a\r\n",
    " ;a\r\n",
    '5;a="\r\nhello\r\n',
    '5;a="\\"\r\nhello\r\n',
    '5;a="b"c\r\nhello\r\n',
    '5;a="b" c\r\nhello\r\n',
    '5;a="b""c"\r\nhello\r\n',
    '5;"a"\r\nhello\r\n',
    '5;a"b"\r\nhello\r\n',
    '5;a=b"c"\r\nhello\r\n',
    '5;a="\n"\r\nhello\r\n',
    '5;a="\\\n"\r\nhello\r\n',
    '5;a="\\\r\n"\r\nhello\r\n',
    '5;a="\0"\r\nhello\r\n',
    "5;a=\n\r\nhello\r\n",
    "5;a\nb\r\nhello\r\n",
    "5;a\rb\r\nhello\r\n",
    "5;a\0\r\nhello\r\n",
    "5;\x7f\r\nhello\r\n",
    "0\n\r\n",
    "0\r\n\n",
    "0\r\nA: b\n\r\n",
    "0\r\nA: b\rX",
  ])("%j are refused", text => {
    expect(decodeAllWays(CHUNKED, `${text}0\r\n\r\n`)).toMatchObject({ done: false, broken: true });
  });

  test("a CR alone behind the last chunk is no end", () => {
    expect(decodeAllWays(CHUNKED, "0\r\n\rX")).toMatchObject({ done: false, broken: true });
  });

  test.each<[what: string, text: (bytes: number) => string]>([
    ["an extension", bytes => `5;${"a".repeat(bytes)}\r\nhello\r\n0\r\n`],
    ["a quoted extension", bytes => `5;a="${"b".repeat(bytes - 4)}"\r\nhello\r\n0\r\n`],
    ["blanks before an extension", bytes => `5${" ".repeat(bytes)};\r\nhello\r\n0\r\n`],
    ["zeros before a size", bytes => `${"0".repeat(bytes + 1)}5\r\nhello\r\n0\r\n`],
    ["zeros of the last chunk", bytes => `${"0".repeat(bytes)}\r\n`], // and the CR at the end
    ["trailers", bytes => `0\r\n${"A".repeat(bytes - 2)}\r\n`], // and two CRs
  ])("%s may have 16 KiB, and not a byte more", (_, text) => {
    const end = (bytes: number) => decode(CHUNKED, `${text(bytes)}\r\n`, [1000, 7]);
    expect(end(16_384)).toMatchObject({ done: true, broken: false });
    expect(end(16_385)).toMatchObject({ done: false, broken: true });
  });

  test("what is dropped is bounded for the whole body, and each byte of the body gives one back", () => {
    const chunk = (bytes: number, extensionBytes: number) =>
      `${bytes.toString(16)};${"e".repeat(extensionBytes)}\r\n${"x".repeat(bytes)}\r\n`;
    const ends = (text: string) => decode(CHUNKED, `${text}0\r\n\r\n`, [1000]).done;

    expect(ends(chunk(1, 8_192) + chunk(1, 8_193))).toBe(true);
    expect(ends(chunk(1, 8_192) + chunk(1, 8_194))).toBe(false);
    expect(ends(chunk(1_000, 16_384) + chunk(1, 1_000))).toBe(true);
    expect(ends(chunk(1_000, 16_384) + chunk(1, 1_001))).toBe(false);
    expect(ends(chunk(100, 100).repeat(1_000))).toBe(true);
    // No more than at the beginning, however large the body is.
    expect(ends(chunk(100_000, 0) + chunk(1, 16_385))).toBe(false);
  });

  test("a chunk of nearly 4 GiB is counted without being held", () => {
    const reader = bodyOf(CHUNKED);
    reader.decode(bytes("ffffffff\r\n"));
    const piece = new Uint8Array(1 << 20);
    for (let i = 0; i < 4095; i++) expect(reader.decode(piece)).toBe(1 << 20);
    const end = new Uint8Array((1 << 20) - 1 + 7);
    end.set(bytes("\r\n0\r\n\r\n"), (1 << 20) - 1);
    expect(reader.decode(end)).toBe((1 << 20) - 1);
    expect(reader.done).toBe(true);
  });
});

describe("other bodies", () => {
  test("a length is taken exactly, and no byte of what follows", () => {
    expect(decodeAllWays(5, "helloGET")).toEqual({
      body: "hello",
      used: 5,
      done: true,
      broken: false,
    });
    expect(decodeAllWays(9, "hello").done).toBe(false);
    expect(decodeAllWays(0, "GET")).toMatchObject({
      used: 0,
      done: true,
    });
    expect(decodeAllWays("none", "GET")).toMatchObject({ used: 0, done: true });
  });

  test("only a body that lasts until the close ends with it", () => {
    for (const framing of [5, CHUNKED, "close"] as const) {
      const reader = bodyOf(framing);
      reader.decode(bytes(framing === "chunked" ? "5\r\nhel" : "hel"));
      reader.closed();
      expect(reader.done).toBe(framing === "close");
    }
  });
});

describe("random bytes", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

  test("chunks that we write are read back, whatever the pieces", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 1008 }), { maxLength: 5 }),
        sizes,
        (parts, cuts) => {
          let text = "";
          for (const part of parts) {
            const buffer = new Uint8Array(CHUNK_BEFORE + part.byteLength + CHUNK_BEHIND);
            buffer.set(part, CHUNK_BEFORE);
            text += String.fromCharCode(...wrapChunk(buffer, part.byteLength));
          }
          text += String.fromCharCode(...LAST_CHUNK);
          const body = parts.map(part => String.fromCharCode(...part)).join("");
          const whole = { body, used: text.length, done: true, broken: false };
          expect(decode(CHUNKED, `${text}next`, cuts)).toEqual(whole);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("no input throws, and the cuts change nothing", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "5\r\nhello\r\n",
        "0\r\n",
        "\r\n",
        "a",
        "0",
        "\r",
        "\n",
        ";",
        "A: b\r\n",
        '"',
      ),
      fc.uint8Array({ maxLength: 10 }).map(codes => String.fromCharCode(...codes)),
    );
    const framing = fc.oneof(
      fc.constant(CHUNKED),
      fc.nat(40),
      fc.constantFrom<Framing>("none", "close"),
    );
    fc.assert(
      fc.property(framing, fc.array(piece, { maxLength: 12 }), sizes, (kind, pieces, cuts) => {
        const text = pieces.join("");
        const whole = decode(kind, text, [text.length + 1]);
        expect(decode(kind, text, cuts)).toEqual(whole);
        expect(decode(kind, text, [1])).toEqual(whole);
        expect(whole.body.length).toBeLessThanOrEqual(whole.used);
      }),
      { numRuns: 500 },
    );
  });
});
