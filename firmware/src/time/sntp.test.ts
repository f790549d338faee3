import { expect, test } from "vitest";
import { ntpAnswer } from "../../../emulator/src/ntp-server.ts";
import fc from "../../../hil/kit/properties.ts";
import { NTP_BYTES, ntpRequest, readNtpAnswer } from "./sntp.ts";

const NOW = Date.UTC(2026, 10, 30, 22, 31, 5, 250);
const request = ntpRequest(() => 0.3);

/** The answer to the request with some of its bytes changed. */
function answer(changes: Readonly<Record<number, number>> = {}, unixMs = NOW) {
  const bytes = ntpAnswer(request, unixMs)!;
  for (const [at, byte] of Object.entries(changes)) bytes[Number(at)] = byte;
  return readNtpAnswer(bytes, request);
}

test("a request is of version 4 and a client, and says nothing but a random number", () => {
  expect([...request]).toEqual([0x23, ...new Array(39).fill(0), ...new Array(8).fill(76)]);
  let next = 0;
  expect([...ntpRequest(() => next++ / 256).slice(40)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("the emulated server counts from 1900, as RFC 4330 does: 1 January 2026 is 3,976,214,400 s later", () => {
  const bytes = ntpAnswer(request, Date.UTC(2026, 0, 1, 0, 0, 0, 500))!;
  expect([bytes.readUInt32BE(40), bytes.readUInt32BE(44)]).toEqual([3_976_214_400, 0x80000000]);
  expect(ntpAnswer(new Uint8Array(48), 0)).toBeUndefined();
  expect(ntpAnswer(request.subarray(1), 0)).toBeUndefined();
});

test.each([
  ["today", NOW],
  ["the last second of NTP's first era", Date.UTC(2036, 1, 7, 6, 28, 15)],
  ["the first one of the next era", Date.UTC(2036, 1, 7, 6, 28, 17)],
  ["beyond 2038", Date.UTC(2100, 0, 1)],
])("%s is read to the millisecond", (_, unixMs) => {
  const read = answer({}, unixMs) as { receivedMs: number; sentMs: number };
  expect(read.sentMs).toBeCloseTo(unixMs, 2);
  expect(read.receivedMs).toBeCloseTo(unixMs, 2);
});

test.each<[string, Record<number, number>]>([
  ["of a client", { 0: 0x23 }],
  ["of a broadcast", { 0: 0x25 }],
  ["of version 2", { 0: 0x14 }],
  ["of version 5", { 0: 0x2c }],
  ["to another request", { 24: 77 }],
  ["to another request, in its last byte", { 31: 77 }],
  ["that was sent before the request came", { 43: 0 }],
])("a message %s is no answer", (_, changes) => {
  expect(answer(changes)).toBeUndefined();
});

test.each([32, 40])("a timestamp of zeros, at byte %i, is no answer", start => {
  const zeros = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [start + i, 0]));
  expect(answer(zeros)).toBeUndefined();
});

test.each<[string, Record<number, number>, string]>([
  ["unsynchronized", { 0: 0xe4 }, "unsynchronized"],
  ["of stratum 16", { 1: 16 }, "unsynchronized"],
  ["far from its source", { 5: 2, 9: 1 }, "unsynchronized"],
  ["that asks for fewer requests", { 1: 0, 12: 82, 13: 65, 14: 84, 15: 69 }, "RATE"],
  ["that wants none", { 1: 0, 12: 68, 13: 69, 14: 78, 15: 89 }, "DENY"],
  ["that starts", { 1: 0, 12: 0 }, "unsynchronized"],
])("a server %s gives no time", (_, changes, refusal) => {
  expect(answer(changes)).toEqual({ refusal });
});

test("stratum 15 is the last that is believed, and version 3 is", () => {
  expect(answer({ 1: 15 })).toHaveProperty("sentMs");
  expect(answer({ 0: 0x1c })).toHaveProperty("sentMs");
});

test("any bytes are read without an exception, and none is a time that does not repeat the request", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
      expect(readNtpAnswer(bytes, request)).toBeUndefined();
      const echo = Uint8Array.from({ length: NTP_BYTES }, (_, i) => bytes[i] ?? 0);
      echo.set(request.subarray(40), 24);
      readNtpAnswer(echo, request);
    }),
  );
});
