import { expect, test } from "vitest";
import fc from "../../../testing/properties.ts";
import { sniff } from "./sniff.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, character => character.charCodeAt(0));
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];

test.each(METHODS)("%s and a blank begin HTTP; its beginnings leave it open", method => {
  for (let count = 0; count <= method.length; count++)
    expect(sniff(bytes(method.slice(0, count)))).toBeUndefined();
  expect(sniff(bytes(`${method} `))).toBe("http");
  expect(sniff(bytes(`${method} / HTTP/1.1\r\n`))).toBe("http");
});

test.each([
  "GET/",
  "GETS ",
  "get ",
  "Get ",
  "GET\t",
  "GET\r\n",
  " GET ",
  "\rGET ",
  "\nGET ",
  "\r\n\r\nGET ",
  "\r\nhello",
  "G\0",
  "PO ",
  "PING\r\n",
  "HELO ",
  "SSH-2.0",
  "*1\r\n$4\r\nPING\r\n",
  "\x16\x03\x01",
  "\0",
  "\xff",
  "PRI * HTTP/2.0\r\n",
])("%j is raw TCP", text => {
  expect(sniff(bytes(text))).toBe("tcp");
});

test("one empty line may stand before a request", () => {
  expect(sniff(bytes("\r"))).toBeUndefined();
  expect(sniff(bytes("\r\n"))).toBeUndefined();
  expect(sniff(bytes("\r\nGE"))).toBeUndefined();
  expect(sniff(bytes("\r\nGET "))).toBe("http");
});

test("more bytes never change an answer that was given", () => {
  const text = fc.oneof(
    fc.tuple(fc.constantFrom(...METHODS), fc.string()).map(([method, rest]) => method + rest),
    fc.uint8Array({ maxLength: 20 }).map(codes => String.fromCharCode(...codes)),
    fc
      .tuple(fc.constantFrom(...METHODS), fc.nat(7))
      .map(([method, count]) => method.slice(0, count)),
  );
  fc.assert(
    fc.property(text, all => {
      let before: ReturnType<typeof sniff>;
      for (let count = 0; count <= all.length; count++) {
        const answer = sniff(bytes(all.slice(0, count)));
        if (before !== undefined) expect(answer).toBe(before);
        before = answer;
      }
      if (all.length > 10) expect(before).toBeDefined();
    }),
    { numRuns: 500 },
  );
});
