import { expect, test } from "vitest";
import { dottedAddress } from "./address.ts";

// As ip4addr_aton in src/core/ipv4/ip4_addr.c of esp-lwip 2.1.3 has it.

test("one to four numbers are an address, the last of which fills the bytes that are left", () => {
  const forms = {
    "192.168.1.20": "192.168.1.20",
    "127.1": "127.0.0.1",
    "10.1.515": "10.1.2.3",
    "2130706433": "127.0.0.1",
    "0x7f000001": "127.0.0.1",
    "0X7F.0.0.1": "127.0.0.1",
    "0177.0.0.01": "127.0.0.1",
    "255.255.255.255": "255.255.255.255",
    "0": "0.0.0.0",
    "0x": "0.0.0.0",
    "10.0.0.1\tand more": "10.0.0.1",
    "10.0.0.1 ::1": "10.0.0.1",
  };
  for (const [written, dotted] of Object.entries(forms)) {
    expect(dottedAddress(written), written).toBe(dotted);
  }
});

test("what is too large for the 32 bits of a number loses its upper ones", () => {
  expect(dottedAddress("4294967297")).toBe("0.0.0.1");
  expect(dottedAddress("0x17f000001")).toBe("127.0.0.1");
  expect(dottedAddress("4294967306.1")).toBe("10.0.0.1");
});

test("all else is no address", () => {
  const wrong = ["", " 1.2.3.4", "1.2.3.4.5", "1.2.3.4x", "1..2", ".1", "1.", "-1", "+1", "1e3"];
  wrong.push("256.0.0.1", "1.2.3.256", "1.2.65536", "1.16777216", "08.0.0.1", "0xg", "localhost");
  wrong.push("٣.0.0.1", ":", "1:2.3.4.5");
  for (const address of wrong) expect(dottedAddress(address), address).toBe(undefined);
  expect(() => dottedAddress("fe80::1")).toThrow("not emulated: IPv6");
  expect(() => dottedAddress("::ffff:1.2.3.4")).toThrow("not emulated: IPv6");
});
