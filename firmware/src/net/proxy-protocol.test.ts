import { expect, test } from "vitest";
import { proxyHeader } from "./proxy-protocol.ts";

const client = { address: "192.168.1.20", port: 51234 };
const board = { address: "192.168.1.7", port: 80 };
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);

test("version 1 is one line with both addresses", () => {
  expect(text(proxyHeader("v1", client, board))).toBe(
    "PROXY TCP4 192.168.1.20 192.168.1.7 51234 80\r\n",
  );
});

test("version 2 is the signature, the command, and twelve bytes of addresses", () => {
  expect([...proxyHeader("v2", client, board)]).toEqual([
    ...[13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10],
    ...[0x21, 0x11, 0, 12],
    ...[192, 168, 1, 20, 192, 168, 1, 7],
    ...[51234 >> 8, 51234 & 255, 0, 80],
  ]);
});

test("a health check names no client", () => {
  expect(text(proxyHeader("v1"))).toBe("PROXY UNKNOWN\r\n");
  expect([...proxyHeader("v2")].slice(12)).toEqual([0x20, 0, 0, 0]);
});
