import { expect } from "expect";
import type { Client } from "../../backends/src/client.ts";
import { clientHello, name as serverName } from "../../firmware/src/net/hellos/testing.ts";
import { scenario } from "../kit/scenario.ts";
import type { ScenarioLab } from "../kit/scenario-lab.ts";

/** A cold boot, as users of such machines have measured it, and more. */
const COLD_BOOT_MS = 180_000;

const HOLD_MS = 240_000;

/** Waits in the target's time. */
function pause(lab: ScenarioLab, ms: number): Promise<void> {
  return new Promise(resolve => lab.later(ms, resolve));
}

const hello = Buffer.from(clientHello(serverName("cloud.example.org"))).toString("latin1");

const WEBSOCKET =
  "GET /chat HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/** Sends `bytes`, and receives until `end`. */
async function talk(client: Client, bytes: string, end: string): Promise<string> {
  client.send(bytes);
  return client.receive(end);
}

scenario(
  "a machine that boots for three minutes: six clients at once are held, and none is lost",
  { needs: ["machines"] },
  async lab => {
    const nas = lab.machine("nas", { bootMs: COLD_BOOT_MS, networkMs: 60_000 });
    const web = lab.backend("web", { upgrades: true }, { machine: "nas" });
    const cloud = lab.backend("cloud", {}, { machine: "nas" });
    const [get, post, chat, tls, raw, late] = lab.clients(6);
    await lab.proxy({
      routes: [{ backends: ["web"] }, { sni: ["cloud.example.org"], backends: ["cloud"] }],
    });

    const upload = "x".repeat(20_000);
    const [answer, posted, switched, echo, spoken, second] = await Promise.all([
      get.get("/film"),
      post.get("/upload", { method: "POST", body: upload }),
      talk(chat, WEBSOCKET, "\r\n\r\n"),
      talk(tls, hello, hello),
      talk(raw, "hello, nas", "hello, nas"),
      pause(lab, 5_000).then(() => late.get("/late", { method: "HEAD" })),
    ]);
    chat.send("\x81\x02hi");
    const frame = await chat.receive("\x81\x02hi");

    expect([answer.status, posted.status, second.status]).toEqual([200, 200, 200]);
    expect(switched).toMatch(/^HTTP\/1\.1 101 /);
    expect(frame).toBe("\x81\x02hi");
    expect(echo).toBe(hello);
    expect(spoken).toBe("hello, nas");
    expect(web.asked.sort()).toEqual(["GET /chat", "GET /film", "HEAD /late", "POST /upload"]);
    expect(web.requests.find(({ line }) => line.startsWith("POST"))?.body).toHaveLength(20_000);
    expect(cloud.received).toBe(hello);
    expect(nas.boots).toBe(1);
    expect(nas.otherPackets).toBe(0);
    expect(answer.ms).toBeGreaterThanOrEqual(COLD_BOOT_MS);
    expect(answer.ms).toBeLessThan(COLD_BOOT_MS + 10_000);
  },
);

scenario(
  "held clients are served in the order in which they came",
  { needs: ["machines"] },
  async lab => {
    lab.machine("nas", { bootMs: 20_000 });
    const web = lab.backend("web", {}, { machine: "nas", maxSessions: 1 });
    const clients = lab.clients(5);
    await lab.proxy({ queueTimeoutMs: 60_000, queueMax: 8 });

    const answers: Promise<{ status: number | undefined }>[] = [];
    for (const [index, client] of clients.entries()) {
      answers.push(client.get(`/${index}`, { headers: { Connection: "close" } }));
      await pause(lab, 500);
    }
    const statuses = (await Promise.all(answers)).map(({ status }) => status);

    expect(statuses).toEqual([200, 200, 200, 200, 200]);
    expect(web.asked).toEqual(["GET /0", "GET /1", "GET /2", "GET /3", "GET /4"]);
  },
);

