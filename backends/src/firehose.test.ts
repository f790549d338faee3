import { expect, test } from "vitest";
import { firehose } from "./firehose.ts";
import { hear, play, request } from "./testing.ts";

const MIB = 2 ** 20;

/** Far more than the network and the streams of one connection hold, and far less than is sent. */
const HELD_BYTES_MAX = MIB / 2;

const ASKING = { "over HTTP": request("GET /"), "over raw TCP": "go\n" };

test.each(Object.entries(ASKING))("a firehose stops at its bound, %s", async (_, asking) => {
  const { clock, connect } = await play(firehose({ bytesMax: MIB }));
  const client = connect();
  const heard = hear(client);
  client.end(asking); // and then only reads
  await clock.run();
  const body = heard.text.slice(heard.text.indexOf("0123456789abcdef0123"));
  expect(body).toBe("0123456789abcdef".repeat(MIB / 16));
  expect(heard).toMatchObject({ ended: true, error: undefined });
});

test.each(Object.entries(ASKING))(
  "it sends as fast as it is read: without a reader it generates no more, %s",
  async (_, asking) => {
    const { clock, network, host, connect } = await play(firehose());
    const client = connect();
    let got = 0;
    client.on("data", (bytes: Buffer) => {
      got += bytes.byteLength;
    });
    const held = () => {
      const [socket] = host.sockets;
      const { unacked } = network
        .netstat()
        .find(({ remote }) => remote.endsWith(`${client.localPort}`))!;
      return client.readableLength + unacked + socket.writableLength;
    };
    client.write(asking);
    await clock.run({ until: () => got > 2 * MIB });
    client.pause();
    await clock.run(); // until nothing moves
    expect(held()).toBeLessThan(HELD_BYTES_MAX);

    client.resume();
    await clock.run({ until: () => got > 4 * MIB });
    client.pause();
    await clock.run();
    expect(held()).toBeLessThan(HELD_BYTES_MAX);
  },
);

test.each(Object.entries(ASKING))("it stops when its client resets, %s", async (_, asking) => {
  const { clock, connect, network, server } = await play(firehose());
  const client = connect();
  client.write(asking);
  client.resume();
  await clock.run({ until: () => client.bytesRead > MIB });
  client.resetAndDestroy();
  const start = clock.now();
  await clock.run();
  expect(server.connections).toBe(0);
  expect(network.netstat().map(({ state }) => state)).toEqual(["listen"]);
  expect(clock.now() - start).toBeLessThan(100);
});

test("it waits for the first byte", async () => {
  const { clock, connect } = await play(firehose());
  const client = connect();
  client.resume();
  await clock.run();
  expect(client.bytesRead).toBe(0);
});
