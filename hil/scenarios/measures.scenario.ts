import { expect } from "expect";
import type { Client } from "../../backends/src/client.ts";
import { patterned } from "../../backends/src/scripted.ts";
import { scenario } from "../kit/scenario.ts";

/** How long lwIP remembers a connection that the board closed first: 2 x CONFIG_LWIP_TCP_MSL. */
const TIME_WAIT_MS = 60_000;

const measures = (...names: string[]) =>
  ({ needs: ["status", "budgets"], measures: names }) as const;

scenario(
  "a board that is reset under load serves again soon",
  { needs: ["reset", "budgets"], measures: ["boot to serving"] },
  async lab => {
    lab.backend("red");
    const clients = lab.clients(6);
    await lab.proxy();

    const askOn = async (client: Client) => {
      let served = 0;
      while ((await client.get("/")).status === 200) served++;
      return served;
    };
    const busy = clients.map(askOn);
    for (let i = 0; i < 60; i++) await lab.until({ on: "http" });
    const sinceMs = lab.nowMs;
    await lab.board.reset();
    const after = await lab.get("/after");
    lab.measure("boot to serving", lab.nowMs - sinceMs);

    expect(after.status).toBe(200);
    for (const served of await Promise.all(busy)) expect(served).toBeGreaterThan(0);
  },
);

scenario(
  "a board that leaves its Wi-Fi and joins again loses no byte and blames no backend",
  { needs: ["serial", "budgets"], measures: ["Wi-Fi lost to serving"] },
  async lab => {
    lab.backend("red");
    lab.backend("blue");
    const clients = lab.clients(4);
    await lab.proxy({ inspect: [], health: { check: "tcp", intervalMs: 500 } });

    for (const client of clients) client.send("before ");
    await Promise.all(clients.map(client => client.receive("before ")));
    const sinceMs = lab.nowMs;
    await lab.type("wifi-rejoin");
    for (const client of clients) client.send("after");
    await lab.until(({ on, values }) => on === "net" && values.ip !== undefined);
    const next = await lab.get("/");
    lab.measure("Wi-Fi lost to serving", lab.nowMs - sinceMs);
    const received = await Promise.all(clients.map(client => client.receive("after")));

    expect(next.status).toBe(200);
    expect(received).toEqual(Array(4).fill("after"));
    expect(lab.logged({ on: "backend", what: "down" })).toEqual([]);
  },
);

scenario("a hundred clients connect quickly", measures("connect p50", "connect p95"), async lab => {
  lab.backend("red");
  await lab.proxy();

  const times: number[] = [];
  for (let i = 0; i < 100; i++) {
    const client = lab.client();
    const sinceMs = lab.nowMs;
    await client.connect();
    times.push(lab.nowMs - sinceMs);
    client.leave();
    await lab.until({ on: "session", what: "end" });
  }

  times.sort((a, b) => a - b);
  lab.measure("connect p50", times[49]);
  lab.measure("connect p95", times[94]);
});

scenario(
  "two thousand requests leak no memory",
  measures("requests", "heap floor", "heap lost per 1,000 requests"),
  async lab => {
    const requests = 2_000;
    lab.backend("red");
    lab.backend("blue");
    const clients = lab.clients(4);
    await lab.proxy();

    // Reading the status ends a connection, which the board remembers in TIME_WAIT: heap that comes back.
    const heap: number[] = [];
    const readMs: number[] = [];
    const readHeap = async () => {
      const { heap: free } = await lab.status();
      readMs.push(lab.nowMs);
      return free!;
    };
    const [first, second, third] = [await readHeap(), await readHeap(), await readHeap()];
    const rememberedBytes = Math.max(0, Math.min(first - second, second - third));
    const free: number[] = [];
    const sinceMs = lab.nowMs;
    for (let i = 0; i < requests; i += clients.length) {
      const replies = await Promise.all(clients.map(client => client.get(`/${i}`)));
      expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      if (i % 100 !== 0) continue;
      free.push(await readHeap());
      const remembered = readMs.filter(ms => lab.nowMs - ms < TIME_WAIT_MS).length;
      heap.push(free.at(-1)! + remembered * rememberedBytes);
    }
    const seconds = (lab.nowMs - sinceMs) / 1000;

    lab.measure("requests", requests / seconds);
    lab.measure("heap floor", Math.min(...free));
    lab.measure("heap lost per 1,000 requests", -slope(heap) * 10);
  },
);

scenario(
  "throughput both ways is within its limits",
  measures("to the backend", "to the client"),
  async lab => {
    const kib = 512;
    const body = patterned(kib * 1024);
    const sink = lab.backend("sink");
    lab.backend("source", { body });
    const client = lab.client();
    await lab.proxy({
      inspect: [],
      routes: [{ path: "/source", backends: ["source"] }, { backends: ["sink"] }],
    });

    const upload = await client.request("/", { method: "POST", body });
    const download = await client.get("/source");

    expect(sink.requests[0].body.toString("latin1") === body).toBe(true);
    expect(download.body === body).toBe(true);
    lab.measure("to the backend", kib / (upload.ms / 1000));
    lab.measure("to the client", kib / (download.ms / 1000));
  },
);

scenario(
  "as many sessions at once as the board promises",
  measures("sessions at once"),
  async lab => {
    lab.backend("red");
    await lab.proxy();

    const clients = lab.clients(lab.board.sessionsMax);
    for (const client of clients) client.send("hello");
    await Promise.all(clients.map(client => client.receive("hello")));

    lab.measure("sessions at once", (await lab.status()).sessions);
  },
);

/** The slope of the straight line that fits all values best. */
function slope(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = (values.length - 1) / 2;
  let above = 0;
  let below = 0;
  for (const [i, value] of values.entries()) {
    above += (i - middle) * (value - mean);
    below += (i - middle) ** 2;
  }
  return above / below;
}
