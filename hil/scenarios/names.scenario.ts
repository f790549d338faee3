import { expect } from "expect";
import { scenario } from "../kit/scenario.ts";
import type { ScenarioLab } from "../kit/scenario-lab.ts";
import type { ScriptedBackend } from "../kit/scripted-backend.ts";

const NAS = "nas.home";

/** The shortest time to live that the board observes, in seconds. */
const TTL_MIN_S = 5;

function addressesOf(servers: readonly ScriptedBackend[]): string[] {
  return servers.map(({ address }) => address);
}

/** A client that sends one request after the other for `ms`; the statuses, each with the server that answered. */
async function load(lab: ScenarioLab, ms: number): Promise<string[]> {
  const client = lab.client();
  const answers: string[] = [];
  for (const from = lab.nowMs; lab.nowMs < from + ms; ) {
    const { status, by } = await client.get("/");
    answers.push(`${status} ${by}`);
    await new Promise<void>(resolve => lab.later(250, resolve));
  }
  return answers;
}

/** Starts the proxy with the backend `nas`; its name leads to the first one of `servers`, and may lead to the others. */
async function startNas(
  lab: ScenarioLab,
  servers: readonly [ScriptedBackend, ...ScriptedBackend[]],
  settings?: object,
): Promise<void> {
  lab.named(NAS, servers, { name: "nas" });
  lab.dns.set(NAS, [servers[0].address], TTL_MIN_S);
  await lab.proxy(settings);
  await lab.until({ on: "backend", what: "resolved" });
}

scenario(
  "a backend's address changes in DNS under load, and no request fails",
  { needs: ["dns"] },
  async lab => {
    const red = lab.backend("red");
    const blue = lab.backend("blue");
    await startNas(lab, [red, blue]);

    const loads = Promise.all(Array.from({ length: 4 }, () => load(lab, 30_000)));
    lab.later(10_000, () => lab.dns.set(NAS, [blue.address], TTL_MIN_S));
    lab.later(16_000, () => red.stop());
    const answers = (await loads).flat();

    expect(answers.length).toBeGreaterThan(300);
    expect([...new Set(answers)].sort()).toEqual(["200 blue", "200 red"]);
    expect(answers.filter(answer => answer === "200 blue").length).toBeGreaterThan(100);
    expect(lab.logged({ on: "backend", what: "connect-failed" })).toEqual([]);
    expect(red.open).toBe(0);
  },
);

scenario(
  "a raw connection outlasts a change of its backend's address",
  { needs: ["dns"] },
  async lab => {
    const red = lab.backend("red");
    const blue = lab.backend("blue");
    await startNas(lab, [red, blue]);
    const [before, after] = lab.clients(2);

    before.send("one");
    await before.receive("one");
    lab.dns.set(NAS, [blue.address], TTL_MIN_S);
    await lab.until({ on: "backend", what: "resolved" });
    after.send("new");
    await after.receive("new");
    before.send("two");
    await before.receive("two");

    expect([red.received, blue.received]).toEqual(["onetwo", "new"]);
  },
);

scenario("DNS is down for ten minutes, and no client notices", { needs: ["dns"] }, async lab => {
  const red = lab.backend("red");
  await startNas(lab, [red], { health: { check: "tcp" } });

  lab.dns.fault = "silent";
  const asked = lab.dns.asked.length;
  const answers: unknown[] = [];
  for (let minute = 0; minute < 10; minute++) {
    await new Promise<void>(resolve => lab.later(60_000, resolve));
    answers.push((await lab.get("/")).status);
  }
  lab.dns.fault = undefined;
  await lab.until({ on: "backend", what: "resolved" });

  expect(answers).toEqual(Array(10).fill(200));
  expect(lab.logged({ on: "backend", what: "unresolved" }).map(({ values }) => values.why)).toEqual(
    ["timeout"],
  );
  expect(lab.logged({ on: "backend", what: "down" })).toEqual([]);
  expect(lab.dns.asked.length - asked).toBeLessThan(150); // it is not hammered meanwhile
});

scenario(
  "a name that does not resolve costs the others nothing, and serves once it does",
  { needs: ["dns"] },
  async lab => {
    const red = lab.backend("red");
    const blue = lab.backend("blue");
    lab.named(NAS, [blue], { name: "nas" });
    lab.dns.fault = "servfail";
    await lab.proxy({ health: { check: "tcp" } });
    await lab.until({ on: "backend", what: "down", name: "nas", check: "DNS" });

    const alone = [await lab.get("/1"), await lab.get("/2"), await lab.get("/3")];
    lab.dns.fault = undefined;
    lab.dns.set(NAS, [blue.address], 60);
    await lab.until({ on: "backend", what: "up", name: "nas" });
    const both = [await lab.get("/4"), await lab.get("/5")];

    expect(alone.map(({ status, by }) => `${status} ${by}`)).toEqual(Array(3).fill("200 red"));
    expect(both.map(({ by }) => by).sort()).toEqual(["blue", "red"]);
    expect(red.requests.length).toBe(4);
    expect(lab.logged({ on: "backend", what: "connect-failed" })).toEqual([]);
  },
);

scenario(
  "of four addresses two are dead: every request is served, and the backend stays up",
  { needs: ["dns", "simulated-network"] },
  async lab => {
    const refusing = lab.backend("refusing", { refuses: true });
    const silent = lab.backend("silent");
    const alive = [lab.backend("green"), lab.backend("blue")];
    const servers = [refusing, silent, ...alive];
    lab.named(NAS, servers, { name: "nas" });
    lab.dns.set(NAS, addressesOf(servers), 30);
    await lab.proxy({ health: { check: "tcp" } });
    lab.network.vanish("silent");
    await lab.until({ on: "backend", what: "resolved" });

    const answers = (await Promise.all(Array.from({ length: 3 }, () => load(lab, 60_000)))).flat();

    expect(new Set(answers)).toEqual(new Set(["200 green"]));
    expect(lab.logged({ on: "backend", what: "down" })).toEqual([]);
    expect(lab.logged({ on: "backend", what: "connect-failed" })).toEqual([]);
  },
);

scenario("a forged answer sends no client anywhere", { needs: ["dns"] }, async lab => {
  const red = lab.backend("red");
  await startNas(lab, [red]);

  const faults = ["wrong-id", "wrong-question", "query", "garbage", "cut"] as const;
  for (const fault of faults) {
    lab.dns.fault = fault;
    await new Promise<void>(resolve => lab.later(40_000, resolve));
    expect(await lab.get("/")).toMatchObject({ status: 200, by: "red" });
  }

  expect(lab.logged({ on: "backend", what: "resolved" }).length).toBe(1);
});
