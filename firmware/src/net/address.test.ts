import { expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { ipv4, ipv4OrHostName, isHostName, network, trustedBy } from "./address.ts";

test.each([
  ["0.0.0.0", true],
  ["255.255.255.255", true],
  ["192.168.1.10", true],
  ["256.1.1.1", false],
  ["1.2.3", false],
  ["1.2.3.4.5", false],
  ["01.2.3.4", false],
  ["1.2.3.4 ", false],
  ["1.2.3.4\n", false],
  ["::1", false],
  ["a.b.c.d", false],
  ["", false],
])("%j is an address: %s", (text, expected) => {
  expect(ipv4().test(text)).toBe(expected);
  expect(network().test(text)).toBe(expected);
});

const LONG_LABEL = "a".repeat(63);

test.each([
  "nas.home",
  "nas",
  "NAS.Local",
  "my_app.docker",
  "a-1.b--c.example.org",
  "xn--bcher-kva.example",
  "1.example",
  "10.0.0.1.nip.io",
  "4",
  `${LONG_LABEL}.home`,
  `${`${LONG_LABEL}.`.repeat(3)}${"a".repeat(61)}`,
])("%j is a host name, unless it is digits alone", text => {
  const isName = text !== "4";
  expect(ipv4OrHostName().test(text)).toBe(isName);
  if (isName) expect(isHostName(text)).toBe(true);
});

test.each([
  "",
  ".",
  "nas.",
  ".home",
  "nas..home",
  "-nas",
  "nas-",
  "nas home",
  "nas.home\n",
  "http://nas.home",
  "nas.home:80",
  "nas/home",
  "192.168.1.300",
  "192.168.1",
  "nas.42",
  "::1",
  "bücher.example",
  "*.home",
  `${LONG_LABEL}a.home`,
  `${`${LONG_LABEL}.`.repeat(3)}${"a".repeat(62)}`,
])("%j is neither an address nor a host name", text => {
  expect(ipv4OrHostName().test(text)).toBe(false);
});

test.each(["0.0.0.0", "192.168.1.10", "255.255.255.255"])("%s is no host name", text => {
  expect([ipv4OrHostName().test(text), isHostName(text)]).toEqual([true, false]);
});

test.each([
  ["10.0.0.0/8", true],
  ["10.0.0.0/0", true],
  ["10.0.0.0/32", true],
  ["10.0.0.0/33", false],
  ["10.0.0.0/", false],
  ["10.0.0.0/08", false],
  ["10.0.0.0/-1", false],
  ["10.0.0/8", false],
])("%j is a network: %s", (text, expected) => {
  expect(network().test(text)).toBe(expected);
});

test.each<[networks: string[], trusted: string[], strangers: string[]]>([
  [[], [], ["10.0.0.1", "0.0.0.0"]],
  [["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2", "10.0.1.1"]],
  [["10.0.0.77/24"], ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "9.255.255.255"]],
  [["192.168.1.128/25"], ["192.168.1.128", "192.168.1.255"], ["192.168.1.127"]],
  [["0.0.0.0/0"], ["0.0.0.0", "255.255.255.255", "10.1.2.3"], []],
  [["128.0.0.0/1"], ["128.0.0.0", "255.255.255.255"], ["127.255.255.255"]],
  [["255.255.255.255/32"], ["255.255.255.255"], ["255.255.255.254", "127.255.255.255"]],
  [
    ["10.0.0.1", "172.16.0.0/12"],
    ["10.0.0.1", "172.31.255.255"],
    ["172.32.0.0", "10.0.0.0"],
  ],
])("of %j are %j, and not %j", (networks, trusted, strangers) => {
  const trusts = trustedBy(networks);
  expect(trusted.filter(address => !trusts(address))).toEqual([]);
  expect(strangers.filter(address => trusts(address))).toEqual([]);
});

test("a network holds exactly the addresses that begin with the same bits", () => {
  const address = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const bits = (parts: number[]) => parts.map(part => part.toString(2).padStart(8, "0")).join("");
  fc.assert(
    fc.property(address, address, fc.nat(32), fc.nat(32), (base, other, length, same) => {
      // Half of the time one that shares its beginning.
      const mixed = bits(base).slice(0, same) + bits(other).slice(same);
      const asked = [0, 8, 16, 24].map(at => Number.parseInt(mixed.slice(at, at + 8), 2));
      const expected = bits(base).slice(0, length) === mixed.slice(0, length);
      expect(trustedBy([`${base.join(".")}/${length}`])(asked.join("."))).toBe(expected);
    }),
    { numRuns: 500 },
  );
});
