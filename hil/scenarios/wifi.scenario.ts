import { expect } from "expect";
import type { Client } from "../../backends/src/client.ts";
import { patterned } from "../../backends/src/scripted.ts";
import { scenario } from "../kit/scenario.ts";

const SIMULATED_NETWORK = { needs: ["simulated-network"] } as const;

const RAIN = { latencyMs: 2, jitterMs: 10, bytesPerSecond: 500_000, loss: 0.02 };

scenario(
  "Wi-Fi drops for 20 s under load: every byte arrives, late",
  SIMULATED_NETWORK,
  async lab => {
    lab.backend("red");
    const clients = lab.clients(8);
    const messages = Array.from({ length: 20 }, (_, i) => `${i} ${patterned(2_000)}`);
    await lab.proxy({ inspect: [] });
    lab.network.link("board", RAIN);

    const chat = async (client: Client, message: string) => {
      client.send(message);
      await client.receive(message.length);
    };
    await Promise.all(clients.map(client => chat(client, messages[0])));
    const chats = clients.map(async client => {
      for (const message of messages.slice(1)) await chat(client, message);
      return client.received;
    });
    lab.wifi.drop(20_000);
    const away = lab.nowMs;
    const received = await Promise.all(chats);

    expect(received.map(text => text === messages.join(""))).toEqual(Array(8).fill(true));
    expect(lab.nowMs - away).toBeGreaterThan(20_000);
    expect(lab.logged({ on: "net" })).toHaveLength(2);
  },
);

scenario(
  "sessions that find no memory while the Wi-Fi is away are cut visibly, and the board continues to serve",
  SIMULATED_NETWORK,
  async lab => {
    lab.backend("red");
    const clients = lab.clients(8);
    const sent = patterned(150_000);
    await lab.proxy({ inspect: [] });
    lab.network.link("board", RAIN);

    for (const client of clients) client.send(sent);
    await Promise.allSettled(clients.map(client => client.receive(1)));
    lab.wifi.drop(20_000);
    const whole = clients.map(client => client.receive(sent.length - 1));
    const outcomes = await Promise.allSettled(whole);
    const next = await lab.get("/");

    for (const { received } of clients) expect(sent.startsWith(received)).toBe(true);
    expect(outcomes.map(({ status }) => status)).toContain("fulfilled");
    expect(next.status).toBe(200);
  },
);

scenario(
  "a client that connects while the Wi-Fi is away is served when it is back",
  SIMULATED_NETWORK,
  async lab => {
    lab.backend("red");
    await lab.proxy();

    lab.wifi.drop(2_000);
    const reply = await lab.get("/");

    expect(reply).toMatchObject({ status: 200, by: "red" });
    expect(reply.ms).toBeGreaterThan(2_000);
  },
);

scenario(
  "while the Wi-Fi is away no failure is counted for a backend",
  SIMULATED_NETWORK,
  async lab => {
    lab.backend("red");
    lab.backend("blue");
    await lab.proxy({ health: { check: "tcp", intervalMs: 500, timeoutMs: 200, fall: 1 } });

    lab.wifi.drop(30_000);
    await lab.until({ on: "net" });
    const replies = [await lab.get("/1"), await lab.get("/2")];

    expect(replies.map(({ by }) => by).sort()).toEqual(["blue", "red"]);
    expect(lab.logged({ on: "backend" })).toEqual([]);
  },
);

scenario(
  "on a link that loses every tenth packet requests come late, and none is lost",
  SIMULATED_NETWORK,
  async lab => {
    lab.backend("red", { bodyBytes: 5_000 });
    lab.backend("blue", { bodyBytes: 5_000 });
    await lab.proxy();
    lab.network.link("board", { latencyMs: 5, jitterMs: 40, loss: 0.1 });

    const replies = await Promise.all(Array.from({ length: 12 }, (_, i) => lab.get(`/${i}`)));

    for (const { status, body, cutShort } of replies) {
      expect([status, cutShort]).toEqual([200, false]);
      expect(body === patterned(5_000)).toBe(true);
    }
  },
);

scenario(
  "a link that is cut for 10 s delays a download, and changes no byte of it",
  SIMULATED_NETWORK,
  async lab => {
    const body = patterned(60_000);
    lab.backend("red", { body, bytesPerSecond: 30_000 });
    const client = lab.client();
    await lab.proxy();

    const download = client.get("/film");
    await client.receive("\r\n\r\n");
    lab.later(10_000, lab.network.cut("board", "red"));
    const reply = await download;

    expect(reply.cutShort).toBe(false);
    expect(reply.body === body).toBe(true);
    expect(reply.ms).toBeGreaterThan(10_000);
  },
);

scenario(
  "a backend that vanishes during a request costs 504, and the next request goes to another",
  SIMULATED_NETWORK,
  async lab => {
    const red = lab.backend("red", { latencyMs: 500 });
    lab.backend("blue");
    await lab.proxy({ responseTimeoutMs: 2_000, connectTimeoutMs: 500 });

    const lost = lab.get("/1");
    const served = await lab.get("/2");
    lab.network.vanish("red");
    const late = await lost;
    const next = await lab.get("/3");

    expect(red.connections).toBe(1);
    expect(served.by).toBe("blue");
    expect(late.status).toBe(504);
    expect(next).toMatchObject({ status: 200, by: "blue" });
  },
);

scenario(
  "a client that vanishes without a FIN loses its slot after a timeout",
  SIMULATED_NETWORK,
  async lab => {
    lab.backend("red");
    const ghost = lab.client("laptop");
    const patient = { queueTimeoutMs: 60_000, bytesPerSecondMin: 0 };
    await lab.proxy({ sessionsMax: 1, tunnelTimeoutMs: 5_000, ...patient });

    ghost.send("hello");
    await ghost.receive("hello");
    lab.network.vanish("laptop");
    const next = await lab.get("/");

    expect(next.status).toBe(200);
    expect(next.ms).toBeGreaterThan(4_000);
  },
);

scenario(
  "a backend that loses its power in mid-reply cuts that reply, and is used again when it is back",
  SIMULATED_NETWORK,
  async lab => {
    const red = lab.backend("red", { bodyBytes: 50_000, bytesPerSecond: 10_000 });
    const client = lab.client();
    await lab.proxy({ idleTimeoutMs: 3_000, connectTimeoutMs: 500 });

    const film = client.get("/film");
    await client.receive("\r\n\r\n");
    const powerOn = lab.network.crash("red");
    const cut = await film;
    const away = await lab.get("/");
    powerOn();
    await red.start();
    const back = lab.client();
    const again = back.get("/");
    await back.receive("\r\n\r\n");

    expect(cut).toMatchObject({ status: 200, cutShort: true });
    expect(away.status).toBe(504);
    expect((await again).by).toBe("red");
  },
);

scenario(
  "while one backend's network is jammed the others are served as before",
  SIMULATED_NETWORK,
  async lab => {
    lab.backend("jammed");
    lab.backend("free");
    await lab.proxy();

    const jam = lab.network.clog("jammed");
    const stuck = lab.get("/stuck");
    const quick = await Promise.all([lab.get("/1"), lab.get("/2").then(() => lab.get("/3"))]);
    jam();

    expect(quick[0]).toMatchObject({ status: 200, by: "free" });
    expect(quick[0].ms).toBeLessThan(50);
    expect((await stuck).status).toBe(200);
  },
);
