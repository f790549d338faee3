import { expect, test } from "vitest";
import { isBoardHost } from "./board-host.ts";

test.each([
  ["192.168.1.50", true],
  ["192.168.1.50:8404", true],
  ["[fe80::1]:8404", true],
  ["localhost:8404", true],
  ["LOCALHOST", true],
  ["potato.localhost", true],
  ["board", true],
  ["", true],
  ["potato.home", true],
  ["Potato.Home.:8404", true],
  ["evil.example", false],
  ["evil.example:8404", false],
  ["evil.example.", false],
  ["potato.home.evil.example", false],
  ["xpotato.home", false],
  ["localhost.evil.example", false],
  ["192.168.1.50.evil.example", false],
  ["1.2.3.4x", false],
  [`${"a".repeat(300)}`, false],
])("%j names the board: %s", (host, expected) => {
  expect(isBoardHost(host, ["potato.home"])).toBe(expected);
});
