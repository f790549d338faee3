import { describe, expect, test } from "vitest";
import { type AnswerStatus, answer, KEEPS_ALIVE } from "./answer.ts";

const STATUSES: AnswerStatus[] = [400, 404, 405, 408, 413, 414, 431, 501, 502, 503, 504, 505, 508];

/** Bytes of a send buffer on the chip: an answer must fit at once. */
const SEND_BUFFER_BYTES = 2872;

function parts(bytes: Uint8Array): { head: string; body: string; fields: Map<string, string> } {
  const text = String.fromCharCode(...bytes);
  const end = text.indexOf("\r\n\r\n");
  const head = text.slice(0, end);
  const fields = new Map(
    head
      .split("\r\n")
      .slice(1)
      .map(line => line.split(": ") as [string, string]),
  );
  return { head, body: text.slice(end + 4), fields };
}

describe.each(STATUSES)("our own %i", status => {
  test("is whole, small, and says what happens to the connection", () => {
    for (const html of [false, true]) {
      for (const keepAlive of [false, true]) {
        const bytes = answer(status, { html, keepAlive });
        const { head, body, fields } = parts(bytes);
        expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z][A-Za-z ]+\\r\\n`));
        expect(fields.get("Content-Length")).toBe(String(body.length));
        expect(fields.get("Content-Type")).toBe(html ? "text/html" : "text/plain");
        expect(fields.get("Connection")).toBe(keepAlive ? undefined : "close");
        expect(body).toContain(String(status));
        expect(body.startsWith("<!doctype html>")).toBe(html);
        expect(bytes.byteLength).toBeLessThan(Math.min(512, SEND_BUFFER_BYTES));
      }
    }
  });

  test("to HEAD has the same head and no body", () => {
    const whole = parts(answer(status));
    const head = parts(answer(status, { headOnly: true }));
    expect(head).toEqual({ ...whole, body: "" });
  });
});

test("a full proxy answers with Retry-After, a method that is not allowed with Allow", () => {
  for (const status of STATUSES) {
    const { fields } = parts(answer(status));
    expect(fields.has("Retry-After")).toBe(status === 503);
    expect(fields.has("Allow")).toBe(status === 405);
  }
});

test("after a request whose end is not known the connection is closed", () => {
  for (const status of [400, 408, 413, 414, 431, 501, 505] as const)
    expect(KEEPS_ALIVE.includes(status)).toBe(false);
});
