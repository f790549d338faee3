import { expect, test } from "vitest";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

test("the next picks are explained: every backend's score, or why it was left out", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", named("a").serve);
  lab.backend("b", named("b").serve, { weight: 2 });
  lab.backend("c", named("c").serve).stop();
  lab.backend("d", named("d").serve, { state: "maint" });
  lab.backend("e", named("e").serve, { backup: true });
  await lab.serve({
    balance: "least-connections",
    explain: 2,
    health: { check: "tcp", intervalMs: 1000 },
  });
  await lab.clock.run({ ms: 2000 });
  for (let i = 0; i < 4; i++) await lab.ask(GET);

  const picks = lab.events("backend", "pick").map(({ values }) => values);
  expect(picks).toMatchObject([
    { id: "1", picked: "b", by: "least-connections" }, // a tie, decided by weight
    { id: "2", picked: "a", by: "least-connections" },
  ]);
  expect(picks[0].scores).toBe("a=0 b=0 c=down/L4CON d=maint e=backup");
});

test("another configuration neither ends nor repeats the explanations, unless it changes their number", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", named("a").serve);
  await lab.serve({ explain: 1 });
  const { runtime } = lab.app!;
  const picks = async () => {
    const before = lab.events("backend", "pick").length;
    for (let i = 0; i < 4; i++) await lab.ask(GET);
    return lab.events("backend", "pick").length - before;
  };
  expect(await picks()).toBe(1);
  runtime.setKey("retries", 3);
  expect(await picks()).toBe(0);
  runtime.explain(3);
  runtime.setKey("retries", 1);
  expect(await picks()).toBe(3);
  runtime.setKey("explain", 2);
  expect(await picks()).toBe(2);
});
