import { expect, test } from "vitest";
import { mendedBoard } from "../../../emulator/proxy/firmware-board.ts";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";

/** The answer of a backend: more than one segment of the board. */
const ANSWER = "x".repeat(1_488);

/**
 * A client far away, on a network that loses 5 % of all packets. It asks, and says FIN while the answer is
 * under way; what the board sends to it then is lost twice, the FIN included.
 */
async function clientThatClosedFirst(kind = mendedBoard()) {
  const lab = new EmulatedLab(kind);
  lab.backend("a", socket => {
    socket.on("data", () => socket.end(ANSWER));
  });
  await lab.serve();
  const { network, clock } = lab;
  const host = network.host("client");
  network.link("client", { latencyMs: 150, loss: 0.05 });
  const client = lab.connect({ host, allowHalfOpen: true });
  const received = collect(client);
  let ended = false;
  client.on("end", () => {
    ended = true;
  });
  await clock.run({ until: () => !client.connecting });
  client.write("hello");

  const times = new Map<string, number>();
  network.rule(({ kind, to, position }) => {
    if (to.name !== "client" || (kind !== "DATA" && kind !== "FIN")) return "pass";
    if (times.size === 0) clock.after(10, () => client.end());
    const segment = `${kind} ${position}`;
    const sent = (times.get(segment) ?? 0) + 1;
    times.set(segment, sent);
    return sent <= 2 ? "drop" : "pass";
  });
  await clock.run({ ms: 10 * 60_000 });
  return { lab, text: received.text, ended, times };
}

test("a client that closed first gets every byte, though the last ones and the FIN are lost twice", async () => {
  const { lab, text, ended, times } = await clientThatClosedFirst();
  expect(text).toBe(ANSWER);
  expect(ended).toBe(true);
  expect([...times.keys()]).toEqual(["DATA 0", "DATA 1436", "FIN 1488"]);
  expect(Math.min(...times.values())).toBeGreaterThanOrEqual(3);
  expect(lab.board.stack.connections).toBe(0);
});

test("with the 4 s of an MSL of 2000 it would wait for ever, where the board closes at the client's FIN", async () => {
  const { lab, text, ended } = await clientThatClosedFirst({
    ...mendedBoard("sdk"), // the firmware's own half-close, and close at the end of the answer
    lastAckTimeoutMs: 4_000,
  });
  expect(text).toBe("");
  expect(ended).toBe(false);
  expect(lab.board.stack.connections).toBe(0);
});

test("connections in TIME_WAIT take no place from a new client", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", socket => {
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    socket.on("end", () => socket.end());
  });
  await lab.serve({ inspect: [] });
  const { clock } = lab;
  const { stack, kind } = lab.board;
  const clients = 10 * kind.connectionsMax;
  let answered = 0;
  let rememberedPeak = 0;
  for (let i = 0; i < clients; i++) {
    clock.after(i * 30, () => {
      rememberedPeak = Math.max(rememberedPeak, stack.remembered);
      const client = lab.connect();
      const received = collect(client);
      // The board closes first, and remembers the connection.
      client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      client.on("close", () => {
        if (received.text.endsWith("ok")) answered++;
      });
    });
  }
  await clock.run({ ms: clients * 30 + 500 });
  expect(answered).toBe(clients);
  expect(rememberedPeak).toBeGreaterThan(kind.connectionsMax / 2);
});
