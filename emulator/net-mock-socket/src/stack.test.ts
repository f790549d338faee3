import { expect, test } from "vitest";
import { pattern, watch, world } from "./testing.ts";

// The events of a program that plays a TCP/IP stack, such as an emulated board.

test("a server without a free place answers no SYN, and each place is free again after its handshake", async () => {
  const { clock, network, server, client } = world();
  let places = 0;
  let requests = 0;
  const admit = () => {
    requests++;
    if (places === 0) return undefined;
    places--;
    return () => {
      places++;
    };
  };
  const placesAtConnection: number[] = [];
  server.createServer({ admit }, () => placesAtConnection.push(places)).listen(81);
  const first = watch(client.connect({ host: "server", port: 81 }));
  await clock.run(500);
  expect([requests, first.events]).toEqual([1, []]);
  places = 1;
  await clock.run(1000); // the SYN comes again
  expect([requests, first.events, placesAtConnection]).toEqual([2, ["connect"], [1]]);

  const cut = network.cutOneWay("server", "client");
  client.connect({ host: "server", port: 81 }).on("error", () => {});
  await clock.run(100);
  expect(places).toBe(0);
  network.crash("server")();
  cut();
  expect(places).toBe(1);
});

test("a segment that finds no memory is lost, and sent again", async () => {
  const { clock, connected } = world();
  const { near, far, farSeen } = await connected();
  let refused = 3;
  far.admits = () => --refused < 0;
  near.write("hello");
  await clock.run(100);
  expect(farSeen.bytes.toString()).toBe("");
  await clock.run(10_000);
  expect(farSeen.bytes.toString()).toBe("hello");
});

test("a program that plays a TCP/IP stack gets an event when a connection is over, with whether both ends had closed it or what broke it", async () => {
  const { clock, connected } = world({ profiles: { client: { connectionsMax: 8 } } });
  const received: unknown[] = [];
  const one = await connected();
  one.near.on("released", orderly => received.push("first", orderly, clock.now() < 1000));
  one.far.on("released", orderly => received.push("second", orderly, clock.now() < 1000));
  one.near.resume().end();
  one.far.resume().end();
  await clock.run();
  const two = await connected();
  two.far.on("released", (orderly, error) => received.push(orderly, error));
  two.far.on("error", () => {});
  two.near.resetAndDestroy();
  await clock.run();
  expect(received).toEqual([
    ...["first", true, true, "second", true, true], // the first one goes on in TIME_WAIT
    ...[false, "ECONNRESET"],
  ]);
});

test("abort of a closed socket discards its bytes in flight", async () => {
  const { clock, network, connected } = world({ profiles: { server: { receiveWindow: 1000 } } });
  const { near, far, farSeen } = await connected();
  far.pause();
  near.write(pattern(5_000));
  near.destroy();
  await clock.run(100);
  expect(network.netstat("client")).toHaveLength(1);
  near.abort();
  expect(network.netstat("client")).toEqual([]);
  await clock.run(100);
  expect(farSeen.events).toEqual(["read ECONNRESET", "close"]);
});
