import { expect } from "expect";
import { patterned } from "../../backends/src/scripted.ts";
import type { LogLine } from "../../firmware/tools/log-line.ts";
import { scenario } from "../kit/scenario.ts";

/** The SDK's sockets do not tell a reset from a FIN. */
const clientLeft = ({ on, what, values }: LogLine) =>
  on === "session" && what === "end" && /^client-(closed|reset)$/.test(values.why);

scenario("an echoed megabyte is equal in every byte", async lab => {
  lab.backend("red");
  const client = lab.client();
  const sent = patterned(1_000_000);
  await lab.proxy({ inspect: [] });

  client.send(sent);
  const received = await client.receive(sent.length);

  expect(received === sent).toBe(true);
});

scenario("a slow reader does not slow the others", async lab => {
  lab.backend("red", { body: "x".repeat(20_000_000) }); // more than any network holds
  const slow = lab.client();
  const quick = lab.client();
  const sent = patterned(200_000);
  await lab.proxy({ inspect: [] });

  const stalled = slow.get("/film");
  await slow.receive("X-Backend");
  slow.pause();
  quick.send(sent);
  const received = await quick.receive(sent.length);
  const atThatTime = slow.received.length;
  slow.leave();

  expect(received === sent).toBe(true);
  expect(atThatTime).toBeLessThan(20_000_000);
  expect((await stalled).cutShort).toBe(true);
});

scenario("what a backend sent before it closed reaches a slow client whole", async lab => {
  const body = patterned(100_000);
  lab.backend("red", { raw: "answer", body });
  const slow = lab.client();
  await lab.proxy();

  slow.send("go");
  await slow.receive(1);
  slow.pause();
  await lab.get("/meanwhile");
  slow.resume();
  const { received, error } = await slow.closed();

  expect(error).toBeUndefined();
  expect(received === body).toBe(true);
});

scenario(
  "bytes of a server that speaks first are delivered, where the listener is for raw TCP",
  async lab => {
    lab.backend("mail", { greeting: "220 ready\r\n" });
    const client = lab.client();
    await lab.proxy({ listeners: [{ port: 80, mode: "tcp" }] });

    await client.connect();
    const greeting = await client.receive("\r\n");
    client.send("HELO x\r\n");
    const answer = await client.receive("\r\n");

    expect([greeting, answer]).toEqual(["220 ready\r\n", "HELO x\r\n"]);
  },
);

scenario(
  "a client that half-closes ends the session; the backend receives everything it sent",
  async lab => {
    const red = lab.backend("red", { raw: "swallow" });
    const client = lab.client();
    await lab.proxy();

    client.send("my last word");
    client.end();
    const { error } = await client.closed();
    await lab.until({ on: "session", what: "end", why: "client-closed" });

    expect(error).toBeUndefined();
    expect(red.received).toBe("my last word");
  },
);

scenario("a client that resets frees its backend", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  client.send("hello");
  await client.receive("hello");
  client.reset();
  await lab.until(clientLeft);
  const next = await lab.get("/");

  expect(next.status).toBe(200);
  expect(red.connections).toBe(2);
});

scenario("after a WebSocket's 101 all bytes pass both ways, keywords too", async lab => {
  const red = lab.backend("red", { upgrades: true });
  const client = lab.client();
  await lab.proxy();

  client.send(
    "GET /chat HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const head = await client.receive("\r\n\r\n");
  client.send("\x81\x03END");
  const frame = await client.receive(5);
  client.send("\x88\x00");
  await client.receive("\x88\x00");

  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  expect(head).toMatch(/\r\nupgrade: websocket\r\n/i);
  expect(frame).toBe("\x81\x03END");
  expect(red.received).toBe("\x81\x03END\x88\x00");
});

scenario("a hundred clients, half of which reset, leave no session or socket behind", async lab => {
  lab.backend("red");
  lab.backend("blue");
  await lab.proxy();

  let served = 0;
  for (let i = 0; i < 100; i++) {
    const client = lab.client();
    client.send("hello");
    if ((await client.receive("hello")) === "hello") served++;
    if (i % 2 === 0) client.reset();
    else client.end();
    await lab.until(clientLeft);
  }

  expect(served).toBe(100);
  expect(lab.logged({ on: "session", what: "end" })).toHaveLength(100);
});
