import { expect, test } from "vitest";
import { answer } from "./answer.ts";
import { reloadSeconds, secondsUntilReady, waitingPage } from "./waiting-page.ts";

/** Bytes of a send buffer on the chip: the reply must fit at once. */
const SEND_BUFFER_BYTES = 2872;

function pageOf(elapsedMs: number, lastBootMs?: number): string {
  return waitingPage({ elapsedMs, lastBootMs });
}

test("the page is the body of a whole 503 that fits a send buffer", () => {
  for (const elapsedMs of [0, 1_234, 86_400_000]) {
    for (const lastBootMs of [undefined, 1, 40_000, 86_400_000]) {
      const page = pageOf(elapsedMs, lastBootMs);
      const reply = answer(503, { html: true, keepAlive: true, wait: { page, retryAfterS: 5 } });
      const text = String.fromCharCode(...reply);
      expect(text).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\nCache-Control: no-store\r\n/);
      expect(text).toContain(`\r\nContent-Length: ${page.length}\r\nRetry-After: 5\r\n\r\n${page}`);
      expect(text).not.toContain("Connection:");
      expect(reply.byteLength).toBeLessThan(SEND_BUFFER_BYTES / 2);
    }
  }
});

test("the page asks for the same URL again, without JavaScript and without another resource", () => {
  const page = pageOf(0, 40_000);
  expect(page).toContain("<meta http-equiv=refresh content=5>"); // no URL: the same
  expect(page).not.toMatch(/<script|<img|src=|href=(?!data:,>)|url/i);
  expect(page).toContain("<link rel=icon href=data:,>"); // or browsers ask for /favicon.ico
});

test("the bar shows the part of the last boot that has passed, and never more than all of it", () => {
  expect(pageOf(10_000, 40_000)).toContain("<progress max=40 value=10>");
  expect(pageOf(90_000, 40_000)).toContain("<progress max=40 value=40>");
  expect(pageOf(10_000)).toContain("<progress></progress>");
});

test("it asks every five seconds, sooner when the rest of the boot is shorter, never within two", () => {
  const afterS = (elapsedMs: number, lastBootMs?: number) => {
    const seconds = reloadSeconds({ elapsedMs, lastBootMs });
    expect(pageOf(elapsedMs, lastBootMs)).toContain(`content=${seconds}>`);
    return seconds;
  };
  expect(afterS(0, 40_000)).toBe(5);
  expect(afterS(36_500, 40_000)).toBe(4);
  expect(afterS(39_900, 40_000)).toBe(2);
  expect(afterS(60_000, 40_000)).toBe(2);
  expect(afterS(60_000)).toBe(5);
});

test("a program that may not wait should come back when the boot is over", () => {
  expect(secondsUntilReady({ elapsedMs: 3_000, lastBootMs: 40_000 })).toBe(37);
  expect(secondsUntilReady({ elapsedMs: 80_000, lastBootMs: 40_000 })).toBe(2);
});
