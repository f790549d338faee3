import { createHash } from "node:crypto";
import { expect } from "expect";
import { patterned } from "../../backends/src/scripted.ts";
import type { Visit } from "../kit/cross-check.ts";
import { scenario } from "../kit/scenario.ts";
import type { ScenarioLab } from "../kit/scenario-lab.ts";

const COUNTERS = { needs: ["status"] } as const;

/** A client that sends a word, receives the backend's name, and closes. */
async function visit(lab: ScenarioLab, word: string): Promise<Visit> {
  const client = lab.client();
  client.send(word);
  const { received } = await client.closed();
  return { endpoint: client.endpoint, word, received };
}

scenario(
  "round robin is exact over a hundred connections, and clients, backends, log and counters agree",
  COUNTERS,
  async lab => {
    const round = ["red", "green", "blue", "white"];
    for (const name of round) lab.backend(name, { raw: "answer" });
    await lab.proxy();

    const before = await lab.status();
    const visits: Visit[] = [];
    for (let i = 0; i < 100; i++) visits.push(await visit(lab, `<${i}>`));

    expect(visits.map(({ received }) => received)).toEqual(visits.map((_, i) => round[i % 4]));
    expect(await lab.disagreements(visits, before)).toEqual([]);
  },
);

scenario(
  "a backend that stops and returns misses only the connections in between, by all counts",
  COUNTERS,
  async lab => {
    const red = lab.backend("red", { raw: "answer" });
    lab.backend("blue", { raw: "answer" });
    await lab.proxy({ health: { check: "tcp", intervalMs: 500, rise: 1 } });

    const before = await lab.status();
    const visits: Visit[] = [];
    for (let i = 0; i < 10; i++) visits.push(await visit(lab, `<${i}>`));
    red.stop();
    for (let i = 10; i < 30; i++) visits.push(await visit(lab, `<${i}>`));
    await lab.until({ on: "backend", what: "down" });
    await red.start();
    await lab.until({ on: "backend", what: "up" });
    for (let i = 30; i < 40; i++) visits.push(await visit(lab, `<${i}>`));

    const by = visits.map(({ received }) => received);
    expect(by.slice(10, 30)).toEqual(Array(20).fill("blue"));
    expect(by.filter(name => name === "red")).toHaveLength(10);
    expect(await lab.disagreements(visits, before)).toEqual([]);
  },
);

scenario(
  "the keyword ends a hundred connections, and each is logged as ended by it",
  COUNTERS,
  async lab => {
    lab.backend("red", { raw: "echo" });
    await lab.proxy({ inspect: [{ keyword: "END", action: "close" }] });

    // Several at a time: each close waits 300 ms for further bytes of the backend.
    for (let i = 0; i < 100; i += 5) {
      const clients = [0, 1, 2, 3, 4].map(() => lab.client());
      for (const [k, client] of clients.entries()) client.send(`<${i + k}> and END, not this`);
      for (const client of clients) {
        await client.closed();
        await lab.until({ on: "session", what: "end", why: "keyword" });
      }
    }

    const ends = lab.logged({ on: "session", what: "end" });
    expect(ends).toHaveLength(100);
    expect(ends.filter(({ values }) => values.why === "keyword")).toHaveLength(100);
  },
);

scenario("a mebibyte goes there and back, and not one bit is another", COUNTERS, async lab => {
  const bytes = 1024 * 1024;
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy({ inspect: [] });

  const sent = patterned(bytes);
  client.send(sent);
  const back = await client.receive(bytes);

  expect([digest(red.received), digest(back)]).toEqual([digest(sent), digest(sent)]);
});

function digest(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("hex");
}
