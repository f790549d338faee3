import { expect, test } from "vitest";
import { AddressWalk } from "./address-walk.ts";
import { HostName } from "./host-name.ts";
import { backendAt } from "./testing.ts";

function named(addresses: readonly string[]) {
  const backend = backendAt(0, { address: "nas.home", port: 8080 });
  backend.host = new HostName("nas.home");
  backend.host.addresses = addresses;
  return backend;
}

/** The addresses in the order in which one attempt tries them. */
function tried(walk: AddressWalk): string[] {
  const order = [walk.peer.address];
  while (walk.next()) order.push(walk.peer.address);
  return order;
}

test("every address is tried once, and the last that has not failed is the first", () => {
  const backend = named(["1.0.0.1", "1.0.0.2", "1.0.0.3"]);
  const walk = new AddressWalk(backend);
  walk.next();
  expect(walk.peer).toEqual({ address: "1.0.0.2", port: 8080 });
  expect(tried(new AddressWalk(backend))).toEqual(["1.0.0.2", "1.0.0.3", "1.0.0.1"]);
  expect(backend.preferredAddress).toBe("1.0.0.2"); // all have failed: as before
});

test("a preferred one that is gone is forgotten", () => {
  const backend = named(["1.0.0.1", "1.0.0.2"]);
  backend.preferredAddress = "9.9.9.9";
  expect(tried(new AddressWalk(backend))).toEqual(["1.0.0.1", "1.0.0.2"]);
});

test("addresses that come meanwhile are for the next attempt", () => {
  const backend = named(["1.0.0.1", "1.0.0.2"]);
  const walk = new AddressWalk(backend);
  backend.host!.addresses = ["1.0.0.9"];
  expect(tried(walk)).toEqual(["1.0.0.1", "1.0.0.2"]);
});

test("the addresses share the time that is left; the last one has all of it", () => {
  const walk = new AddressWalk(named(["1.0.0.1", "1.0.0.2", "1.0.0.3"]));
  const shares = [walk.shareOf(3000)];
  walk.next();
  shares.push(walk.shareOf(2900)); // the first one refused
  walk.next();
  shares.push(walk.shareOf(1450));
  expect(shares).toEqual([1000, 1450, 1450]);
});