scenario(
  "a machine that does not wake: every client gets its 503 or its close in time, and the next one at once",
  { needs: ["machines"] },
  async lab => {
    const nas = lab.machine("nas");
    nas.fault = "ignores-wake";
    lab.backend("web", {}, { machine: "nas" });
    const [get, post, raw, next, again] = lab.clients(5);
    await lab.proxy({ holdMs: HOLD_MS });

    const begin = lab.nowMs;
    raw.send("hello, nas");
    const [one, two, end] = await Promise.all([
      get.get("/"),
      post.get("/", { method: "POST", body: "x".repeat(5_000) }),
      raw.closed(),
    ]);
    const toldMs = lab.nowMs - begin;
    const refused = await next.get("/");

    expect([one.status, two.status, refused.status]).toEqual([503, 503, 503]);
    expect(end.received).toBe("");
    expect(toldMs).toBeLessThan(HOLD_MS + 5_000);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(30);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(60);
    expect(refused.ms).toBeLessThan(1_000);

    nas.fault = undefined;
    await pause(lab, 61_000);
    expect((await again.get("/")).status).toBe(200);
  },
);

scenario(
  "a client that leaves while it is held is forgotten, and the others are served",
  { needs: ["machines"] },
  async lab => {
    lab.machine("nas", { bootMs: 30_000 });
    const web = lab.backend("web", {}, { machine: "nas" });
    const cloud = lab.backend("cloud", {}, { machine: "nas" });
    const [stays, leaves, resets, posts, greets] = lab.clients(5);
    await lab.proxy({
      routes: [{ backends: ["web"] }, { sni: ["cloud.example.org"], backends: ["cloud"] }],
    });

    const answer = stays.get("/stays");
    leaves.send("GET /leaves HTTP/1.1\r\nHost: board\r\n\r\n");
    resets.send("GET /resets HTTP/1.1\r\nHost: board\r\n\r\n");
    // Behind bytes that wait unread, no socket reports that its peer has left.
    posts.send("POST /order HTTP/1.1\r\nHost: board\r\nContent-Length: 7\r\n\r\none cup");
    greets.send(hello);
    await pause(lab, 3_000);
    leaves.leave();
    resets.reset();
    posts.leave();
    greets.leave();
    const { status } = await answer;
    await pause(lab, 3_000);

    expect(status).toBe(200);
    expect(web.asked).toEqual(["GET /stays"]);
    expect(cloud.received).toBe("");
  },
);

scenario(
  "more clients than may be held: the others are refused politely, and the board goes on serving what is awake",
  { needs: ["machines"] },
  async lab => {
    lab.machine("nas", { bootMs: 60_000 });
    const web = lab.backend("web", {}, { machine: "nas" });
    const lamp = lab.backend("lamp");
    await lab.proxy({
      heldMax: 4,
      routes: [{ path: "/lamp", backends: ["lamp"] }, { backends: ["web"] }],
    });

    const held = lab.clients(4).map((client, index) => client.get(`/${index}`));
    await pause(lab, 1_000);
    const refused = await Promise.all(lab.clients(3).map(client => client.get("/more")));
    const light = await lab.get("/lamp");
    const statuses = (await Promise.all(held)).map(({ status }) => status);

    expect(refused.map(({ status }) => status)).toEqual([503, 503, 503]);
    for (const { headers, ms } of refused) {
      expect(headers["retry-after"]).toMatch(/^[1-9]\d*$/);
      expect(ms).toBeLessThan(1_000);
    }
    expect(light.by).toBe("lamp");
    expect(lamp.asked).toEqual(["GET /lamp"]);
    expect(statuses).toEqual([200, 200, 200, 200]);
    expect(web.asked).toHaveLength(4);
  },
);

