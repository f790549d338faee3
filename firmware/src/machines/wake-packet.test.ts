import { expect, test } from "vitest";
import { broadcastAddress, wakePacket } from "./wake-packet.ts";

function hex(packet: Uint8Array): string {
  return Buffer.from(packet).toString("hex");
}

test("a magic packet is six bytes of 255 and the address 16 times, then the password of 4 or 6 bytes", () => {
  const plain = `ffffffffffff${"240ac40000ff".repeat(16)}`;
  expect(hex(wakePacket("24:0a:c4:00:00:ff"))).toBe(plain);
  expect(hex(wakePacket("24:0a:c4:00:00:ff", "01:02:03:04"))).toBe(`${plain}01020304`);
  expect(hex(wakePacket("24:0a:c4:00:00:ff", "a1:02:03:04:05:06"))).toBe(`${plain}a10203040506`);
});

test.each([
  ["192.168.1.20", "255.255.255.0", "192.168.1.255"],
  ["10.0.0.1", "255.0.0.0", "10.255.255.255"],
  ["172.16.5.9", "255.255.240.0", "172.16.15.255"],
  ["200.1.2.1", "255.255.255.252", "200.1.2.3"],
  ["200.1.2.2", "255.255.255.254", "255.255.255.255"],
  ["10.1.2.3", "0.0.0.0", "255.255.255.255"],
])("the broadcast address of %s with netmask %s is %s", (address, netmask, expected) => {
  const interfaceState = { netmask, gateway: address, dnsServers: [] };
  expect(broadcastAddress({ address, interfaceState })).toBe(expected);
});

test("without a netmask the broadcast address is that of any network", () => {
  expect(broadcastAddress({ address: "10.1.2.3" })).toBe("255.255.255.255");
});
