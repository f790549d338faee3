import dgram from "node:dgram";
import net from "node:net";
import { seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../board.ts";
import { esp32 } from "../boards/esp32.ts";
import { RealClock } from "../clock.ts";
import type { BoardPlatform, UDP } from "../platform.ts";
import { bytes, text } from "../testing.ts";

/** A board on this computer's sockets, and a program of this computer. */
async function bench() {
  const peer = dgram.createSocket("udp4");
  await new Promise<void>(resolve => peer.bind(0, "127.0.0.1", resolve));
  const board = new Board({
    kind: { ...esp32(), joinMs: 0 },
    clock: new RealClock(),
    wire: { ...net, createSocket: dgram.createSocket },
    random: seeded(1),
    publish: () => ({ port: 0, host: "127.0.0.1" }),
  });
  const platform = await new Promise<BoardPlatform>(resolve =>
    board.boot(given => given.link.watch(() => resolve(given))),
  );
  return {
    peer,
    platform,
    stop() {
      board.unplug();
      peer.close();
    },
  };
}

test("UDP of the board reaches programs of this computer, and they reach its published port", async () => {
  const { peer, platform, stop } = await bench();
  try {
    const answer = new Promise<string | undefined>(resolve => {
      const udp: UDP = new platform.UDP({
        port: 9000,
        onReadable() {
          const datagram = udp.read()!;
          resolve(`${text(datagram)} from ${datagram.address}`);
        },
      });
      peer.on("message", (message, from) => peer.send(`${message}!`, from.port, from.address));
      udp.write(bytes("ping"), "127.0.0.1", peer.address().port);
    });
    expect(await answer).toBe("ping! from 127.0.0.1");
  } finally {
    stop();
  }
});

test("a datagram that was written just before close has left, and the port is free again", async () => {
  const { peer, platform, stop } = await bench();
  try {
    const received: string[] = [];
    const both = new Promise<void>(resolve =>
      peer.on("message", message => {
        if (received.push(String(message)) === 2) resolve();
      }),
    );
    for (const word of ["first", "second"]) {
      const udp = new platform.UDP({ port: 9000 });
      udp.write(bytes(word), "127.0.0.1", peer.address().port);
      udp.close();
    }
    await both;
    expect(received.sort()).toEqual(["first", "second"]);
  } finally {
    stop();
  }
});