scenario(
  "a browser gets a page at once that loads itself again, and then the site",
  { needs: ["machines"] },
  async lab => {
    lab.machine("nas", { bootMs: 20_000 });
    const web = lab.backend("web", {}, { machine: "nas" });
    const headers = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    await lab.proxy();

    const first = await lab.get("/album", { headers });
    let last = first;
    for (let loads = 0; last.status === 503 && loads < 60; loads++) {
      const seconds = Number(/http-equiv="?refresh"? content="?(\d+)/.exec(last.body)?.[1]);
      expect(seconds).toBeGreaterThan(0);
      await pause(lab, seconds * 1000);
      last = await lab.get("/album", { headers });
    }

    expect(first.ms).toBeLessThan(1_000);
    expect(first.headers["content-type"]).toMatch(/^text\/html/);
    expect(last.status).toBe(200);
    expect(last.by).toBe("web");
    expect(web.asked).toEqual(["GET /album"]);
  },
);

scenario(
  "nothing but packets is sent to a machine that sleeps, and a request that may not wake it is refused",
  { needs: ["machines", "simulated-network"] },
  async lab => {
    const nas = lab.machine("nas", { bootMs: 10_000 }, { wakeFor: [{ path: "/film" }] });
    const web = lab.backend("web", {}, { machine: "nas" });
    await lab.proxy();
    await pause(lab, 10_000); // the check at the start
    const received = nas.receivedAsleep;

    for (let count = 0; count < 50; count++) {
      expect((await lab.get(`/scan/${count}`)).status).toBe(503);
    }
    await pause(lab, 600_000);
    expect(nas.receivedAsleep).toBe(received);
    expect([nas.boots, nas.magicPackets]).toEqual([0, 0]);

    expect((await lab.get("/film/1")).status).toBe(200);
    expect(nas.boots).toBe(1);
    expect((await lab.get("/scan/awake")).status).toBe(200);
    expect(web.asked).toEqual(["GET /film/1", "GET /scan/awake"]);
  },
);

scenario(
  "the awake machine serves while another one sleeps, and a machine that dies is woken for the next client",
  { needs: ["machines"] },
  async lab => {
    const big = lab.machine("big", { bootMs: 10_000 });
    const spare = lab.machine("spare", { bootMs: 10_000 });
    lab.backend("one", {}, { machine: "big" });
    lab.backend("two", {}, { machine: "spare" });
    await lab.proxy({ health: { intervalMs: 1_000, timeoutMs: 500 } });

    expect((await lab.get("/")).by).toBe("one");
    for (let count = 0; count < 10; count++) expect((await lab.get("/")).by).toBe("one");
    expect([big.boots, spare.boots]).toEqual([1, 0]);

    big.sleep(); // by hand
    await lab.until({ on: "machine", what: "asleep", name: "big" });
    const { status } = await lab.get("/");
    expect(status).toBe(200);
    expect(big.boots + spare.boots).toBe(2);
  },
);

scenario(
  "two machines fall asleep at dusk, one after the other, and the next morning's client wakes one",
  { needs: ["machines"] },
  async lab => {
    const idleMs = 60_000;
    const sleeps = { idleMs };
    const first = lab.machine("first", { bootMs: 10_000 }, sleeps);
    const second = lab.machine("second", { bootMs: 10_000 }, sleeps);
    lab.backend("one", {}, { machine: "first" });
    lab.backend("two", {}, { machine: "second" });
    await lab.proxy({
      routes: [
        { path: "/one", backends: ["one"] },
        { path: "/two", backends: ["two"] },
      ],
    });

    expect((await lab.get("/one")).by).toBe("one");
    expect((await lab.get("/two")).by).toBe("two");
    for (let count = 0; count < 4; count++) {
      await pause(lab, 30_000);
      expect((await lab.get("/two")).status).toBe(200);
    }
    const asleep = lab.logged({ on: "machine", what: "asleep" });
    expect(asleep.map(({ values }) => values.name)).toEqual(["first"]);
    await lab.until({ on: "machine", what: "asleep", name: "first" });
    await lab.until({ on: "machine", what: "asleep", name: "second" });

    first.sleep();
    second.sleep();
    await pause(lab, 300_000);
    expect((await lab.get("/two")).by).toBe("two");
    expect([first.boots, second.boots]).toEqual([1, 2]);
  },
);

scenario(
  "power returns after a cut: the machine that boots by itself is found, and no client is lost",
  { needs: ["machines", "reset"] },
  async lab => {
    const nas = lab.machine("nas", { bootMs: 60_000 });
    lab.backend("web", {}, { machine: "nas" });
    await lab.proxy();
    expect((await lab.get("/")).status).toBe(200);

    nas.cutPower();
    await lab.board.reset();
    nas.restorePower({ boots: true });
    const { status } = await lab.get("/after");

    expect(status).toBe(200);
  },
);

scenario(
  "a machine that no packet wakes: its power button is pressed once, and not while it boots",
  { needs: ["machines", "buttons"] },
  async lab => {
    const wakeBy = { gpio: 25, pressMs: 200 };
    const silent = { bootMs: 60_000, networkMs: 50_000, button: wakeBy.gpio };
    const nas = lab.machine("nas", silent, { wakeBy });
    const web = lab.backend("web", {}, { machine: "nas" });
    const clients = lab.clients(3);
    await lab.proxy();

    const answers = clients.map(client => client.get("/"));
    const statuses = (await Promise.all(answers)).map(({ status }) => status);

    expect(statuses).toEqual([200, 200, 200]);
    expect(web.asked).toHaveLength(3);
    expect([nas.presses, nas.wrongPresses, nas.magicPackets]).toEqual([1, 0, 0]);
  },
);

scenario(
  "held clients on a full board: streams go on, newcomers get their 503, and the held ones are served when the machine is awake",
  { needs: ["machines"] },
  async lab => {
    lab.machine("nas", { bootMs: 60_000 });
    const web = lab.backend("web", {}, { machine: "nas" });
    lab.backend("lamp");
    await lab.proxy({
      routes: [{ path: "/film", backends: ["web"] }, { backends: ["lamp"] }],
      heldMax: 4,
      bytesPerSecondMin: 0, // or silent streams would give their slots to newcomers
    });

    const held = lab.clients(4).map((client, index) => client.get(`/film/${index}`));
    await pause(lab, 1_000);
    const streams = lab.clients(lab.board.sessionsMax - held.length);
    for (const stream of streams) await talk(stream, "hello", "hello");
    const refused = lab.clients(lab.board.queueMax + 2).map(client => client.get("/lamp"));
    const statuses = (await Promise.all(refused)).map(({ status }) => status);
    for (const stream of streams) expect(await talk(stream, "still here", "here")).toMatch(/here$/);
    const served = (await Promise.all(held)).map(({ status }) => status);

    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(served).toEqual([200, 200, 200, 200]);
    expect(web.asked).toHaveLength(4);
  },
);

scenario(
  "memory runs short while clients are held: they get their 503, the youngest first, before a session in progress is ended",
  { needs: ["machines"] },
  async lab => {
    lab.machine("nas", { bootMs: 90_000 });
    const web = lab.backend("web", {}, { machine: "nas" });
    lab.backend("lamp", { bodyBytes: 1_000_000 });
    await lab.proxy({
      routes: [{ path: "/film", backends: ["web"] }, { backends: ["lamp"] }],
      heldMax: 3,
    });

    const held = [];
    for (const [index, client] of lab.clients(3).entries()) {
      held.push(client.get(`/film/${index}`, { method: "POST", body: "x".repeat(2_000) }));
      await pause(lab, 500);
    }
    const slow = lab.clients(9); // they do not read: the buffers of their sessions are full
    for (const client of slow) {
      client.send("GET /lamp HTTP/1.1\r\nHost: board\r\n\r\n");
      client.pause();
      await pause(lab, 1_500); // the board looks at its memory once a second
    }
    await lab.until({ on: "proxy", what: "memory-low" });
    const replies = await Promise.all(held);
    for (const client of slow) client.reset();

    const requests = lab.logged({ on: "http", what: "request" }).map(({ values }) => values);
    expect(requests.slice(0, 3).map(({ path, state }) => `${path} ${state}`)).toEqual([
      "/film/2 RQ",
      "/film/1 RQ",
      "/film/0 RQ",
    ]);
    for (const { status, headers } of replies) {
      expect(status).toBe(503);
      expect(headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    }
    expect(web.asked).toEqual([]);
  },
);
