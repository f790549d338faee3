import { expect, test } from "vitest";
import { serve } from "./serve.ts";
import { slow } from "./slow.ts";
import { steady } from "./steady.ts";
import { answers, hear, play, request } from "./testing.ts";
import { vanishing } from "./vanishing.ts";

test("a backend names itself over HTTP and echoes lines with its name, on one port", async () => {
  const { clock, connect } = await play(steady());
  const browser = connect();
  const seen = hear(browser);
  browser.write(request("GET /hello"));
  const person = connect();
  const read = hear(person);
  person.write("hello\n");
  await clock.run({ ms: 10 });

  const [answer] = answers(seen.text);
  expect(answer).toMatchObject({ status: 200, body: "a: GET /hello\n" });
  expect(answer.headers).toMatchObject({ "x-backend": "a", "content-type": "text/plain" });
  expect(read.text).toBe("a: hello\n");
});

test("the first bytes decide between HTTP and lines, in whatever pieces they come", async () => {
  const { clock, connect } = await play(steady());
  const said = [
    { text: request("OPTIONS /x"), heard: /^HTTP\/1\.1 200 OK\r\n.*\r\na: OPTIONS \/x\n$/s },
    { text: request("PROPFIND /x"), heard: /^HTTP\/1\.1 200 OK\r\n.*\r\na: PROPFIND \/x\n$/s },
    { text: "GETTING on\n", heard: /^a: GETTING on\n$/ },
    { text: "HELLO world\n", heard: /^a: HELLO world\n$/ },
    { text: "PO\n", heard: /^a: PO\n$/ },
    { text: "get lower\n", heard: /^a: get lower\n$/ },
  ];
  for (const { text, heard } of said) {
    for (let cut = 0; cut < Math.min(text.length, 12); cut++) {
      const client = connect();
      const got = hear(client);
      client.write(text.slice(0, cut));
      await clock.run({ ms: 10 });
      client.write(text.slice(cut));
      await clock.run({ ms: 10 });
      expect(got.text).toMatch(heard);
      client.destroy();
    }
  }
});

test.each([
  ["an answer", steady(), request("GET /"), /\r\n\r\na: GET \/\n$/],
  ["a long answer", steady(), request("GET /bytes/200000"), /\r\n\r\n(0123456789abcdef){12500}$/],
  ["a late answer", slow(), request("GET /"), /\r\n\r\na: GET \/\n$/],
  ["a line", steady(), "hello\n", /^a: hello\n$/],
  ["a line without its end", steady(), "hello", /^a: hello\n$/],
  ["half a method", steady(), "PO", /^a: PO\n$/],
  ["late lines", slow(), "one\ntwo", /^a: one\na: two\n$/],
])(
  "a client that ends and listens on gets its answer whole, then the end: %s",
  async (_, behaviour, text, heard) => {
    const { clock, network, connect } = await play(behaviour);
    const client = connect();
    const got = hear(client);
    client.end(text);
    await clock.run();
    expect(got.text).toMatch(heard);
    expect(got).toMatchObject({ ended: true, error: undefined });
    expect(network.netstat().map(({ state }) => state)).toEqual(["listen"]);
  },
);

test("a client that closes without a byte ends its connection", async () => {
  const { clock, network, connect, server } = await play(steady());
  connect().end();
  await clock.run();
  expect(server.connections).toBe(0);
  expect(network.netstat().map(({ state }) => state)).toEqual(["listen"]);
});

test("a backend counts current and past connections", async () => {
  const { clock, connect, server } = await play(steady());
  const clients = [connect(), connect(), connect()];
  clients[0].write("hello\n");
  clients[1].write(request("GET /"));
  await clock.run({ ms: 10 });
  expect([server.connections, server.connectionsTotal]).toEqual([3, 3]);

  clients[0].end().resume();
  clients[1].resetAndDestroy();
  await clock.run({ ms: 10 });
  expect([server.connections, server.connectionsTotal]).toEqual([1, 3]);
});

test("stop() ends every connection in any state, and frees the port", async () => {
  for (const behaviour of [steady(), slow(), vanishing()]) {
    const { clock, network, host, connect, server } = await play(behaviour);
    const said = ["", "hello", request("GET /"), "GET / HT", request("GET /bytes/1000000000")];
    const clients = said.map(text => {
      const client = connect();
      client.on("error", () => {}); // a reset ends it, too
      client.write(text);
      return client;
    });
    await clock.run({ ms: 10 });
    expect(server.connections).toBe(clients.length);

    const stopped = server.stop();
    const again = serve({ name: "b", port: 80, behaviour: steady(), clock, network: host });
    for (const client of clients) client.resume().on("end", () => client.end());
    await clock.run();
    await stopped;
    expect(server.connections).toBe(0);
    expect(clients.every(({ closed }) => closed)).toBe(true);
    expect(network.netstat().map(({ state }) => state)).toEqual(["listen"]);
    expect(clock.pending).toBe(0);
    expect((await again).port).toBe(80);
  }
});

test("a port in use is reported with the error of listen()", async () => {
  const { clock, host } = await play(steady());
  const refused = expect(
    serve({ name: "b", port: 80, behaviour: steady(), clock, network: host }),
  ).rejects.toMatchObject({ code: "EADDRINUSE" });
  await clock.run();
  await refused;
});
