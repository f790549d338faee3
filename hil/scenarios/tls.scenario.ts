import { expect } from "expect";
import { alpn, clientHello, extension, name } from "../../firmware/src/net/hellos/testing.ts";
import { scenario } from "../kit/scenario.ts";

/** RFC 7685. */
const PADDING = 21;

/** A hello for this server, as text whose characters are bytes; `paddingBytes` make it longer. */
function hello(server: string, paddingBytes = 0): string {
  const padding = extension(PADDING, ...new Array<number>(paddingBytes).fill(0));
  const bytes = clientHello(padding, name(server), alpn("h2", "http/1.1"));
  return Buffer.from(bytes).toString("latin1");
}

scenario("TLS goes by its server name, HTTP and raw TCP on the same port elsewhere", async lab => {
  const cloud = lab.backend("cloud");
  const home = lab.backend("home", { raw: "answer", body: "home" });
  const site = lab.backend("site");
  const [first, second, third] = lab.clients(3);
  await lab.proxy({
    routes: [
      { sni: ["cloud.example.org"], backends: ["cloud"] },
      { sni: ["*.example.org"], backends: ["home"] },
      { backends: ["site"] },
    ],
  });

  const large = hello("Cloud.Example.Org", 1_700); // two segments, as Chromium's
  first.send(large);
  const echo = await first.receive(large);
  first.send("END, which is no keyword here");
  await first.receive("here");
  first.leave();
  const end = await lab.until({ on: "session", what: "end" });
  second.send(hello("x.example.org"));
  const other = await second.closed();
  const reply = await lab.get("/");
  third.send("raw");
  await third.receive("raw");

  expect(echo).toBe(large);
  expect(cloud.received).toBe(`${large}END, which is no keyword here`);
  expect(end.values).toMatchObject({
    protocol: "tls",
    backend: "cloud",
    sni: "cloud.example.org",
    alpn: "h2,http/1.1",
  });
  expect(other).toMatchObject({ received: "home", error: undefined });
  expect(home.received).toBe(hello("x.example.org"));
  expect(reply.by).toBe("site");
  expect(site.received).toBe("raw");
});

scenario("TLS of a name without a route is closed without an answer", async lab => {
  const cloud = lab.backend("cloud");
  const [client, half] = lab.clients(2);
  await lab.proxy({
    routes: [{ sni: ["cloud.example.org"] }],
    headTimeoutMs: 1_000,
  });

  client.send(hello("example.org"));
  const { received, error } = await client.closed();
  const end = await lab.until({ on: "session", what: "end" });
  half.send(hello("cloud.example.org").slice(0, 50));
  const silent = await half.closed();
  await lab.until({ on: "session", what: "end", why: "hello-timeout" });

  expect([received, error]).toEqual(["", undefined]);
  expect(end.values).toMatchObject({ protocol: "tls", sni: "example.org", why: "no-route" });
  expect([silent.received, silent.error]).toEqual(["", undefined]);
  expect(cloud.connections).toBe(0);
});

scenario("a hello in two halves, with a pause between, reaches its backend whole", async lab => {
  const cloud = lab.backend("cloud");
  const client = lab.client();
  await lab.proxy({ routes: [{ sni: ["cloud.example.org"] }] });

  const whole = hello("cloud.example.org");
  client.send(whole.slice(0, 20));
  await new Promise<void>(resolve => lab.later(700, resolve));
  client.send(whole.slice(20));
  await client.receive(whole);

  expect(cloud.received).toBe(whole);
});

for (const [how, behaviour] of [
  ["resets", { resets: true }],
  ["closes", { closes: true }],
  ["refuses the connection", { refuses: true }],
] as const) {
  scenario(`a hello whose backend ${how} goes to the next one`, async lab => {
    lab.backend("rude", behaviour);
    const kind = lab.backend("kind");
    const client = lab.client();
    await lab.proxy({ routes: [{ sni: ["*"] }], balance: "first" });

    const whole = hello("cloud.example.org");
    client.send(whole);
    await client.receive(whole);
    client.leave();
    const { values } = await lab.until({ on: "session", what: "end" });

    expect(kind.received).toBe(whole);
    expect(values).toMatchObject({ backend: "kind", retries: "1" });
  });
}

scenario("a request is redirected to HTTPS, and its connection stays open", async lab => {
  const site = lab.backend("site");
  const client = lab.client();
  await lab.proxy({ routes: [{ redirect: 308 }, { path: "/acme", backends: ["site"] }] });

  const ask = (path: string) => client.get(path, { headers: { Host: "example.org:80" } });
  const redirected = await ask("/a?b=c");
  const challenge = await ask("/acme/x");

  expect(redirected).toMatchObject({ status: 308, cutShort: false });
  expect(redirected.headers.location).toBe("https://example.org/a?b=c");
  expect([challenge.status, challenge.by]).toEqual([200, "site"]);
  expect(site.asked).toEqual(["GET /acme/x"]);
});
